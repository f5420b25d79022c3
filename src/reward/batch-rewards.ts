// The bidirectional reward of a batch of rollouts (docs/method.md §3-6): NDCG forward and backward by the judge, less the
// penalties for length and copied text. GRPO reads `total`, its zero-variance filter `raw`.
import type { Judge, JudgeUsage } from '../judge/types.ts'
import { BumpError } from '../util/errors.ts'
import { seedFrom, uniform } from '../util/random.ts'
import { mean } from '../util/stats.ts'
import type { BidirectionalConfig } from './config.ts'
import { type DirectionScores, scoreDirections } from './directions.ts'
import { isEmptyProfile } from './guards.ts'
import { drawPools } from './pools.ts'
import { type RewardUser, type Rollout, type RolloutReward, totalReward } from './reward.ts'

interface BatchRewards {
  /** [user][rollout]. */
  rewards: RolloutReward[][]
  /** NDCG of a random order in these pools, mean over users. */
  chance: { forward: number; backward: number }
  /** Effective K, mean over users: below the configured K where the batch has too few others. */
  negatives: { forward: number; backward: number }
  usage: JudgeUsage
}

/** The total, w_fwd·forward + w_bwd·backward less the penalties, with its parts. Pure. */
export function combineReward(
  scores: DirectionScores,
  rollout: Rollout,
  history: readonly string[],
  config: BidirectionalConfig,
): RolloutReward {
  const raw = config.forwardWeight * scores.forward + config.backwardWeight * scores.backward
  return totalReward({ ...scores }, raw, rollout, history, config)
}

/**
 * Rewards of all rollouts of a batch, with one call to the judge. Of more than P held-out interactions P are drawn. `seedParts` (run seed, step) determine pools and
 * orders; all rollouts of a user share both. Throws BumpError for a batch of one user or a user without held-out
 * interactions or rollouts.
 */
export async function computeRewards(
  batch: readonly RewardUser[],
  judge: Judge,
  config: BidirectionalConfig,
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
    throw new BumpError('too-few-users', `user ${user.id} has no rollout: sample at least one profile a user`)
  const spoken = user.rollouts.filter((rollout) => !isEmptyProfile(rollout.text))
  const choice = spoken.length > 0 ? spoken : user.rollouts
  return choice[Math.floor(uniform(seed)() * choice.length)].text
}
