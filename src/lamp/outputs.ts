// The official shape of answers, {task, golds: [{id, output}]}: gold outputs in, predictions in and out. Ids must match
// the questions exactly, as the benchmark's own scoring demands.
import { BumpError } from '../util/errors.ts'
import { few } from '../util/few.ts'
import { writeFileAtomic } from '../util/files.ts'
import { idAt, objectAt, readJson } from './json-file.ts'
import type { LampTask } from './tasks.ts'
import type { LampSplit, LampTaskNumber } from './types.ts'

/**
 * [question] the gold outputs of a file, in the order of `ids`. Throws a BumpError for golds of another task, ids that
 * differ from the questions', and outputs that the task does not know. Ratings like '4.0' become '4'.
 */
export function readGolds(file: string, task: LampTask, ids: readonly string[]): string[] {
  const written = readOutputs(file, task.number, ids, 'gold')
  const golds = written.map((gold) => (task.number === 3 ? String(Number(gold)) : gold.trim()))
  const { labels } = task
  const wrong = labels === undefined ? -1 : golds.findIndex((gold) => !labels.includes(gold))
  if (wrong >= 0)
    throw new BumpError(
      'lamp-unusable',
      `${file}: the gold of '${ids[wrong]}' is '${written[wrong].slice(0, 60)}', which is no answer of ${task.variant} ` +
        `(${labels?.join(', ')})`,
    )
  return golds
}

/** [question] predictions of a file. Throws a BumpError where its task or its ids differ from the split's. */
export function readPredictions(file: string, split: LampSplit): string[] {
  const ids = split.questions.map((question) => question.id)
  return readOutputs(file, split.task, ids, 'prediction')
}

/**
 * Writes {task, golds: [{id, output}]}, the shape in which LaMP takes predictions. A question without an answer is left
 * out, so that nobody can score what was never said.
 */
export function writePredictions(file: string, split: LampSplit, predictions: readonly (string | undefined)[]): void {
  const golds = split.questions.flatMap(({ id }, i) =>
    predictions[i] === undefined ? [] : [{ id, output: predictions[i] }],
  )
  writeFileAtomic(file, `${JSON.stringify({ task: `LaMP_${split.task}`, golds }, null, 2)}\n`)
}

/** [id] outputs of a file in the order of `ids`, as written. Throws a BumpError where task or ids differ. */
function readOutputs(
  file: string,
  task: LampTaskNumber,
  ids: readonly string[],
  what: 'gold' | 'prediction',
): string[] {
  const content = objectAt(file, readJson(file), `a file of ${what}s {task, golds: [{id, output}]}`)
  checkTask(file, content.task, task)
  if (!Array.isArray(content.golds)) throw new BumpError('lamp-unusable', `${file}: no 'golds' array of {id, output}`)
  const outputs = new Map<string, string>()
  const repeated: string[] = []
  for (const [i, entry] of content.golds.entries()) {
    const at = `${file}: ${what} ${i + 1}`
    const { id: written, output } = objectAt(at, entry, `a ${what}`)
    const id = idAt(at, written, `the ${what}`)
    if (typeof output !== 'string' && typeof output !== 'number')
      throw new BumpError('lamp-unusable', `${at}: '${id}' has no text in 'output'`)
    if (outputs.has(id)) repeated.push(id)
    outputs.set(id, String(output))
  }
  checkIds(file, ids, outputs, repeated, what)
  return ids.map((id) => outputs.get(id)!)
}

function checkTask(file: string, written: unknown, task: LampTaskNumber): void {
  const found = typeof written === 'string' ? /^LaMP[_-]?(\d+)/i.exec(written) : null
  if (found === null)
    throw new BumpError(
      'lamp-unusable',
      `${file}: 'task' is ${JSON.stringify(written) ?? 'missing'}: expected "LaMP_${task}"`,
    )
  if (Number(found[1]) !== task)
    throw new BumpError(
      'lamp-unusable',
      `${file}: of task ${written}, not LaMP_${task}: take the file or the task that belongs here`,
    )
}

function checkIds(
  file: string,
  ids: readonly string[],
  outputs: ReadonlyMap<string, string>,
  repeated: readonly string[],
  what: string,
): void {
  const known = new Set(ids)
  const missing = ids.filter((id) => !outputs.has(id))
  const extra = [...outputs.keys()].filter((id) => !known.has(id))
  const parts = [
    missing.length > 0 ? `${missing.length} missing (${few(missing)})` : '',
    extra.length > 0 ? `${extra.length} of no question (${few(extra)})` : '',
    repeated.length > 0 ? `${repeated.length} repeated (${few(repeated)})` : '',
  ].filter((part) => part !== '')
  if (parts.length > 0)
    throw new BumpError(
      'lamp-unusable',
      `${file}: the ${what}s do not match the ${ids.length} questions: ${parts.join('; ')}: every question needs exactly one`,
    )
}
