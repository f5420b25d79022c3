// What a LaMP evaluation compares on the same backbone: conditions, each a way to put a user into the prompt.
import { derangement } from '../evaluate/measure/controls.ts'
import type { ChatMessage } from '../model/contract.ts'
import { BumpError } from '../util/errors.ts'
import { few } from '../util/few.ts'
import { seedFrom, shuffled } from '../util/random.ts'
import { bm25Top } from './bm25.ts'
import { lampPrompt, type TokenMeasure } from './prompts.ts'
import { usersOf } from './split.ts'
import { type LampTask, taskOf } from './tasks.ts'
import type { LampItem, LampQuestion, LampSplit } from './types.ts'

export const CONDITIONS = ['none', 'recent', 'random', 'bm25', 'zero-shot', 'bump', 'bump+bm25', 'mismatched'] as const
export type Condition = (typeof CONDITIONS)[number]

/** As tables name them. */
export const CONDITION_LABELS: Record<Condition, string> = {
  none: 'no personalisation',
  recent: 'raw history (most recent)',
  random: 'random items',
  bm25: 'BM25 items',
  'zero-shot': 'zero-shot profile',
  bump: 'BUMP profile',
  'bump+bm25': 'BUMP profile + BM25 items',
  mismatched: 'mismatched profile',
}

/** Who writes a profile: the trained generator (`bump`) or the untrained one. */
export type ProfileKind = 'bump' | 'zero-shot'

/** The kind of profile that a condition shows, if any. */
export function profileKindOf(condition: string): ProfileKind | undefined {
  if (condition === 'zero-shot') return 'zero-shot'
  return ['bump', 'bump+bm25', 'mismatched'].includes(condition) ? 'bump' : undefined
}

export interface ConditionInputs {
  /** Profile items that a prompt with items shows. */
  items: number
  /** Tokens that a prompt may have, chat markup not counted. */
  budget: number
  seed: number
  model: TokenMeasure
  /** User -> profile, where a condition needs them: from the untrained model, and from the trained generator. */
  zeroShot?: ReadonlyMap<string, string>
  bump?: ReadonlyMap<string, string>
}

/**
 * [question] the prompt of each question under a condition: one user message. Throws a BumpError where profiles that
 * the condition needs are missing, with the users, and for 'mismatched' with fewer than two users.
 */
export function conditionPrompts(split: LampSplit, condition: Condition, inputs: ConditionInputs): ChatMessage[][] {
  const task = taskOf(split)
  const profiles = profilesFor(split, condition, inputs)
  return split.questions.map((question) => {
    const parts = {
      input: question.input,
      items: chooseItems(task, question, condition, inputs),
      profile: profiles?.get(question.user),
    }
    return [{ role: 'user', content: lampPrompt(task, parts, inputs.budget, inputs.model) }]
  })
}

/** Items that a condition shows, best first: newest first for the raw history. */
function chooseItems(
  task: LampTask,
  question: LampQuestion,
  condition: Condition,
  { items: n, seed }: ConditionInputs,
): readonly LampItem[] {
  const { items } = question
  switch (condition) {
    case 'recent':
      return items.slice(Math.max(0, items.length - n)).reverse()
    case 'random':
      return shuffled(items, seedFrom('lamp-random-items', seed, question.id)).slice(0, n)
    case 'bm25':
    case 'bump+bm25':
      return bm25Top(items.map(task.document), task.query(question), n).map((at) => items[at])
    default:
      return []
  }
}

/** User -> the profile that the prompt shows; undefined for conditions without one. */
function profilesFor(
  split: LampSplit,
  condition: Condition,
  { zeroShot, bump, seed }: ConditionInputs,
): ReadonlyMap<string, string> | undefined {
  const users = usersOf(split)
  switch (condition) {
    case 'zero-shot':
      return complete(zeroShot, users, condition)
    case 'bump':
    case 'bump+bm25':
      return complete(bump, users, condition)
    case 'mismatched': {
      const own = complete(bump, users, condition)
      const other = otherUsers(users, seed)
      return new Map(users.map((user) => [user, own.get(other.get(user)!)!]))
    }
    default:
      return undefined
  }
}

function complete(
  profiles: ReadonlyMap<string, string> | undefined,
  users: readonly string[],
  condition: Condition,
): ReadonlyMap<string, string> {
  const missing = users.filter((user) => !profiles?.has(user))
  if (profiles === undefined || missing.length > 0)
    throw new BumpError(
      'lamp-unusable',
      `condition '${condition}' needs a profile of every user, and ${missing.length} of ${users.length} have none ` +
        `(${few(missing)}): generate the profiles from this very set`,
    )
  return profiles
}

/** User -> another user, each given once. Throws a BumpError for fewer than two users. */
export function otherUsers(users: readonly string[], seed: number): Map<string, string> {
  if (users.length < 2)
    throw new BumpError(
      'too-few-users',
      `the control with mismatched profiles needs at least 2 users, and there ${users.length === 1 ? 'is 1' : 'are none'}: ` +
        'take more questions or leave the condition out',
    )
  const others = derangement(users.length, seedFrom('lamp-mismatched', seed))
  return new Map(users.map((user, u) => [user, users[others[u]]]))
}
