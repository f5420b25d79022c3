// Items as interactions by a template of their fields, for a generator that was trained on another text than the task's
// usual one: `title`, or `{title}: {abstract}`.
import { BumpError } from '../util/errors.ts'
import type { LampItem, LampSplit } from './types.ts'

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
      `--text "${template}": name a field of the items, or several as in "{title}: {abstract}"`,
    )
  for (const { id, items } of split.questions)
    for (const { fields } of items)
      for (const name of names)
        if (!Object.hasOwn(fields, name))
          throw new BumpError(
            'invalid-options',
            `--text "${template}": question ${id} of ${split.file} has an item without "${name}" (fields: ${Object.keys(fields).join(', ')})`,
          )
  return ({ fields }) => whole.replace(/\{(\w+)\}/g, (_, name: string) => fields[name])
}
