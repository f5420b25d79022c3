// The losses of the GRPO family, each with its formula. Training asks the language model for a `TokenLoss`
// (model/contract.ts) with the weights made here; model/token-loss.ts has its arithmetic.
//
// Notation, for the completions o_i of one optimiser step (masked ones and dropped groups left out):
//   A_i   advantage of the completion                     N   number of completions
//   r_it  exp(logp_it − old_it) of its token t            T   number of their tokens, Σ_i |o_i|
//   L     upper bound of a completion's tokens            clip(r) = min(max(r, 1 − clipLow), 1 + clipHigh)
// Every loss also takes β·Σ w·k3 (`klCoef`) with the same weights w, and truncated importance weights as
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
