// What a GRPO loss is: the token loss that the language model differentiates, and the weight of each token in it.
import type { TokenLoss } from '../../model/contract.ts'

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
  /** Completions that give a gradient. */
  sequences: number
  /** Their tokens. */
  tokens: number
  /** Upper bound of a completion's tokens. */
  maxTokens: number
}

/** One of the GRPO family of losses. */
export interface PolicyLoss {
  /** The loss of the language-model contract that is minimised. */
  tokenLoss(options: LossOptions): TokenLoss
  /** Weight of each of the `length` tokens of one completion, so that the sum over the batch is normalised. */
  tokenWeight(length: number, batch: BatchSize): number
}
