// Questions of a LaMP file, checked one by one, with their profile items in order of time.
import { type NumericTime, numericTimeOf, parseTime } from '../logs/time.ts'
import { BumpError } from '../util/errors.ts'
import { readJsonArray } from './json-file.ts'
import { type LampTask, TASK_2_VARIANTS, TASKS } from './tasks.ts'
import type { LampItem, LampQuestion, LampTaskNumber } from './types.ts'

/** Ids listed in an error, of those that it concerns. */
const LISTED = 5

/**
 * Reads a questions file. `variant` tells the movie tags of task 2 from the news categories of the old LaMP-2.
 * Throws a BumpError with file and line for a question of another shape, repeated ids and empty profiles.
 */
export function readQuestions(
  file: string,
  number: LampTaskNumber,
): { questions: LampQuestion[]; variant: string; rebuilt: boolean } {
  const questions: LampQuestion[] = []
  const lines = new Map<string, number>()
  const withoutItems: string[] = []
  let task: LampTask | undefined
  let rebuilt = false
  for (const { value, line } of readJsonArray(file)) {
    const where = `${file}:${line}`
    const record = objectAt(where, value, 'a question')
    const id = idAt(where, record.id, 'the question')
    if (lines.has(id))
      throw new BumpError('lamp-unusable', `${where}: question id '${id}' was on line ${lines.get(id)} already`)
    lines.set(id, line)
    if (typeof record.input !== 'string' || record.input.trim() === '')
      throw new BumpError('lamp-unusable', `${where}: question '${id}' has no text in 'input'`)
    const own = variantOf(number, record.input, where)
    task ??= own
    if (own !== task)
      throw new BumpError(
        'lamp-unusable',
        `${where}: a question of ${own.variant} in a file that begins with ${task.variant}: separate them`,
      )
    if (!Array.isArray(record.profile))
      throw new BumpError(
        'lamp-unusable',
        `${where}: question '${id}' has no 'profile' array: these are no LaMP questions`,
      )
    if (record.profile.length === 0) withoutItems.push(id)
    rebuilt ||= record.user_id !== undefined
    const user = record.user_id === undefined ? id : idAt(where, record.user_id, 'the user')
    const items = record.profile.map((item, i) =>
      readItem(item, `${where}: question '${id}', profile item ${i + 1}`, own),
    )
    questions.push({ id, user, input: record.input, items })
  }
  if (task === undefined) throw new BumpError('lamp-unusable', `${file}: holds no questions`)
  if (withoutItems.length > 0)
    throw new BumpError(
      'lamp-unusable',
      `${file}: ${withoutItems.length} of ${questions.length} questions have an empty profile ` +
        `(ids ${listed(withoutItems)}): nothing personal is known there; remove them from questions and outputs`,
    )
  return { questions: inOrder(questions), variant: task.variant, rebuilt }
}

/** The first few of a list, for an error. */
export function listed(ids: readonly string[]): string {
  return ids.slice(0, LISTED).join(', ') + (ids.length > LISTED ? ', ...' : '')
}

/** An object with string keys, or a BumpError. */
export function objectAt(where: string, value: unknown, what: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw new BumpError(
    'lamp-unusable',
    `${where}: ${what} should be an object and is ${JSON.stringify(value)?.slice(0, 40)}`,
  )
}

/** An id as text, or a BumpError. */
export function idAt(where: string, id: unknown, whose: string): string {
  if (typeof id === 'number' || (typeof id === 'string' && id !== '')) return String(id)
  throw new BumpError('lamp-unusable', `${where}: ${whose} has no id`)
}

/** Which publication of the task a question is of. */
function variantOf(number: LampTaskNumber, input: string, where: string): LampTask {
  if (number !== 2) return TASKS[number]
  const found = /\b(?:tags|categories): \[([^\]]*)\]/.exec(input)
  const offered = new Set(found?.[1].split(',').map((label) => label.trim()))
  const task = TASK_2_VARIANTS.find(
    ({ labels }) => labels?.length === offered.size && labels.every((l) => offered.has(l)),
  )
  if (task !== undefined) return task
  throw new BumpError(
    'lamp-unusable',
    `${where}: not a question of LaMP-2: its input offers neither the 15 movie tags (LaMP-2M) nor the 15 news categories ` +
      `of the old LaMP-2 (LaMP-2N)`,
  )
}

/** The item with its date as written; `inOrder` reads the dates when all are known. */
function readItem(value: unknown, where: string, task: LampTask): LampItem {
  const { id, date, ...rest } = objectAt(where, value, 'a profile item')
  const fields: Record<string, string> = {}
  for (const [name, field] of Object.entries(rest)) {
    if (typeof field === 'string') fields[name] = field
    else if (typeof field === 'number' || typeof field === 'boolean') fields[name] = String(field)
  }
  const missing = task.fields.find((name) => fields[name] === undefined)
  if (missing !== undefined)
    throw new BumpError(
      'lamp-unusable',
      `${where}: no '${missing}', which items of ${task.variant} have (found ${Object.keys(fields).join(', ') || 'nothing'}): ` +
        'is this the folder of that task?',
    )
  return {
    id: idAt(where, id, 'the item'),
    ...(typeof date === 'string' || typeof date === 'number' ? { date: String(date) } : {}),
    fields,
  }
}

/** Items oldest first where every item of the question has a readable date, else as in the file; dates become ISO. */
function inOrder(questions: readonly LampQuestion[]): LampQuestion[] {
  const numeric = numericDates(questions)
  return questions.map((question) => {
    const timed = question.items.map(({ date, ...item }) => {
      const time = date === undefined ? undefined : parseTime(date, numeric)
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
