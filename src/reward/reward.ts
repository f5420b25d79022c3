// The bidirectional reward of a batch of rollouts (METHOD.md §3-6): NDCG forward and backward by the judge, less the
// penalties for length and copied text. GRPO reads `total`, its zero-variance filter `raw`.
import type { Judge, JudgeUsage } from '../judge/types.ts'
import { BumpError } from '../util/errors.ts'
import { seedFrom, uniform } from '../util/random.ts'
import { mean } from '../util/stats.ts'
import type { RewardConfig } from './config.ts'
import { type DirectionScores, scoreDirections } from './directions.ts'
import { copiedPenalty, isEmptyProfile, lengthPenalty } from './guards.ts'
import { drawPools } from './pools.ts'

/** One sampled profile. */
export interface Rollout {
  text: string
  /** Length of the completion in the generator's tokens. */
  tokens: number
}

/** One user of a batch with the group of rollouts. */
export interface RewardUser {
  id: string
  /** Texts of the held-out interactions; where there are more than P, P are drawn. */
  heldOut: readonly string[]
  /** Texts that the generator saw: what a profile must not copy. */
  history: readonly string[]
  /** [G]. */
  rollouts: readonly Rollout[]
}

/** Every term of one rollout's reward. */
export interface RolloutReward {
  /** NDCG forward, 0 for an empty profile. */
  forward: number
  /** NDCG backward, mean over the P queries; 0 for an empty profile. */
  backward: number
  /** w_fwd·forward + w_bwd·backward, before any penalty. */
  raw: number
  /** Length penalty, subtracted. */
  length: number
  /** Penalty for copied text, subtracted. */
  copied: number
  /** raw − length − copied; 0 for an empty profile. */
  total: number
  empty: boolean
}

export interface BatchRewards {
  /** [user][rollout]. */
  rewards: RolloutReward[][]
  /** NDCG of a random order in these pools, mean over users. */
  chance: { forward: number; backward: number }
  /** Effective K, mean over users: below the configured K where the batch has too few others. */
  negatives: { forward: number; backward: number }
  usage: JudgeUsage
}

/** The total and its terms, from the NDCG of both directions. Pure. */
export function combineReward(
  scores: DirectionScores,
  rollout: Rollout,
  history: readonly string[],
  config: RewardConfig,
): RolloutReward {
  const empty = isEmptyProfile(rollout.text)
  if (empty) return { forward: 0, backward: 0, raw: 0, length: 0, copied: 0, total: 0, empty }
  const raw = config.forwardWeight * scores.forward + config.backwardWeight * scores.backward
  const length = lengthPenalty(rollout.tokens, config)
  const copied = copiedPenalty(rollout.text, history, config)
  return { ...scores, raw, length, copied, total: raw - length - copied, empty }
}

/**
 * Rewards of all rollouts of a batch, with one call to the judge. `seedParts` (run seed, step) determine pools and
 * orders; all rollouts of a user share both. Throws BumpError for a batch of one user or a user without held-out
 * interactions or rollouts.
 */
export async function computeRewards(
  batch: readonly RewardUser[],
  judge: Judge,
  config: RewardConfig,
  seedParts: readonly (string | number)[],
  options: { signal?: AbortSignal } = {},
): Promise<BatchRewards> {
  const seed = ['reward', ...seedParts]
  const pools = drawPools(batch, { positives: config.positives, negatives: config.negatives, seed })
  const entrants = batch.map((user, i) => ({
    pool: pools[i],
    profiles: user.rollouts.map((rollout) => rollout.text),
    rivals: pools[i].rivals.map((j) => pickRollout(batch[j], seedFrom(...seed, user.id, 'rival', batch[j].id))),
  }))
  const { scores, usage } = await scoreDirections(entrants, judge, options.signal)
  return {
    rewards: batch.map((user, i) =>
      user.rollouts.map((rollout, g) => combineReward(scores[i][g], rollout, user.history, config)),
    ),
    chance: {
      forward: mean(pools.map((pool) => pool.chance.forward)),
      backward: mean(pools.map((pool) => pool.chance.backward)),
    },
    negatives: {
      forward: mean(pools.map((pool) => pool.relevant.filter((positive) => !positive).length)),
      backward: mean(pools.map((pool) => pool.rivals.length)),
    },
    usage,
  }
}

/** One profile of a rival, drawn among those that say something; an empty one only where all are empty. */
function pickRollout(user: RewardUser, seed: number): string {
  if (user.rollouts.length === 0)
    throw new BumpError(`user ${user.id} has no rollout: sample at least one profile a user`)
  const spoken = user.rollouts.filter((rollout) => !isEmptyProfile(rollout.text))
  const choice = spoken.length > 0 ? spoken : user.rollouts
  return choice[Math.floor(uniform(seed)() * choice.length)].text
}
