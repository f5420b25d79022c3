// One step of SFT: the gradient of the mean cross-entropy over the target tokens of a batch, then AdamW. And the same
// loss without a gradient, for validation.
import type { CallOptions, LanguageModel, TrainGroup } from '../model/contract.ts'
import { BumpError } from '../util/errors.ts'
import { learningRateAt, type Schedule } from './schedule.ts'
import { microSteps } from './sft-batches.ts'
import type { SftConfig } from './sft-config.ts'
import { groupByPrompt, type PromptGroup, type SftExample } from './sft-examples.ts'

/** Numbers of a step under TRL's names. */
export interface SftUpdate {
  /** Mean cross-entropy over the target tokens, nats. */
  loss: number
  /** Mean entropy of the policy over the target tokens, nats; null where the provider gives none. */
  entropy: number | null
  /** Null where the provider does not say. */
  grad_norm: number | null
  learning_rate: number
}

/** The schedule of a run of `steps` steps. */
export function scheduleOf({ optim }: SftConfig, steps: number): Schedule {
  const { schedule, learningRate, warmup } = optim
  return { schedule, learningRate, warmup: warmup < 1 ? Math.round(warmup * steps) : warmup, steps }
}

/**
 * Makes optimiser step `step` (from 0) on a batch. `signal` cancels until the optimiser's step. Throws BumpError where
 * the loss is not finite; the policy is then unchanged.
 */
export async function updateOn(
  model: LanguageModel,
  batch: readonly SftExample[],
  config: SftConfig,
  schedule: Schedule,
  step: number,
  signal?: AbortSignal,
): Promise<SftUpdate> {
  const tokens = targetTokens(batch)
  let loss = 0
  let entropy: number | null = 0
  for (const part of microSteps(groupByPrompt(batch), config.batch.tokens)) {
    const groups = part.map((group) => trainGroup(group, tokens))
    const options = { signal, completions: batch.length }
    const result = await model.forwardBackward(groups, { type: 'cross_entropy' }, options)
    loss += result.loss
    for (const completion of result.completions.flat())
      entropy = entropy === null || !completion.entropy ? null : entropy + sum(completion.entropy) / tokens
  }
  if (!Number.isFinite(loss))
    throw new BumpError(
      'training-failed',
      `Step ${step + 1} diverged (the loss is ${loss}). Lower optim.learningRate and start another run.`,
    )
  const learningRate = learningRateAt(step, schedule)
  const { gradNorm } = await model.optimStep({ ...config.optim, learningRate })
  return { loss, entropy, grad_norm: gradNorm, learning_rate: learningRate }
}

/** Mean cross-entropy of the policy over the target tokens of the examples, nats. */
export async function evaluateLoss(
  model: LanguageModel,
  examples: readonly SftExample[],
  options: Pick<CallOptions, 'signal' | 'onProgress'> = {},
): Promise<number> {
  const requests = groupByPrompt(examples).map(({ prompt, targets }) => ({ prefix: prompt, continuations: targets }))
  const scores = await model.score(requests, { weights: 'policy', ...options })
  return -scores.flat().reduce((total, logprobs) => total + sum(logprobs), 0) / targetTokens(examples)
}

/** Every target token weighs the same, whatever the length of its example: the loss is the mean over `tokens`. */
function trainGroup({ prompt, targets }: PromptGroup, tokens: number): TrainGroup {
  return {
    prompt,
    completions: targets.map((target) => ({
      tokens: target,
      advantage: 1,
      weights: new Float32Array(target.length).fill(1 / tokens),
    })),
  }
}

function targetTokens(examples: readonly SftExample[]): number {
  return examples.reduce((total, { target }) => total + target.length, 0)
}

function sum(values: Float32Array): number {
  return values.reduce((total, value) => total + value, 0)
}
