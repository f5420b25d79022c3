// Parts of a split that was read: its users, some of its questions, its golds.
import { BumpError } from '../util/errors.ts'
import { seedFrom, shuffled } from '../util/random.ts'
import type { LampQuestion, LampSplit } from './types.ts'

/** The users who are asked, in order of their first question. */
export function usersOf({ questions }: Pick<LampSplit, 'questions'>): string[] {
  return [...new Set(questions.map(({ user }) => user))]
}

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

/** The split with the wanted questions only, in their order, and their golds where it has any. */
export function questionsWhere(
  split: LampSplit,
  wanted: (question: LampQuestion, index: number) => boolean,
): LampSplit {
  const { questions, golds } = split
  const kept = [...questions.keys()].filter((q) => wanted(questions[q], q))
  return { ...split, questions: kept.map((q) => questions[q]), golds: golds && kept.map((q) => golds[q]) }
}

/** [question] the golds. Throws a BumpError where they are withheld, with what follows from it and what to do. */
export function goldsOf({ golds, file }: LampSplit, otherwise: string): readonly string[] {
  if (golds === undefined) throw new BumpError('lamp-unusable', `${file}: its golds are withheld, so ${otherwise}`)
  return golds
}

/**
 * About `count` questions of a split: all questions of users drawn by the seed, until there are as many. Questions keep
 * their order.
 */
export function sampleQuestions(split: LampSplit, count: number, seed: number): LampSplit {
  const sizes = new Map<string, number>()
  for (const { user } of split.questions) sizes.set(user, (sizes.get(user) ?? 0) + 1)
  const chosen = new Set<string>()
  let questions = 0
  for (const user of shuffled([...sizes.keys()], seedFrom('lamp-questions', seed))) {
    if (questions >= count) break
    chosen.add(user)
    questions += sizes.get(user)!
  }
  return questionsWhere(split, ({ user }) => chosen.has(user))
}
