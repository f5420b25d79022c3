// Rewards of rollouts to advantages, and the filter of groups that teach nothing (docs/method.md §8).
import { mean } from '../util/stats.ts'

/** What a reward's distance to its group's mean is divided by. */
export type ScaleRewards = 'group' | 'batch' | 'none'

const TOLERANCE = 1e-6
const EPSILON = 1e-4

/** Standard deviation with n − 1 in the denominator, as TRL has it; 0 for fewer than two values. */
export function deviation(values: readonly number[]): number {
  if (values.length < 2) return 0
  const middle = mean(values)
  return Math.sqrt(values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1))
}

/**
 * Advantages [user][rollout] of rewards [user][rollout]: (R − group mean) / (std + 1e-4), where std is the group's, the
 * whole batch's, or left out.
 */
export function advantages(rewards: readonly (readonly number[])[], scale: ScaleRewards): number[][] {
  const batchDeviation = deviation(rewards.flat())
  return rewards.map((group) => {
    const middle = mean(group)
    const divisor = scale === 'none' ? 1 : (scale === 'group' ? deviation(group) : batchDeviation) + EPSILON
    return group.map((reward) => (reward - middle) / divisor)
  })
}

/**
 * Whether a group's raw reward (before penalties) varies by more than 1e-6. A group where it does not would only learn
 * from its length penalties, so it is dropped.
 */
export function varies(raw: readonly number[]): boolean {
  return Math.max(...raw) - Math.min(...raw) > TOLERANCE
}
