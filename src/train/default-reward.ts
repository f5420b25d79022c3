// The reward of a run that is given none of its own: the bidirectional reward of the configuration, with its validation
// by the one evaluator of profiles.
import { evaluateProfiles } from '../evaluate/measure/evaluate-profiles.ts'
import type { AnyJudge } from '../judge/several.ts'
import { bidirectionalReward, termsByJudge } from '../reward/bidirectional.ts'
import type { BidirectionalConfig } from '../reward/config.ts'
import type { HardExamples } from '../reward/hard-examples.ts'
import type { RewardFunction } from '../reward/reward.ts'
import { mean } from '../util/stats.ts'

/**
 * NDCG forward and backward by the judge (docs/method.md §3-6). `poolSeed` determines the pools of `evaluate`: equal
 * seeds and users give equal pools, whatever `hardExamples` chooses in training.
 */
export function defaultReward(
  judge: AnyJudge,
  config: BidirectionalConfig,
  poolSeed: number,
  hardExamples?: HardExamples,
): Required<Pick<RewardFunction, 'score' | 'evaluate'>> {
  const { positives, negatives, forwardWeight, backwardWeight } = config
  return {
    ...bidirectionalReward(judge, config, hardExamples),
    async evaluate(users, profiles, { signal, onProgress }) {
      const options = { positives, negatives, seed: poolSeed, signal, onProgress }
      const { forward, backward, byJudge, chance } = await evaluateProfiles(users, profiles, judge, options)
      const score = forwardWeight * forward.mean + backwardWeight * backward.mean
      return {
        score,
        metrics: {
          forward: forward.mean,
          backward: backward.mean,
          ...termsByJudge(byJudge, (users) => ({
            forward: mean(users.map((user) => user.forward)),
            backward: mean(users.map((user) => user.backward)),
          })),
          score,
          'chance/forward': chance.forward,
          'chance/backward': chance.backward,
        },
      }
    },
  }
}
