// What stands in the place of a profile: the conditions that `bump evaluate profiles` compares on the same users and pools.

import { buildProfilePrompt, type PromptBudget } from '../../generator/history.ts'
import type { User } from '../../logs/types.ts'
import type { Tokenizer } from '../../model/contract.ts'
import { GENERIC_PROFILE } from '../judge-check.ts'

/** Conditions that need no flag of their own; `run` stands for every run and checkpoint named. */
export const CONDITION_KINDS = ['none', 'generic', 'history', 'zero-shot', 'run', 'mismatched'] as const
export type ConditionKind = (typeof CONDITION_KINDS)[number]

export interface ProfileCondition {
  /** Unique among the conditions of an evaluation. */
  key: string
  /** As shown. */
  label: string
  /** [user] */
  profiles: readonly string[]
  /** Each user is judged by the profile of another one, who gives no candidate to this user's pools. */
  mismatched?: boolean
}

/**
 * Query of the condition without a profile: a sentence, so that every scorer reads a well-formed prompt. It is the same
 * for all users, so forward it can only show which texts the judge finds likely of anybody, and backward all tie.
 */
const NO_PROFILE = 'Nothing is known about this person.'

/** No profile: [user] the neutral sentence. */
export function noProfile(users: readonly User[]): ProfileCondition {
  return { key: 'none', label: 'no profile', profiles: users.map(() => NO_PROFILE) }
}

/** Generic text: [user] what anyone could be called. */
export function genericText(users: readonly User[]): ProfileCondition {
  return { key: 'generic', label: 'generic text', profiles: users.map(() => GENERIC_PROFILE) }
}

/** Raw history: [user] the very interactions that the generator reads, cut alike, one a line. */
export function rawHistory(users: readonly User[], tokenizer: Tokenizer, budget: PromptBudget): ProfileCondition {
  const profiles = users.map(({ history }) =>
    buildProfilePrompt(history, tokenizer, budget)
      .texts.map((text) => `- ${text}`)
      .join('\n'),
  )
  return { key: 'history', label: 'raw history', profiles }
}

/** The control: every user with another user's profile of the condition `of`. It must be at chance. */
export function mismatchedOf(of: ProfileCondition): ProfileCondition {
  return { ...of, key: 'mismatched', label: `another user's ${of.label}`, mismatched: true }
}
