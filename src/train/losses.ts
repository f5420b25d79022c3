// The losses of the GRPO family, each with its formula, and their arithmetic in float64 with its gradient. Training
// asks the language model for a `TokenLoss` (model/contract.ts) with the weights made here; the provider computes it
// with its own arithmetic, and tests hold every provider to the arithmetic below.
//
// Notation, for the completions o_i of one optimiser step (masked ones and dropped groups left out):
//   A_i   advantage of the completion                     N   number of completions
//   r_it  exp(logp_it − old_it) of its token t            T   number of their tokens, Σ_i |o_i|
//   L     upper bound of a completion's tokens            clip(r) = min(max(r, 1 − clipLow), 1 + clipHigh)
// Every loss also takes β·Σ w·k3 (`klCoef`; k3 below) with the same weights w, and truncated importance weights as
// factors of w (docs/method.md §8).
import type { TokenLoss } from '../model/contract.ts'

interface LossOptions {
  /** A probability ratio below 1 − clipLow gives no further gradient. */
  clipLow: number
  /** A probability ratio above 1 + clipHigh gives no further gradient. */
  clipHigh: number
  /** β of the KL penalty to the frozen base (k3 estimator); 0 is off. */
  klCoef: number
  /** That the completions were sampled at: the loss is on the distribution that they come from. */
  temperature: number
}

/** Sizes of the global batch of one optimiser step. Masked completions and dropped groups do not count. */
interface BatchSize {
  /** N: completions that give a gradient. */
  sequences: number
  /** T: their tokens. */
  tokens: number
  /** L: upper bound of a completion's tokens. */
  maxTokens: number
}

/** One of the GRPO family of losses. */
interface PolicyLoss {
  /** The loss of the language-model contract that is minimised. */
  tokenLoss(options: LossOptions): TokenLoss
  /** w: weight of each of the `length` tokens of one completion, so that the sum over the batch is normalised. */
  tokenWeight(length: number, batch: BatchSize): number
}

/** −Σ_t w_t·min(r_t·A, clip(r_t)·A), the clipped ratio per token that three of the five share. */
const clippedPerToken = ({ clipLow, clipHigh, klCoef, temperature }: LossOptions): TokenLoss => ({
  type: 'ppo',
  clipLow,
  clipHigh,
  klCoef,
  temperature,
})

/**
 * GRPO (arXiv 2402.03300): mean over a completion's tokens, then mean over completions. Long completions count per
 * token less than short ones.
 *
 *     −1/N Σ_i 1/|o_i| Σ_t min(r_it·A_i, clip(r_it)·A_i)        w = 1/(N·|o_i|)
 */
const grpo: PolicyLoss = {
  tokenLoss: clippedPerToken,
  tokenWeight: (length, { sequences }) => 1 / (length * sequences),
}

/**
 * Dr. GRPO (arXiv 2503.20783): divided by a constant, the token limit, instead of the completion's length, so that no
 * length is preferred. Pair it with `scaleRewards: none`, as its paper does.
 *
 *     −1/N Σ_i 1/L Σ_t min(r_it·A_i, clip(r_it)·A_i)            w = 1/(N·L)
 */
const drGrpo: PolicyLoss = {
  tokenLoss: clippedPerToken,
  tokenWeight: (_length, { sequences, maxTokens }) => 1 / (sequences * maxTokens),
}

/**
 * DAPO (arXiv 2503.14476): mean over all tokens of the global batch, so that every token counts the same whatever
 * completion it stands in. Its paper sets clipHigh above clipLow (0.28 and 0.2).
 *
 *     −1/T Σ_i Σ_t min(r_it·A_i, clip(r_it)·A_i)                w = 1/T
 */
const dapo: PolicyLoss = {
  tokenLoss: clippedPerToken,
  tokenWeight: (_length, { tokens }) => 1 / tokens,
}

/**
 * GSPO (arXiv 2507.18071): one length-normalised ratio for the whole completion, clipped as one; mean over completions.
 * Such ratios stay very near 1, so its paper clips at about 3e-4 instead of 0.2.
 *
 *     −1/N Σ_i min(s_i·A_i, clip(s_i)·A_i),  s_i = exp(1/|o_i| Σ_t (logp_it − old_it))        w = 1/(N·|o_i|)
 */
const gspo: PolicyLoss = {
  tokenLoss: ({ clipLow, clipHigh, klCoef, temperature }) => ({
    type: 'ppo',
    clipLow,
    clipHigh,
    klCoef,
    temperature,
    sequenceRatio: true,
  }),
  tokenWeight: (length, { sequences }) => 1 / (length * sequences),
}

/**
 * CISPO (arXiv 2506.13585): the ratio, capped from above and not differentiated, only weighs the gradient of the log
 * probability, so that a capped token still learns; mean over all tokens of the global batch. `clipLow` is not used.
 *
 *     −1/T Σ_i Σ_t stopgrad(min(r_it, 1 + clipHigh))·A_i·logp_it        w = 1/T
 */
const cispo: PolicyLoss = {
  tokenLoss: ({ clipHigh, klCoef, temperature }) => ({ type: 'cispo', clipHigh, klCoef, temperature }),
  tokenWeight: (_length, { tokens }) => 1 / tokens,
}

/** The losses by the name that `optim.loss` takes. */
export const LOSSES = { grpo, dr_grpo: drGrpo, dapo, gspo, cispo } satisfies Record<string, PolicyLoss>
export type LossName = keyof typeof LOSSES

/** What the weights of one completion depend on. */
interface WeightedCompletion {
  /** Number of tokens. */
  length: number
  /** Masked completions (cut at the token limit) weigh nothing and do not count in the normalisation. */
  masked: boolean
  /** [tokens] truncated importance weights between sampler and trainer, where they are on. */
  correction?: Float32Array
}

/**
 * Per-token weights [completion][token] of the completions of one optimiser step: normalisation, mask and importance
 * correction multiplied. `maxTokens` is the token limit that dr_grpo divides by.
 */
export function tokenWeights(
  loss: PolicyLoss,
  completions: readonly WeightedCompletion[],
  maxTokens: number,
): Float32Array[] {
  const counted = completions.filter((completion) => !completion.masked)
  const batch = { sequences: counted.length, tokens: counted.reduce((sum, { length }) => sum + length, 0), maxTokens }
  return completions.map(({ length, masked, correction }) => {
    const weights = new Float32Array(length)
    if (masked) return weights
    const weight = loss.tokenWeight(length, batch)
    for (let t = 0; t < length; t++) weights[t] = weight * (correction?.[t] ?? 1)
    return weights
  })
}

/** Truncated importance sampling: min(cap, exp(trainer − sampler)) for each token of a completion, [tokens]. */
export function importanceWeights(trainer: Float32Array, sampler: Float32Array, cap: number): Float32Array {
  return trainer.map((logprob, t) => Math.min(cap, Math.exp(logprob - sampler[t])))
}

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
 * @internal
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
