// The token losses of the contract in float64, with their gradients. A provider whose server knows no such loss
// computes it by this; tests hold every provider to it.
import type { TokenLoss } from './contract.ts'

/** One completion as a token loss sees it; all arrays are [tokens]. */
export interface LossInput {
  /** Log probabilities under the current policy, at the loss's temperature. */
  logprobs: ArrayLike<number>
  advantage: number
  weights: ArrayLike<number>
  /** Log probabilities that the ratios of ppo and cispo start from; absent: `logprobs`, held fast. */
  oldLogprobs?: ArrayLike<number>
  /** Log probabilities under the frozen base. Needed where `klCoef` is above 0. */
  refLogprobs?: ArrayLike<number>
}

interface LossAndGradient {
  loss: number
  /** [tokens] d loss / d logprobs. */
  gradient: Float64Array
}

/**
 * A token loss of the contract on one completion, in float64: what the arithmetic of every provider is tested against.
 * The loss of a batch is the sum over its completions.
 * @throws Error where log probabilities that the loss needs are not there
 */
export function lossAndGradient(loss: TokenLoss, completion: LossInput): LossAndGradient {
  switch (loss.type) {
    case 'cross_entropy':
      return crossEntropyLoss(completion)
    case 'ppo':
      return withKl(
        loss.sequenceRatio ? sequencePpoLoss(loss, completion) : ppoLoss(loss, completion),
        loss,
        completion,
      )
    case 'cispo':
      return withKl(cispoLoss(loss.clipHigh, completion), loss, completion)
  }
}

/** −Σ_t w_t·logp_t */
function crossEntropyLoss({ logprobs, weights }: LossInput): LossAndGradient {
  const gradient = new Float64Array(logprobs.length)
  let loss = 0
  for (let t = 0; t < logprobs.length; t++) {
    loss -= weights[t] * logprobs[t]
    gradient[t] = -weights[t]
  }
  return { loss, gradient }
}

interface ClipBounds {
  clipLow: number
  clipHigh: number
}

/** min(r·A, clip(r)·A), and its derivative by log r: r·A, or 0 where the clipped one is the smaller. */
function clippedObjective(ratio: number, advantage: number, { clipLow, clipHigh }: ClipBounds) {
  const free = ratio * advantage
  const clipped = Math.min(Math.max(ratio, 1 - clipLow), 1 + clipHigh) * advantage
  return { objective: Math.min(free, clipped), slope: free <= clipped ? free : 0 }
}

/** −Σ_t w_t·min(r_t·A, clip(r_t)·A) */
function ppoLoss(bounds: ClipBounds, completion: LossInput): LossAndGradient {
  const { logprobs, advantage, weights } = completion
  const old = completion.oldLogprobs ?? logprobs
  const gradient = new Float64Array(logprobs.length)
  let loss = 0
  for (let t = 0; t < logprobs.length; t++) {
    const ratio = Math.exp(logprobs[t] - old[t])
    const { objective, slope } = clippedObjective(ratio, advantage, bounds)
    loss -= weights[t] * objective
    gradient[t] = -weights[t] * slope
  }
  return { loss, gradient }
}

/** −(Σ_t w_t)·min(s·A, clip(s)·A), s = exp(mean of logp_t − old_t) over the n tokens of weight above 0 */
function sequencePpoLoss(bounds: ClipBounds, completion: LossInput): LossAndGradient {
  const { logprobs, advantage, weights } = completion
  const old = completion.oldLogprobs ?? logprobs
  const gradient = new Float64Array(logprobs.length)
  const counted = [...gradient.keys()].filter((t) => weights[t] > 0)
  const n = counted.length
  if (n === 0) return { loss: 0, gradient }
  const weight = counted.reduce((sum, t) => sum + weights[t], 0)
  const ratio = Math.exp(counted.reduce((sum, t) => sum + logprobs[t] - old[t], 0) / n)
  const { objective, slope } = clippedObjective(ratio, advantage, bounds)
  for (const t of counted) gradient[t] = (-weight * slope) / n
  return { loss: -weight * objective, gradient }
}

/** −Σ_t w_t·stopgrad(min(r_t, 1 + clipHigh))·A·logp_t */
function cispoLoss(clipHigh: number, completion: LossInput): LossAndGradient {
  const { logprobs, advantage, weights } = completion
  const old = completion.oldLogprobs ?? logprobs
  const gradient = new Float64Array(logprobs.length)
  let loss = 0
  for (let t = 0; t < logprobs.length; t++) {
    const held = weights[t] * Math.min(Math.exp(logprobs[t] - old[t]), 1 + clipHigh) * advantage
    loss -= held * logprobs[t]
    gradient[t] = -held
  }
  return { loss, gradient }
}

/** Log ratios to the base above this would overflow as ratios of float32: from there k3 goes on as a straight line. */
const MAX_LOG_RATIO = 20

/**
 * k3 = exp(x) − x − 1 of x = ref − logp, with its derivative by x; above `MAX_LOG_RATIO` its tangent there, so that a
 * policy that has left the base far behind is still drawn back by a finite gradient.
 */
export function k3(x: number): { value: number; slope: number } {
  const bounded = Math.min(x, MAX_LOG_RATIO)
  const ratio = Math.exp(bounded)
  return { value: ratio * (1 + x - bounded) - x - 1, slope: ratio - 1 }
}

/** Adds β·Σ_t w_t·k3_t. */
function withKl(
  { loss, gradient }: LossAndGradient,
  { klCoef: beta = 0 }: { klCoef?: number },
  completion: LossInput,
): LossAndGradient {
  if (beta === 0) return { loss, gradient }
  const { logprobs, weights } = completion
  const ref = needed(completion.refLogprobs, 'refLogprobs')
  let penalty = 0
  for (let t = 0; t < logprobs.length; t++) {
    const { value, slope } = k3(ref[t] - logprobs[t])
    penalty += weights[t] * value
    gradient[t] -= beta * weights[t] * slope
  }
  return { loss: loss + beta * penalty, gradient }
}

function needed(logprobs: ArrayLike<number> | undefined, name: string): ArrayLike<number> {
  if (!logprobs) throw new Error(`this loss needs ${name}`)
  return logprobs
}
