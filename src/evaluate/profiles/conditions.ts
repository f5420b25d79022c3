// What stands in the place of a profile: the conditions that `bump evaluate profiles` compares on the same users and
// pools.

import type { User } from '../../logs/types.ts'
import type { Tokenizer } from '../../model/contract.ts'
import { GENERIC_PROFILE, type HistoryBudget, NO_PROFILE, rawHistory } from '../measure/controls.ts'

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
  /** Of a run: the key of the zero-shot profiles by its own base and prompt, where they are there. */
  zeroShot?: string
  /** Each user is judged by the profile of another one, who gives no candidate to this user's pools. */
  mismatched?: boolean
}

/** No profile: [user] the neutral sentence. */
export function noProfile(users: readonly User[]): ProfileCondition {
  return { key: 'none', label: 'no profile', profiles: users.map(() => NO_PROFILE) }
}

/** Generic text: [user] what anyone could be called. */
export function genericText(users: readonly User[]): ProfileCondition {
  return { key: 'generic', label: 'generic text', profiles: users.map(() => GENERIC_PROFILE) }
}

/** Raw history: [user] what the generator reads of it. */
export function rawHistories(users: readonly User[], tokenizer: Tokenizer, budget: HistoryBudget): ProfileCondition {
  const profiles = users.map(({ history }) => rawHistory(history, tokenizer, budget))
  return { key: 'history', label: 'raw history', profiles }
}

/** The control: every user with another user's profile of the condition `of`. It must be at chance. */
export function mismatchedOf(of: ProfileCondition): ProfileCondition {
  return { key: 'mismatched', label: `another user's ${of.label}`, profiles: of.profiles, mismatched: true }
}
