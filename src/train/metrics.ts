// A step's numbers under the names that TRL's users have dashboards for (run/metrics.ts says what each means), and the
// lines of rollouts.jsonl.
import type { Completion, ForwardBackwardResult, TokenLoss, TrainGroup } from '../model/contract.ts'
import { k3 } from '../model/token-loss.ts'
import type { RolloutReward, ScoredBatch } from '../reward/reward.ts'
import type { RolloutLine } from '../run/format.ts'
import { mean } from '../util/stats.ts'
import { deviation } from './advantages.ts'

/** One sampled profile with all that the update and the log need. */
interface Rollout {
  profile: string
  completion: Completion
  reward: RolloutReward
  advantage: number
}

/** The rollouts of one user. */
export interface RolloutGroup {
  user: string
  prompt: number[]
  /** [G]. */
  rollouts: Rollout[]
  /** False where the raw reward does not vary: the group gives no gradient. */
  kept: boolean
}

/** TRL's `torch.isclose(std, 0)`. */
const ZERO_STD = 1e-8

/** Rewards, lengths and shares of one batch. Penalties are logged as what they add to the reward: 0 or less. */
export function batchMetrics(
  groups: readonly RolloutGroup[],
  chance: ScoredBatch['chance'],
  usage: ScoredBatch['usage'],
): Record<string, number> {
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
    frac_reward_zero_std: totals.filter((group) => deviation(group) <= ZERO_STD).length / groups.length,
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
export function batchTokens(groups: readonly RolloutGroup[]): number {
  return groups.reduce(
    (sum, { prompt, rollouts }) =>
      sum + rollouts.reduce((tokens, { completion }) => tokens + prompt.length + completion.tokens.length, 0),
    0,
  )
}

/** One line for each rollout: the profile with every term of its reward and its advantage. */
export function rolloutLines(groups: readonly RolloutGroup[], step: number): RolloutLine[] {
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

/**
 * Numbers of an update; null where no group gave a gradient, `kl` where the base was not asked, and `entropy` and
 * `grad_norm` where the provider does not say.
 */
export const UPDATE_METRICS = [
  'loss',
  'entropy',
  'kl',
  'clip_ratio/low_mean',
  'clip_ratio/low_min',
  'clip_ratio/high_mean',
  'clip_ratio/high_max',
  'clip_ratio/region_mean',
  'sampling/sampling_logp_difference/mean',
  'sampling/sampling_logp_difference/max',
  'sampling/importance_sampling_ratio/min',
  'sampling/importance_sampling_ratio/mean',
  'sampling/importance_sampling_ratio/max',
  'grad_norm',
] as const

/**
 * What one forwardBackward says of its tokens. `sampler`: [group][completion][token] log probabilities when sampled.
 */
export function updateMetrics(
  loss: TokenLoss,
  groups: readonly TrainGroup[],
  { completions }: ForwardBackwardResult,
  sampler: readonly (readonly Float32Array[])[],
): Record<string, number | null> {
  return { ...tokenMetrics(groups, completions, sampler), ...clipRatios(loss, groups, completions) }
}

type Results = ForwardBackwardResult['completions']

/**
 * Entropy (null where the provider gives none), KL to the base (null without its log probabilities) and the sampler's
 * distance, over the tokens that weigh in the loss.
 */
function tokenMetrics(
  groups: readonly TrainGroup[],
  results: Results,
  sampler: readonly (readonly Float32Array[])[],
): Record<string, number | null> {
  const entropy: number[] = []
  const kl: number[] = []
  const difference: number[] = []
  const ratio: number[] = []
  groups.forEach(({ completions }, u) => {
    completions.forEach(({ weights, refLogprobs }, g) => {
      const result = results[u][g]
      for (let t = 0; t < weights.length; t++) {
        if (weights[t] === 0) continue
        if (result.entropy) entropy.push(result.entropy[t])
        const gap = result.logprobs[t] - sampler[u][g][t]
        difference.push(Math.abs(gap))
        ratio.push(Math.exp(gap))
        if (refLogprobs === undefined) continue
        kl.push(k3(refLogprobs[t] - result.logprobs[t]).value)
      }
    })
  })
  return {
    entropy: entropy.length === 0 ? null : mean(entropy),
    kl: kl.length === 0 ? null : mean(kl),
    'sampling/sampling_logp_difference/mean': mean(difference),
    'sampling/sampling_logp_difference/max': difference.reduce((a, b) => Math.max(a, b)),
    'sampling/importance_sampling_ratio/min': ratio.reduce((a, b) => Math.min(a, b)),
    'sampling/importance_sampling_ratio/mean': mean(ratio),
    'sampling/importance_sampling_ratio/max': ratio.reduce((a, b) => Math.max(a, b)),
  }
}

/**
 * Share of tokens whose ratio was clipped, per completion: below (only for negative advantages), above (only for
 * positive ones), and either. Names and meaning are TRL's.
 */
function clipRatios(loss: TokenLoss, groups: readonly TrainGroup[], results: Results): Record<string, number> {
  const low: number[] = []
  const high: number[] = []
  groups.forEach(({ completions }, u) => {
    completions.forEach(({ advantage, weights, oldLogprobs }, g) => {
      const gaps = [...weights.keys()]
        .filter((t) => weights[t] !== 0)
        .map((t) => results[u][g].logprobs[t] - (oldLogprobs?.[t] ?? results[u][g].logprobs[t]))
      if (gaps.length === 0 || loss.type === 'cross_entropy') return
      const whole = loss.type === 'ppo' && loss.sequenceRatio === true
      const ratios = (whole ? [mean(gaps)] : gaps).map(Math.exp)
      const lowest = loss.type === 'ppo' ? 1 - loss.clipLow : 0
      low.push(advantage < 0 ? share(ratios, (ratio) => ratio < lowest) : 0)
      high.push(advantage > 0 ? share(ratios, (ratio) => ratio > 1 + loss.clipHigh) : 0)
    })
  })
  return {
    'clip_ratio/low_mean': mean(low),
    'clip_ratio/low_min': low.reduce((a, b) => Math.min(a, b)),
    'clip_ratio/high_mean': mean(high),
    'clip_ratio/high_max': high.reduce((a, b) => Math.max(a, b)),
    'clip_ratio/region_mean': mean(low.map((value, i) => value + high[i])),
  }
}

function share(values: readonly number[], test: (value: number) => boolean): number {
  return values.filter(test).length / values.length
}
