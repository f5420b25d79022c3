// A batch's numbers under the names that TRL's users have dashboards for, and the lines of rollouts.jsonl.
import { mean } from '../util/stats.ts'
import { deviation } from './advantages.ts'
import type { Batch } from './batch.ts'

/** Rewards, lengths and shares of one batch. Penalties are logged as what they add to the reward: 0 or less. */
export function batchMetrics({ groups, chance, usage }: Batch): Record<string, number> {
  const rollouts = groups.flatMap((group) => group.rollouts)
  const totals = groups.map((group) => group.rollouts.map(({ reward }) => reward.total))
  const lengths = rollouts.map(({ completion }) => completion.tokens.length)
  const ended = rollouts.filter(({ completion }) => completion.stopReason === 'stop')
  const terms = Object.keys(rollouts[0].reward.terms).flatMap((term) => {
    const values = rollouts.map(({ reward }) => reward.terms[term])
    return [
      [`rewards/${term}/mean`, mean(values)],
      [`rewards/${term}/std`, deviation(values)],
    ]
  })
  const dropped = groups.filter(({ kept }) => !kept).length
  return {
    reward: mean(totals.flat()),
    reward_std: mean(totals.map(deviation)),
    ...Object.fromEntries(terms),
    'rewards/length/mean': 0 - mean(rollouts.map(({ reward }) => reward.length)),
    'rewards/copied/mean': 0 - mean(rollouts.map(({ reward }) => reward.copied)),
    ...prefixed('chance', chance),
    frac_reward_zero_std: dropped / groups.length,
    dropped_groups: dropped,
    'completions/mean_length': mean(lengths),
    'completions/min_length': lengths.reduce((a, b) => Math.min(a, b)),
    'completions/max_length': lengths.reduce((a, b) => Math.max(a, b)),
    'completions/clipped_ratio': 1 - ended.length / rollouts.length,
    'completions/empty_ratio': rollouts.filter(({ reward }) => reward.empty).length / rollouts.length,
    ...prefixed('judge', usage),
  }
}

/** The values under `<prefix>/<name>`. */
export function prefixed(prefix: string, values: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [`${prefix}/${name}`, value]))
}

/** Tokens of a batch as TRL counts them: the prompt with every completion. */
export function batchTokens({ groups }: Batch): number {
  return groups.reduce(
    (sum, { prompt, rollouts }) =>
      sum + rollouts.reduce((tokens, { completion }) => tokens + prompt.length + completion.tokens.length, 0),
    0,
  )
}

/** One record for each rollout: the profile with every term of its reward and its advantage. */
export function rolloutRecords({ groups }: Batch, step: number): object[] {
  return groups.flatMap(({ user, kept, rollouts }) =>
    rollouts.map(({ profile, completion, reward, advantage }, rollout) => ({
      step,
      user,
      rollout,
      profile,
      reward: reward.total,
      ...reward.terms,
      length: reward.length,
      copied: reward.copied,
      tokens: completion.tokens.length,
      stop: completion.stopReason,
      advantage,
      kept,
    })),
  )
}
