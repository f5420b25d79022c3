// What of a user's earlier records may be seen when several questions of the user are asked. Sets by time can list more
// records in a later question, and such a record may be the very answer of an earlier one: a profile written from it leaks.
import type { LampItem, LampQuestion } from './types.ts'

const keyOf = ({ fields }: LampItem): string => JSON.stringify(fields)

/** User -> the user's questions, in order of the first of each. */
export function byUser(questions: readonly LampQuestion[]): Map<string, LampQuestion[]> {
  const found = new Map<string, LampQuestion[]>()
  for (const question of questions) {
    const own = found.get(question.user)
    if (own) own.push(question)
    else found.set(question.user, [question])
  }
  return found
}

/** Of one user's questions: the items that stand in all of them, in the order of the first. No answer is among these. */
export function commonItems([first, ...others]: readonly LampQuestion[]): LampItem[] {
  const sets = others.map(({ items }) => new Set(items.map(keyOf)))
  return first.items.filter((item) => sets.every((set) => set.has(keyOf(item))))
}

/**
 * Of one user's questions: those that list every item that any of them lists. Only these can be asked with a profile that
 * was written from all items.
 */
export function questionsOfAllItems(questions: readonly LampQuestion[]): LampQuestion[] {
  const sets = questions.map(({ items }) => new Set(items.map(keyOf)))
  const all = new Set(sets.flatMap((set) => [...set]))
  return questions.filter((_, q) => sets[q].size === all.size)
}
