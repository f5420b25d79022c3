// The optimiser steps on one batch of rollouts: old and reference log probabilities, token weights, gradient, AdamW.
import type { LanguageModel, TrainGroup, WeightSet } from '../model/contract.ts'
import type { RolloutGroup } from './batch.ts'
import type { TrainConfig } from './config.ts'
import { importanceWeights, LOSSES, tokenWeights } from './losses.ts'
import { learningRateAt } from './schedule.ts'
import { clipRatios, summarise } from './token-statistics.ts'

/** Numbers of an update under TRL's names; null where no group gave a gradient. */
export type UpdateMetrics = Record<string, number | null>

const NAMES = [
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
 * Makes `optim.numUpdates` optimiser steps on the groups that are kept. Old log probabilities are the sampler's own
 * for a single on-policy update: sampler and trainer then hold the same weights, and their ratio is 1 but for rounding.
 * With several updates, importance sampling or a quantised sampler, the trainer scores them first.
 * `signal` cancels until the first optimiser step; from there on the update is finished, so that the policy never stays
 * between two steps.
 */
export async function updatePolicy(
  model: LanguageModel,
  batch: readonly RolloutGroup[],
  config: TrainConfig,
  step: number,
  signal?: AbortSignal,
): Promise<UpdateMetrics> {
  const { optim, rollout } = config
  const learningRate = learningRateAt(step, optim)
  const masked = (stopReason: 'stop' | 'length'): boolean => optim.maskTruncated && stopReason === 'length'
  const groups = batch.filter(
    ({ kept, rollouts }) => kept && rollouts.some(({ completion }) => !masked(completion.stopReason)),
  )
  if (groups.length === 0)
    return { ...Object.fromEntries(NAMES.map((name) => [name, null])), learning_rate: learningRate }

  const rescored = optim.numUpdates > 1 || optim.importanceSampling.enabled || config.quantize !== 'none'
  const sampler = groups.map(({ rollouts }) => rollouts.map(({ completion }) => completion.logprobs))
  const old = rescored ? await logprobs(model, groups, config, 'policy', signal) : sampler
  const reference = optim.klCoef > 0 ? await logprobs(model, groups, config, 'base', signal) : undefined
  const policyLoss = LOSSES[optim.loss]
  const weights = tokenWeights(
    policyLoss,
    groups.flatMap(({ rollouts }, u) =>
      rollouts.map(({ completion }, g) => ({
        length: completion.tokens.length,
        masked: masked(completion.stopReason),
        correction: optim.importanceSampling.enabled
          ? importanceWeights(old[u][g], sampler[u][g], optim.importanceSampling.cap)
          : undefined,
      })),
    ),
    config.profile.maxTokens,
  )
  const trainGroups: TrainGroup[] = groups.map(({ prompt, rollouts }, u) => ({
    prompt,
    completions: rollouts.map(({ completion, advantage }, g) => ({
      tokens: completion.tokens,
      advantage,
      weights: weights[u * rollout.groupSize + g],
      oldLogprobs: old[u][g],
      refLogprobs: reference?.[u][g],
    })),
  }))

  const loss = policyLoss.tokenLoss({ ...optim, temperature: rollout.temperature })
  const updates: Record<string, number>[] = []
  for (let update = 0; update < optim.numUpdates; update++) {
    const result = await model.forwardBackward(trainGroups, loss, { signal: update === 0 ? signal : undefined })
    const { gradNorm } = await model.optimStep({ ...optim, learningRate })
    updates.push({
      loss: result.loss,
      grad_norm: gradNorm,
      ...summarise(trainGroups, result.completions, sampler),
      ...clipRatios(loss, trainGroups, result.completions),
    })
  }
  // Sampler and trainer are compared before the policy moves; everything else is the mean over the updates.
  const metrics = Object.fromEntries(
    NAMES.map((name) => [
      name,
      name.startsWith('sampling/')
        ? updates[0][name]
        : updates.reduce((sum, update) => sum + update[name], 0) / updates.length,
    ]),
  )
  return { ...metrics, learning_rate: learningRate }
}

/** [group][completion][token] under the given weights. */
function logprobs(
  model: LanguageModel,
  groups: readonly RolloutGroup[],
  { rollout: { temperature } }: TrainConfig,
  weights: WeightSet,
  signal?: AbortSignal,
): Promise<Float32Array[][]> {
  const requests = groups.map(({ prompt, rollouts }) => ({
    prefix: prompt,
    continuations: rollouts.map(({ completion }) => completion.tokens),
  }))
  return model.score(requests, { weights, exact: true, temperature, signal })
}
