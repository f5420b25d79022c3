// Predictions in the benchmark's own shape, for its evaluation server and for scoring later.
import { writeFileAtomic } from '../util/files.ts'
import { readAnswers } from './golds.ts'
import type { LampSplit } from './types.ts'

/** [question] predictions of a file. Throws a BumpError where its task or its ids differ from the split's. */
export function readPredictions(file: string, split: LampSplit): string[] {
  const ids = split.questions.map((question) => question.id)
  return readAnswers(file, split.task, ids, 'prediction')
}

/** Writes {task, golds: [{id, output}]}, the shape in which LaMP takes predictions. */
export function writePredictions(file: string, split: LampSplit, predictions: readonly string[]): void {
  const golds = split.questions.map(({ id }, i) => ({ id, output: predictions[i] }))
  writeFileAtomic(file, `${JSON.stringify({ task: `LaMP_${split.task}`, golds }, null, 2)}\n`)
}
