// Results of evaluations, as `bump evaluate`, `bump ablate` and `bump sft` write them.
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type EvaluationResult, evaluationResultSchema } from '../evaluate/result.ts'
import { BumpError } from '../util/errors.ts'
import { parseJson } from '../util/parse-json.ts'

/** Reads a result.json, or the one in a folder. Throws BumpError where there is none, or it is something else. */
export function readEvaluation(path: string): EvaluationResult {
  let content: string
  let file = path
  try {
    if (statSync(path).isDirectory()) file = join(path, 'result.json')
    content = readFileSync(file, 'utf8')
  } catch (cause) {
    throw new BumpError(
      'run-unusable',
      `--evaluations ${file}: cannot be read (${(cause as NodeJS.ErrnoException).code}). Name a result.json of bump evaluate or bump ablate.`,
      { cause },
    )
  }
  let value: unknown
  try {
    value = parseJson(content)
  } catch (cause) {
    throw new BumpError('run-unusable', `${file} is not JSON. Name a result.json of bump evaluate or bump ablate.`, {
      cause,
    })
  }
  const { data, error } = evaluationResultSchema.safeParse(value)
  if (data) return data
  const [{ path: place, message }] = error!.issues
  throw new BumpError(
    'run-unusable',
    `${file} is no evaluation result (${place.join('.') || 'the whole'}: ${message}). Name a result.json of bump evaluate or bump ablate.`,
  )
}
