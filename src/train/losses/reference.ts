// The token losses of the language-model contract written out in float64, with their gradients: what a provider's
// arithmetic is checked against, and what toy models in tests train with.
import type { TokenLoss } from '../../model/contract.ts'

/** One completion as a loss sees it; all arrays are [tokens]. */
export interface ReferenceCompletion {
  /** Log probabilities under the current policy. */
  logprobs: ArrayLike<number>
  advantage: number
  weights: ArrayLike<number>
  oldLogprobs?: ArrayLike<number>
  refLogprobs?: ArrayLike<number>
}

/**
 * Loss of one completion and its gradient [tokens] with respect to `logprobs`. The loss of a batch is the sum over its
 * completions. Formulas: `TokenLoss` of the contract.
 */
export function referenceLoss(
  loss: TokenLoss,
  completion: ReferenceCompletion,
): { loss: number; gradient: Float64Array } {
  switch (loss.type) {
    case 'cross_entropy':
      return crossEntropy(completion)
    case 'ppo':
      return withKl(loss.sequenceRatio ? sequencePpo(loss, completion) : tokenPpo(loss, completion), loss, completion)
    case 'cispo':
      return withKl(cispo(loss.clipHigh, completion), loss, completion)
  }
}

interface Result {
  loss: number
  gradient: Float64Array
}

function crossEntropy({ logprobs, weights }: ReferenceCompletion): Result {
  const gradient = new Float64Array(logprobs.length)
  let loss = 0
  for (let t = 0; t < logprobs.length; t++) {
    loss -= weights[t] * logprobs[t]
    gradient[t] = -weights[t]
  }
  return { loss, gradient }
}

/** min(r·A, clip(r)·A), and whether a change of r still changes it. */
function clipped(ratio: number, advantage: number, low: number, high: number): { value: number; active: boolean } {
  const bounded = Math.min(Math.max(ratio, 1 - low), 1 + high) * advantage
  return { value: Math.min(ratio * advantage, bounded), active: ratio * advantage <= bounded }
}

function tokenPpo(loss: { clipLow: number; clipHigh: number }, completion: ReferenceCompletion): Result {
  const { logprobs, advantage, weights } = completion
  const old = needed(completion.oldLogprobs, 'oldLogprobs')
  const gradient = new Float64Array(logprobs.length)
  let total = 0
  for (let t = 0; t < logprobs.length; t++) {
    const ratio = Math.exp(logprobs[t] - old[t])
    const { value, active } = clipped(ratio, advantage, loss.clipLow, loss.clipHigh)
    total -= weights[t] * value
    if (active) gradient[t] = -weights[t] * advantage * ratio
  }
  return { loss: total, gradient }
}

function sequencePpo(loss: { clipLow: number; clipHigh: number }, completion: ReferenceCompletion): Result {
  const { logprobs, advantage, weights } = completion
  const old = needed(completion.oldLogprobs, 'oldLogprobs')
  const gradient = new Float64Array(logprobs.length)
  let count = 0
  let weight = 0
  let difference = 0
  for (let t = 0; t < logprobs.length; t++) {
    if (weights[t] <= 0) continue
    count++
    weight += weights[t]
    difference += logprobs[t] - old[t]
  }
  if (count === 0) return { loss: 0, gradient }
  const ratio = Math.exp(difference / count)
  const { value, active } = clipped(ratio, advantage, loss.clipLow, loss.clipHigh)
  if (active)
    for (let t = 0; t < logprobs.length; t++) if (weights[t] > 0) gradient[t] = (-weight * advantage * ratio) / count
  return { loss: -weight * value, gradient }
}

function cispo(clipHigh: number, completion: ReferenceCompletion): Result {
  const { logprobs, advantage, weights } = completion
  const old = needed(completion.oldLogprobs, 'oldLogprobs')
  const gradient = new Float64Array(logprobs.length)
  let total = 0
  for (let t = 0; t < logprobs.length; t++) {
    const constant = weights[t] * Math.min(Math.exp(logprobs[t] - old[t]), 1 + clipHigh) * advantage
    total -= constant * logprobs[t]
    gradient[t] = -constant
  }
  return { loss: total, gradient }
}

/** Adds β·Σ w·k3, k3 = exp(ref − logp) − (ref − logp) − 1. */
function withKl(result: Result, loss: { klCoef?: number }, completion: ReferenceCompletion): Result {
  const beta = loss.klCoef ?? 0
  if (beta === 0) return result
  const { logprobs, weights } = completion
  const ref = needed(completion.refLogprobs, 'refLogprobs')
  for (let t = 0; t < logprobs.length; t++) {
    const difference = ref[t] - logprobs[t]
    result.loss += beta * weights[t] * (Math.exp(difference) - difference - 1)
    result.gradient[t] += beta * weights[t] * (1 - Math.exp(difference))
  }
  return result
}

function needed(logprobs: ArrayLike<number> | undefined, name: string): ArrayLike<number> {
  if (!logprobs) throw new Error(`this loss needs ${name}`)
  return logprobs
}
