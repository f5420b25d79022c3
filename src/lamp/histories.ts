// The history of a user as a profile generator reads it: which of the user's items, and what of each. Sets by time can
// list more items in a later question, and such an item may be the very answer of an earlier one: a profile written
// from it leaks.
import type { ProfiledUser } from '../generator/profile-users.ts'
import type { LogSource } from '../logs/types.ts'
import { BumpError } from '../util/errors.ts'
import { LAMP_TEXT_COLUMNS } from './log-format.ts'
import { byUser } from './split.ts'
import { taskOf } from './tasks.ts'
import type { LampItem, LampQuestion, LampSplit } from './types.ts'

const keyOf = ({ fields }: LampItem): string => JSON.stringify(fields)

/**
 * Of one user's questions: the items that stand in all of them, in the order of the first. No answer is among these.
 */
export function commonItems([first, ...others]: readonly LampQuestion[]): LampItem[] {
  const sets = others.map(({ items }) => new Set(items.map(keyOf)))
  return first.items.filter((item) => sets.every((set) => set.has(keyOf(item))))
}

/**
 * Of one user's questions: those that list every item that any of them lists. Only these can be asked with a profile
 * that was written from all items.
 */
export function questionsOfAllItems(questions: readonly LampQuestion[]): LampQuestion[] {
  const sets = questions.map(({ items }) => new Set(items.map(keyOf)))
  const all = new Set(sets.flatMap((set) => [...set]))
  return questions.filter((_, q) => sets[q].size === all.size)
}

/**
 * The text of an item under a template: the name of one field, or words with field names in braces. Throws BumpError
 * (`invalid-options`) where the template names no field, or one that some item of the split lacks.
 */
export function itemText(template: string, split: LampSplit): (item: LampItem) => string {
  const whole = /^\w+$/.test(template.trim()) ? `{${template.trim()}}` : template
  const names = [...whole.matchAll(/\{(\w+)\}/g)].map((match) => match[1])
  if (names.length === 0)
    throw new BumpError(
      'invalid-options',
      `text "${template}": name a field of the items, or several as in "{title}: {abstract}"`,
    )
  for (const { id, items } of split.questions)
    for (const { fields } of items)
      for (const name of names)
        if (!Object.hasOwn(fields, name))
          throw new BumpError(
            'invalid-options',
            `text "${template}": question ${id} of ${split.file} has an item without "${name}" (fields: ${Object.keys(fields).join(', ')})`,
          )
  return ({ fields }) => whole.replace(/\{(\w+)\}/g, (_, name: string) => fields[name])
}

/**
 * The users of a split with the history that their profile is written from, in order of their first question; `empty`
 * are those without any. `text`: what is read of an item, by default what a generator that was trained on `logs` read
 * of it.
 */
export function profiledUsers(
  split: LampSplit,
  logs?: LogSource,
  text: (item: LampItem) => string = (item) => usualText(item, split, logs),
): { users: ProfiledUser[]; empty: string[] } {
  const all = [...byUser(split.questions)].map(([id, questions]) => ({
    id,
    history: commonItems(questions).map((item) => ({
      text: text(item),
      time: undefined,
      metadata: {},
    })),
  }))
  return {
    users: all.filter(({ history }) => history.length > 0),
    empty: all.filter(({ history }) => history.length === 0).map(({ id }) => id),
  }
}

/**
 * What of an item a run's generator read in training: the text that was named, else of LaMP files the field that logs
 * take it from. Undefined without a run, and where other logs named none.
 */
export function trainedField(item: LampItem, logs?: LogSource): string | undefined {
  if (logs?.text !== undefined) return logs.text
  const lamp = logs?.format === 'lamp' || logs?.paths.every((path) => /_questions\.json(\.gz)?$/.test(path))
  return lamp ? LAMP_TEXT_COLUMNS.find((name) => item.fields[name] !== undefined) : undefined
}

/** An item as the generator met it in training where that was one field of the items, else as the task has it. */
function usualText(item: LampItem, split: LampSplit, logs?: LogSource): string {
  const field = trainedField(item, logs)
  const trained = field === undefined ? undefined : item.fields[field]
  return trained?.trim() ? trained : taskOf(split).interactionText(item)
}
