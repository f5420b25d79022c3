// result.json of an evaluation: what the report draws.
import { join } from 'node:path'
import { writeFileAtomic } from '../util/files.ts'
import { type EvaluationResult, evaluationResultSchema } from './result.ts'

/** Writes result.json into `folder`, and gives the result. */
export function writeResult(folder: string, result: EvaluationResult): EvaluationResult {
  writeFileAtomic(
    join(folder, 'result.json'),
    `${JSON.stringify(evaluationResultSchema.parse(result), undefined, 2)}\n`,
  )
  return result
}
