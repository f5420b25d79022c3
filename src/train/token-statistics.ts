// What is logged about the tokens of an update: entropy, KL, distance of sampler and trainer, share of clipped tokens.
import type { ForwardBackwardResult, TokenLoss, TrainGroup } from '../model/contract.ts'
import { mean } from '../util/stats.ts'

type Results = ForwardBackwardResult['completions']

/** Entropy, KL to the base and the sampler's distance, over the tokens that weigh in the loss. */
export function summarise(
  groups: readonly TrainGroup[],
  results: Results,
  sampler: readonly (readonly Float32Array[])[],
): Record<string, number> {
  const entropy: number[] = []
  const kl: number[] = []
  const difference: number[] = []
  const ratio: number[] = []
  groups.forEach(({ completions }, u) => {
    completions.forEach(({ weights, refLogprobs }, g) => {
      const result = results[u][g]
      for (let t = 0; t < weights.length; t++) {
        if (weights[t] === 0) continue
        entropy.push(result.entropy[t])
        const gap = result.logprobs[t] - sampler[u][g][t]
        difference.push(Math.abs(gap))
        ratio.push(Math.exp(gap))
        const log = (refLogprobs?.[t] ?? result.logprobs[t]) - result.logprobs[t]
        kl.push(Math.exp(log) - log - 1)
      }
    })
  })
  return {
    entropy: mean(entropy),
    kl: mean(kl),
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
export function clipRatios(loss: TokenLoss, groups: readonly TrainGroup[], results: Results): Record<string, number> {
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
