// The bidirectional reward as the GRPO loop takes it: the default of every run.

import { evaluateProfiles } from '../evaluate/measure/evaluate-profiles.ts'
import type { Judge } from '../judge/types.ts'
import { computeRewards } from './batch-rewards.ts'
import type { BidirectionalConfig } from './config.ts'
import type { RewardFunction } from './reward.ts'

/**
 * NDCG forward and backward by the judge (docs/method.md §3-6). `poolSeed` determines the pools of `evaluate`: equal seeds
 * and users give equal pools.
 */
export function bidirectionalReward(judge: Judge, config: BidirectionalConfig, poolSeed: number): RewardFunction {
  const { positives, negatives, forwardWeight, backwardWeight } = config
  return {
    async score(batch, seedParts, { signal }) {
      const { rewards, chance, usage } = await computeRewards(batch, judge, config, seedParts, { signal })
      return { rewards, chance, usage: { ...usage } }
    },
    async evaluate(users, profiles, { signal }) {
      const options = { positives, negatives, seed: poolSeed, signal }
      const { forward, backward, chance } = await evaluateProfiles(users, profiles, judge, options)
      const score = forwardWeight * forward.mean + backwardWeight * backward.mean
      return {
        score,
        metrics: {
          forward: forward.mean,
          backward: backward.mean,
          score,
          'chance/forward': chance.forward,
          'chance/backward': chance.backward,
        },
      }
    },
  }
}
