// LaMP files -> one split of one task, checked: official folders (by user or by time) and sets rebuilt in their shape.
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type NumericTime, numericTimeOf, parseTime } from '../logs/time.ts'
import { BumpError } from '../util/errors.ts'
import { few } from '../util/few.ts'
import { idAt, objectAt, readJsonArray } from './json-file.ts'
import { readGolds } from './outputs.ts'
import { type LampTask, TASK_2_VARIANTS, TASKS, taskOf } from './tasks.ts'
import { LAMP_TASKS, type LampItem, type LampQuestion, type LampSplit, type LampTaskNumber } from './types.ts'

export const LAMP_SPLITS = ['train', 'dev', 'test'] as const
export type LampSplitName = (typeof LAMP_SPLITS)[number]

/**
 * Reads `<split>_questions.json` and `<split>_outputs.json`, plain or gzipped, from a folder: `LaMP_N/<split>`,
 * `LaMP_N`, the folder above, or one that holds the files themselves. Golds may be absent for test only (there they are
 * withheld). `oldNews` permits the old task 2, news categories. Throws a BumpError for a missing folder or file, a file
 * that is no JSON, questions of another task, and golds that do not match the questions.
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
      `${file}: this is the old LaMP-2, news categories (LaMP-2N), not the movie tags that LaMP-2 is today: download LaMP_2 anew. bump evaluate lamp and bump evaluate predictions take the old task with --old-news`,
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
  const below = [[], [split], [`LaMP_${task}`], [`LaMP_${task}`, split]]
  return below
    .flatMap((path) => [join(folder, ...path, `${name}.json`), join(folder, ...path, `${name}.json.gz`)])
    .find((file) => existsSync(file))
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

/**
 * Reads a questions file. `variant` tells the movie tags of task 2 from the news categories of the old LaMP-2.
 * Throws a BumpError with file and line for a question of another shape, repeated ids and empty profiles.
 */
function readQuestions(
  file: string,
  number: LampTaskNumber,
): { questions: LampQuestion[]; variant: string; rebuilt: boolean } {
  const questions: LampQuestion[] = []
  const lines = new Map<string, number>()
  const withoutItems: string[] = []
  let task: LampTask | undefined
  let rebuilt = false
  for (const { value, line } of readJsonArray(file)) {
    const at = `${file}:${line}`
    const question = objectAt(at, value, 'a question')
    const id = idAt(at, question.id, 'the question')
    if (lines.has(id))
      throw new BumpError('lamp-unusable', `${at}: question id '${id}' was on line ${lines.get(id)} already`)
    lines.set(id, line)
    if (typeof question.input !== 'string' || question.input.trim() === '')
      throw new BumpError('lamp-unusable', `${at}: question '${id}' has no text in 'input'`)
    const own = variantOf(number, question.input, at)
    task ??= own
    if (own !== task)
      throw new BumpError(
        'lamp-unusable',
        `${at}: a question of ${own.variant} in a file that begins with ${task.variant}: separate them`,
      )
    if (!Array.isArray(question.profile))
      throw new BumpError(
        'lamp-unusable',
        `${at}: question '${id}' has no 'profile' array: these are no LaMP questions`,
      )
    if (question.profile.length === 0) withoutItems.push(id)
    rebuilt ||= question.user_id !== undefined
    const user = question.user_id === undefined ? id : idAt(at, question.user_id, 'the user')
    const items = question.profile.map((item, i) =>
      readItem(item, `${at}: question '${id}', profile item ${i + 1}`, own),
    )
    questions.push({ id, user, input: question.input, items })
  }
  if (task === undefined) throw new BumpError('lamp-unusable', `${file}: holds no questions`)
  if (withoutItems.length > 0)
    throw new BumpError(
      'lamp-unusable',
      `${file}: ${withoutItems.length} of ${questions.length} questions have an empty profile ` +
        `(ids ${few(withoutItems)}): nothing personal is known there; remove them from questions and outputs`,
    )
  return { questions: inOrder(questions), variant: task.variant, rebuilt }
}

/** Which publication of the task a question is of. */
function variantOf(number: LampTaskNumber, input: string, at: string): LampTask {
  if (number !== 2) return TASKS[number]
  const found = /\b(?:tags|categories): \[([^\]]*)\]/.exec(input)
  const offered = new Set(found?.[1].split(',').map((label) => label.trim()))
  const task = TASK_2_VARIANTS.find(
    ({ labels }) => labels?.length === offered.size && labels.every((l) => offered.has(l)),
  )
  if (task !== undefined) return task
  throw new BumpError(
    'lamp-unusable',
    `${at}: not a question of LaMP-2: its input offers neither the 15 movie tags (LaMP-2M) nor the 15 news categories ` +
      `of the old LaMP-2 (LaMP-2N)`,
  )
}

/** The item with its date as written; `inOrder` reads the dates when all are known. */
function readItem(value: unknown, at: string, task: LampTask): LampItem {
  const { id, date, ...rest } = objectAt(at, value, 'a profile item')
  const fields: Record<string, string> = {}
  for (const [name, field] of Object.entries(rest)) {
    if (typeof field === 'string') fields[name] = field
    else if (typeof field === 'number' || typeof field === 'boolean') fields[name] = String(field)
  }
  const missing = task.fields.find((name) => fields[name] === undefined)
  if (missing !== undefined)
    throw new BumpError(
      'lamp-unusable',
      `${at}: no '${missing}', which items of ${task.variant} have (found ${Object.keys(fields).join(', ') || 'nothing'}): ` +
        'is this the folder of that task?',
    )
  return {
    id: idAt(at, id, 'the item'),
    ...(typeof date === 'string' || typeof date === 'number' ? { date: String(date) } : {}),
    fields,
  }
}

/** Items oldest first where every item of the question has a readable date, else as in the file; dates become ISO. */
function inOrder(questions: readonly LampQuestion[]): LampQuestion[] {
  const numeric = numericDates(questions)
  return questions.map((question) => {
    const timed = question.items.map(({ date, ...item }) => {
      const time = date === undefined ? undefined : parseTime(date, { numeric })
      return { time, item: time === undefined ? item : { ...item, date: isoDate(time) } }
    })
    if (timed.every(({ time }) => time !== undefined)) timed.sort((a, b) => a.time! - b.time!)
    return { ...question, items: timed.map(({ item }) => item) }
  })
}

/** How the file means dates that are bare numbers: years, or time since 1970. */
function numericDates(questions: readonly LampQuestion[]): NumericTime {
  let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const { items } of questions) {
    for (const { date } of items) {
      const value = Number(date ?? Number.NaN)
      if (value < min) min = value
      if (value > max) max = value
    }
  }
  return min > max ? 'epoch' : numericTimeOf(min, max)
}

function isoDate(time: number): string {
  return new Date(time).toISOString().replace('T00:00:00.000Z', '')
}
