// GRPO, whole (docs/method.md §8): validate, save, sample, judge, advantages, update, and the test at the end. The loop
// knows the contract of a language model and the interface of a reward, nothing of who provides them.
//
// Names say their axes: U users of a batch, G rollouts of a user, T tokens of a completion.
import { generateProfiles } from '../generator/generate.ts'
import type { Completion, LanguageModel, TrainGroup, WeightSet } from '../model/contract.ts'
import type { HardExamples } from '../reward/hard-examples.ts'
import type { RunHeader, Summary } from '../run/format.ts'
import { BumpError, CancelledError } from '../util/errors.ts'
import { seedFrom } from '../util/random.ts'
import { advantages, varies } from './advantages.ts'
import { UserBatches } from './batches.ts'
import type { TrainConfig } from './config.ts'
import { type FinalTestInputs, finalTest } from './final-test.ts'
import { importanceWeights, LOSSES, tokenWeights } from './losses.ts'
import { measuredUsers, validate, validationParts } from './measure.ts'
import { batchMetrics, batchTokens, type RolloutGroup, rolloutLines, UPDATE_METRICS, updateMetrics } from './metrics.ts'
import { type OngoingRun, peakMemoryBytes, rounded } from './ongoing-run.ts'
import { learningRateAt } from './schedule.ts'

/** `model`: opened as trainable. */
export interface GrpoInputs extends FinalTestInputs {
  /** What the run's config.json says of model, judge and data. */
  header: RunHeader
  /** Composes the batches; it knows all users of training. */
  hardExamples?: HardExamples
}

/** Trains to the last step and tests the best checkpoint. Throws CancelledError where the signal aborts. */
export async function grpo(inputs: GrpoInputs, run: OngoingRun): Promise<Summary> {
  const { config, model, reward, users, signal } = inputs
  const { rollout, profile, prompt, optim, seed } = config
  const validationUsers = await users.validation.load(
    measuredUsers(users.validation.listed, config.validation.maxUsers, config),
  )
  const batches = new UserBatches(users.train.listed, config, inputs.hardExamples)

  for (;;) {
    if (run.validationDue) {
      const started = performance.now()
      const progress = run.beginParts('validation', validationParts(validationUsers.length))
      const { score, metrics } = await validate(model, reward, validationUsers, config, progress, signal)
      run.validated(score, metrics, secondsSince(started))
    }
    if (run.checkpointDue) await run.checkpoint()
    if (run.ended) break
    if (signal?.aborted) throw new CancelledError()
    const { step } = run

    // Sample: G profiles of each of U users.
    const what = `step ${step + 1}`
    const rollouts = run.beginParts('rollout', [{ what, kind: 'sample', users: rollout.users }])
    const sampling = performance.now()
    const users_U = await users.train.load(batches.at(step))
    const mostTokens = rollout.users * rollout.groupSize * profile.maxTokens
    const generated_U = await rollouts.next((onProgress) =>
      generateProfiles(model, users_U, {
        prompt,
        maxTokens: profile.maxTokens,
        temperature: rollout.temperature,
        seeds: (user) => Array.from({ length: rollout.groupSize }, (_, g) => seedFrom(seed, 'rollout', step, user, g)),
        signal,
        onProgress: (tokens) => onProgress(tokens / mostTokens),
      }),
    )

    // Judge: both directions, less the penalties.
    const judged = run.beginParts('judge', [{ what, kind: 'reward', users: rollout.users }])
    const judging = performance.now()
    const rated_U = users_U.map((user, u) => ({
      id: user.id,
      heldOut: user.heldOut.map(({ text }) => text),
      history: generated_U[u].shown,
      rollouts: generated_U[u].profiles.map((text, g) => ({
        text,
        tokens: generated_U[u].completions[g].tokens.length,
      })),
    }))
    const { rewards, chance, usage } = await judged.next((onProgress) =>
      reward.score(rated_U, [seed, step], { signal, onProgress }),
    )

    // Advantages: what a rollout is better by than its group.
    run.begin('train')
    const updating = performance.now()
    const advantages_U_G = advantages(
      rewards.map((rewards_G) => rewards_G.map(({ total }) => total)),
      optim.scaleRewards,
    )
    const groups_U: RolloutGroup[] = generated_U.map(({ user, prompt, profiles, completions }, u) => ({
      user,
      prompt,
      kept: varies(rewards[u].map(({ raw }) => raw)),
      rollouts: profiles.map((text, g) => ({
        profile: text,
        completion: completions[g],
        reward: rewards[u][g],
        advantage: advantages_U_G[u][g],
      })),
    }))

    // Update: the optimiser's steps on this batch.
    const update = await updatePolicy(model, groups_U, config, step, signal)
    const seconds = {
      rollout: (judging - sampling) / 1000,
      judge: (updating - judging) / 1000,
      train: secondsSince(updating),
    }
    run.stepDone({
      metrics: {
        ...batchMetrics(groups_U, chance, usage),
        ...update,
        'time/rollout': rounded(seconds.rollout),
        'time/judge': rounded(seconds.judge),
        'time/train': rounded(seconds.train),
      },
      tokens: batchTokens(groups_U),
      seconds,
      rollouts: rolloutLines(groups_U, step + 1),
    })
  }

  // Test: zero-shot against the best checkpoint, on users that no choice of the run has seen.
  const started = performance.now()
  const test = await finalTest(inputs, run)
  run.spend('test', secondsSince(started))
  const summary: Summary = {
    ...test.result,
    steps: run.step,
    bestStep: run.bestStep,
    seed,
    seconds: run.spentSeconds(),
    peakMemoryBytes: peakMemoryBytes(),
    model: inputs.header.model,
    judge: inputs.header.judge,
    data: inputs.header.data,
  }
  run.folder.write('profiles.jsonl', test.profiles.map((line) => `${JSON.stringify(line)}\n`).join(''))
  run.folder.write('summary.json', `${JSON.stringify(summary, undefined, 2)}\n`)
  return summary
}

/**
 * Makes `optim.numUpdates` optimiser steps on the groups that are kept; metrics are null where none is. Old log
 * probabilities are the sampler's own for a single on-policy update: sampler and trainer then hold the same weights,
 * and their ratio is 1 but for rounding. With a quantised sampler they are the trainer's of that very update; with
 * several updates or importance sampling the trainer scores them first. `signal` cancels until the first optimiser step; from there on the update is finished, so that the
 * policy never stays between two steps.
 */
async function updatePolicy(
  model: LanguageModel,
  batch: readonly RolloutGroup[],
  config: TrainConfig,
  step: number,
  signal?: AbortSignal,
): Promise<Record<string, number | null>> {
  const { optim } = config
  const learningRate = learningRateAt(step, optim)
  const masked = ({ stopReason }: Completion): boolean => optim.maskTruncated && stopReason === 'length'
  const groups_U = batch.filter(({ kept, rollouts }) => kept && rollouts.some(({ completion }) => !masked(completion)))
  if (groups_U.length === 0)
    return { ...Object.fromEntries(UPDATE_METRICS.map((name) => [name, null])), learning_rate: learningRate }

  const sampler_U_G_T = groups_U.map(({ rollouts }) => rollouts.map(({ completion }) => completion.logprobs))
  // Other weights sampled than those that are trained on: of a single update the trainer's own are those of its pass.
  const mixed = config.quantize === 'int8' && config.precision === 'f32'
  const rescored = optim.numUpdates > 1 || optim.importanceSampling.enabled
  const old_U_G_T = rescored
    ? await logprobs(model, groups_U, config, 'policy', signal)
    : mixed
      ? undefined
      : sampler_U_G_T
  const reference_U_G_T = optim.klCoef > 0 ? await logprobs(model, groups_U, config, 'base', signal) : undefined
  const policyLoss = LOSSES[optim.loss]
  const weights_UG_T = tokenWeights(
    policyLoss,
    groups_U.flatMap(({ rollouts }, u) =>
      rollouts.map(({ completion }, g) => ({
        length: completion.tokens.length,
        masked: masked(completion),
        correction: optim.importanceSampling.enabled
          ? importanceWeights(old_U_G_T![u][g], sampler_U_G_T[u][g], optim.importanceSampling.cap)
          : undefined,
      })),
    ),
    config.profile.maxTokens,
  )
  const groups: TrainGroup[] = groups_U.map(({ prompt, rollouts }, u) => ({
    prompt,
    completions: rollouts.map(({ completion, advantage }, g) => ({
      tokens: completion.tokens,
      advantage,
      weights: weights_UG_T[u * config.rollout.groupSize + g],
      oldLogprobs: old_U_G_T?.[u][g],
      refLogprobs: reference_U_G_T?.[u][g],
    })),
  }))

  const loss = policyLoss.tokenLoss({ ...optim, temperature: config.rollout.temperature })
  const updates: Record<string, number | null>[] = []
  for (let update = 0; update < optim.numUpdates; update++) {
    const result = await model.forwardBackward(groups, loss, { signal: update === 0 ? signal : undefined })
    refuseDivergence('loss', result.loss, step)
    const { gradNorm } = await model.optimStep({ ...optim, learningRate })
    if (gradNorm !== null) refuseDivergence('grad_norm', gradNorm, step)
    updates.push({ loss: result.loss, grad_norm: gradNorm, ...updateMetrics(loss, groups, result, sampler_U_G_T) })
  }
  // Sampler and trainer are compared before the policy moves; everything else is the mean over the updates.
  const metrics = UPDATE_METRICS.map((name) => {
    const values = updates.map((update) => update[name])
    const measured = values.filter((value) => value !== null)
    if (name.startsWith('sampling/') || measured.length === 0) return [name, values[0]]
    return [name, measured.reduce((sum, value) => sum + value, 0) / measured.length]
  })
  return { ...Object.fromEntries(metrics), learning_rate: learningRate }
}

/** [group][completion][token] log probabilities under the given weights, at the sampler's temperature. */
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

function refuseDivergence(name: string, value: number, step: number): void {
  if (Number.isFinite(value)) return
  throw new BumpError(
    'training-failed',
    `Step ${step + 1} diverged (${name} is ${value}). Lower optim.learningRate and start another run.`,
  )
}

function secondsSince(start: number): number {
  return (performance.now() - start) / 1000
}
