// The interface of a reward: what a run rewards profiles by. The GRPO loop knows nothing else of it. The default is the
// bidirectional reward (bidirectional.ts); any other, such as the label reward of lamp/, is given to train() from
// outside.
import type { TaskComparison } from '../run/format.ts'
import type { GuardConfig } from './config.ts'
import { copiedPenalty, isEmptyProfile, lengthPenalty } from './guards.ts'
import type { PoolUser } from './pools.ts'

/** One sampled profile. */
export interface Rollout {
  text: string
  /** Length of the completion in the generator's tokens. */
  tokens: number
}

/** One user of a batch with the group of rollouts. */
export interface RewardUser extends PoolUser {
  /** Texts that the generator saw: what a profile must not copy. */
  history: readonly string[]
  /** [G]. */
  rollouts: readonly Rollout[]
}

/** Every part of one rollout's reward. */
export interface RolloutReward {
  /**
   * The reward's own terms by name, e.g. NDCG `forward` and `backward`, and beside them what each of several judges
   * gave; all 0 for an empty profile.
   */
  terms: Readonly<Record<string, number>>
  /** What the terms add up to with their weights, before any penalty. */
  raw: number
  /** Length penalty, subtracted. */
  length: number
  /** Penalty for copied text, subtracted. */
  copied: number
  /** raw − length − copied; 0 for an empty profile. */
  total: number
  empty: boolean
}

export interface ScoredBatch {
  /** [user][rollout]. */
  rewards: RolloutReward[][]
  /** What guessing is worth, by term; only where that is known. */
  chance: Readonly<Record<string, number>>
  /** What the call cost, e.g. judged pairs. */
  usage: Readonly<Record<string, number>>
}

/** One profile a user, all users together. */
export interface ProfileScore {
  /** What the best checkpoint is chosen by: the mean raw reward. */
  score: number
  /** As logged at a validation, by name. */
  metrics: Readonly<Record<string, number>>
}

/**
 * A reward. `score` is all that it must have: without `evaluate`, a run validates by `score` on one profile a user.
 */
export interface RewardFunction {
  /** What decides its values besides the run's configuration, e.g. digests: goes into the run's config.json. */
  readonly origin?: Record<string, unknown>
  /** Rewards of all rollouts of a batch. `seedParts` (run seed, step) determine whatever is drawn. */
  score(
    batch: readonly RewardUser[],
    seedParts: readonly (string | number)[],
    options: { signal?: AbortSignal /** Takes the share that is done. */; onProgress?: (share: number) => void },
  ): Promise<ScoredBatch>
  /**
   * `profiles[i]` of `users[i]`, whose only rollout it is: what validation measures, and the best checkpoint is chosen
   * by. Equal users are measured alike, so that scores of one run can be compared.
   */
  evaluate?(
    users: readonly RewardUser[],
    profiles: readonly string[],
    options: { signal?: AbortSignal /** Takes the share that is done. */; onProgress?: (share: number) => void },
  ): Promise<ProfileScore>
  /** Before against after on the test users' own questions; null where they have none. */
  compareTask?(
    users: readonly Pick<PoolUser, 'id'>[],
    profiles: Record<'before' | 'after', readonly string[]>,
    options: { signal?: AbortSignal },
  ): Promise<TaskComparison | null>
}

/** A rollout's total, raw less the penalties of its length and of copied text, with its parts. Pure. */
export function totalReward(
  terms: Readonly<Record<string, number>>,
  raw: number,
  rollout: Rollout,
  history: readonly string[],
  guards: GuardConfig,
): RolloutReward {
  if (isEmptyProfile(rollout.text)) {
    const none = Object.fromEntries(Object.keys(terms).map((term) => [term, 0]))
    return { terms: none, raw: 0, length: 0, copied: 0, total: 0, empty: true }
  }
  const length = lengthPenalty(rollout.tokens, guards)
  const copied = copiedPenalty(rollout.text, history, guards)
  return { terms, raw, length, copied, total: raw - length - copied, empty: false }
}
