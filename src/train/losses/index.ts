// The losses by name, and the per-token weights of a batch: normalisation, mask and importance correction multiplied.
import { cispo } from './cispo.ts'
import { dapo } from './dapo.ts'
import { drGrpo } from './dr-grpo.ts'
import { grpo } from './grpo.ts'
import { gspo } from './gspo.ts'
import type { PolicyLoss } from './types.ts'

export const LOSSES = { grpo, dr_grpo: drGrpo, dapo, gspo, cispo } satisfies Record<string, PolicyLoss>
export type LossName = keyof typeof LOSSES

/** What the weights of one completion depend on. */
export interface WeightedCompletion {
  /** Number of tokens. */
  length: number
  /** Masked completions (cut at the token limit) weigh nothing and do not count in the normalisation. */
  masked: boolean
  /** [tokens] truncated importance weights between sampler and trainer, where they are on. */
  correction?: Float32Array
}

/**
 * Per-token weights [completion][token] of the completions of one optimiser step.
 * `maxTokens` is the token limit that dr_grpo divides by.
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

/** Truncated importance sampling: min(cap, exp(trainer − sampler)) for each token of a completion. */
export function importanceWeights(trainer: Float32Array, sampler: Float32Array, cap: number): Float32Array {
  return trainer.map((logprob, t) => Math.min(cap, Math.exp(logprob - sampler[t])))
}
