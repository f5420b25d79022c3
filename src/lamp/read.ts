// LaMP files -> one split of one task, checked: official folders (by user or by time) and sets rebuilt in their shape.
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { BumpError } from '../util/errors.ts'
import { readGolds } from './golds.ts'
import { readQuestions } from './questions.ts'
import { taskOf } from './tasks.ts'
import { LAMP_TASKS, type LampSplit, type LampTaskNumber } from './types.ts'

export const LAMP_SPLITS = ['train', 'dev', 'test'] as const
export type LampSplitName = (typeof LAMP_SPLITS)[number]

/**
 * Reads `<split>_questions.json` and `<split>_outputs.json`, plain or gzipped, from a folder: `LaMP_N/<split>`,
 * `LaMP_N`, the folder above, or one that holds the files themselves. Golds may be absent for test only (there they are
 * withheld). `oldNews` permits the old task 2, news categories. Throws a BumpError for a missing folder or file, a file that is no JSON, questions of another task, and
 * golds that do not match the questions.
 */
export function readLamp(
  folder: string,
  options: { task: LampTaskNumber; split: LampSplitName; oldNews?: boolean },
): LampSplit {
  const { task, split } = options
  if (!LAMP_TASKS.includes(task))
    throw new BumpError('invalid-options', `there is no LaMP task ${task}: tasks are ${LAMP_TASKS.join(', ')}`)
  checkFolder(folder)
  const file = find(folder, task, `${split}_questions`)
  if (file === undefined) throw noQuestions(folder, task, split)
  const { questions, variant, rebuilt } = readQuestions(file, task)
  if (variant === 'LaMP-2N' && !options.oldNews)
    throw new BumpError(
      'lamp-unusable',
      `${file}: this is the old LaMP-2, news categories (LaMP-2N), not the movie tags that LaMP-2 is today: download LaMP_2 anew, or evaluate the old task by --old-news of bump evaluate lamp`,
    )
  const outputs = find(folder, task, `${split}_outputs`)
  if (outputs === undefined && split !== 'test')
    throw new BumpError(
      'lamp-unusable',
      `${file}: ${split}_outputs.json is missing beside it: it holds the answers that ${split} is scored on; download it too`,
    )
  const ids = questions.map((question) => question.id)
  const golds = outputs === undefined ? undefined : readGolds(outputs, taskOf({ task, variant }), ids)
  return { task, variant, file, questions, golds, rebuilt }
}

function checkFolder(folder: string): void {
  const found = statSync(folder, { throwIfNoEntry: false })
  if (found === undefined)
    throw new BumpError('lamp-unusable', `${folder}: no such folder: name the folder of the downloaded LaMP files`)
  if (!found.isDirectory())
    throw new BumpError('lamp-unusable', `${folder}: not a folder: name the folder that holds the LaMP files`)
}

/** Path of `<name>.json` or `<name>.json.gz`, in the folder or where the benchmark puts it below. */
function find(folder: string, task: LampTaskNumber, name: string): string | undefined {
  const split = name.split('_')[0]
  const places = [[], [split], [`LaMP_${task}`], [`LaMP_${task}`, split]]
  return places
    .flatMap((place) => [join(folder, ...place, `${name}.json`), join(folder, ...place, `${name}.json.gz`)])
    .find((path) => existsSync(path))
}

function noQuestions(folder: string, task: LampTaskNumber, split: LampSplitName): BumpError {
  const others = LAMP_SPLITS.filter((name) => find(folder, task, `${name}_questions`) !== undefined)
  const advice =
    others.length > 0
      ? `it has ${others.join(' and ')}: choose one of these`
      : `expected there, in ${split}/ or in LaMP_${task}/${split}/`
  return new BumpError(
    'lamp-unusable',
    `${folder}: no ${split}_questions.json or ${split}_questions.json.gz: ${advice}`,
  )
}
