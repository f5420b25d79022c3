import { expect, it } from 'vitest'
import type { Completion } from '../model/contract.ts'
import { batchMetrics, type RolloutGroup } from './metrics.ts'

/** A group whose rollouts have these rewards; `kept` as the raw reward says. */
function group(rewards: { raw: number; length: number }[], kept: boolean): RolloutGroup {
  const completion: Completion = { tokens: [1], logprobs: new Float32Array(1), stopReason: 'stop' }
  return {
    user: 'u',
    prompt: [1],
    kept,
    rollouts: rewards.map(({ raw, length }) => ({
      profile: 'p',
      completion,
      reward: { raw, length, copied: 0, total: raw - length, terms: { forward: raw }, empty: false },
      advantage: 0,
    })),
  }
}

it('frac_reward_zero_std is about the total reward, as TRL has it, and dropped_groups about the raw one', () => {
  const byLength = group(
    [
      { raw: 0.3, length: 0 },
      { raw: 0.3, length: 0.1 },
    ],
    false,
  )
  const equal = group(
    [
      { raw: 0.1, length: 0 },
      { raw: 0.1, length: 0 },
      { raw: 0.1, length: 0 },
    ],
    false,
  )
  const evened = group(
    [
      { raw: 0.5, length: 0 },
      { raw: 0.75, length: 0.25 },
    ],
    true,
  )
  const varied = group(
    [
      { raw: 0.5, length: 0 },
      { raw: 0.7, length: 0 },
    ],
    true,
  )
  const metrics = batchMetrics([byLength, equal, evened, varied], {}, {})
  expect(metrics).toMatchObject({ frac_reward_zero_std: 2 / 4, dropped_groups: 2 })
  expect(batchMetrics([byLength, varied], {}, {})).toMatchObject({ frac_reward_zero_std: 0, dropped_groups: 1 })
})
