// The GRPO loop: sample, reward, update, validate, keep the best, and measure it at the end (METHOD.md §8). It knows the
// contract of a language model only, so the same loop trains on the embedded engine and on a cluster; and of the reward
// only its interface.
import { createJudge } from '../judge/judge.ts'
import type { Judge } from '../judge/types.ts'
import type { User, UserSplit } from '../logs/types.ts'
import type { LanguageModel } from '../model/contract.ts'
import type { RewardFunction } from '../reward/reward.ts'
import { checkpointPath, RunFolder, type RunHeader, type RunUsers } from '../run/folder.ts'
import { BumpError } from '../util/errors.ts'
import { mean } from '../util/stats.ts'
import { batchUsers, collectBatch } from './batch.ts'
import type { TrainConfig } from './config.ts'
import { defaultReward } from './default-reward.ts'
import { dataDigest } from './digest.ts'
import {
  compareMeasurements,
  measure,
  measureControls,
  measuredProfiles,
  measuredUsers,
  poolSeed,
  poolUsers,
} from './measure.ts'
import { batchMetrics, batchTokens, prefixed, rolloutRecords } from './metrics.ts'
import { type RunEvent, RunLoop, type RunOptions, type RunResult, rounded, type StepOutcome } from './run-loop.ts'
import { type Baseline, peakMemoryBytes, profileRecords, type Summary } from './summary.ts'
import { updatePolicy } from './update.ts'

export type Phase = 'rollout' | 'judge' | 'train' | 'validation' | 'test'

export type TrainEvent = RunEvent<Phase>

/** `model`: the policy, opened with the trainable that the config names. */
export interface TrainOptions extends RunOptions<Phase> {
  config: TrainConfig
  /** The judge's model; default: the frozen base of `model`. */
  judgeModel?: LanguageModel
  /** What profiles are rewarded by; default: the bidirectional reward that the config describes. */
  reward?: RewardFunction
  /** What an earlier run of the same model, judge, users and budgets measured before training: taken, not measured anew. */
  baseline?: Baseline
  users: UserSplit
  /** The run's folder. */
  folder: string
  /** Name and version of the program, for config.json. */
  package: RunHeader['package']
}

export type TrainResult = RunResult<Summary>

/**
 * Trains a profile generator and writes its run folder. Throws BumpError where the users are too few, or the folder
 * cannot be started or resumed.
 */
export async function train(options: TrainOptions): Promise<TrainResult> {
  checkUsers(options)
  const header = runHeader(options)
  const folder = RunFolder.open(options.folder, header, options.resume ?? false, completeConfig)
  try {
    folder.writeUsers(userIds(options.users))
    return await new GrpoLoop(options, header, folder).train()
  } finally {
    folder.close()
  }
}

class GrpoLoop extends RunLoop<Phase, Summary> {
  private readonly judge: Judge
  private readonly reward: RewardFunction
  private readonly validationUsers: User[]
  protected readonly validates = true

  constructor(
    private readonly options: TrainOptions,
    private readonly header: RunHeader,
    folder: RunFolder,
  ) {
    const { config, users, model, judgeModel } = options
    super(options, folder, { ...config, steps: config.optim.steps }, [
      'rollout',
      'judge',
      'train',
      'validation',
      'test',
    ])
    this.judge = createJudge(judgeModel ?? model, config.judge)
    this.reward = options.reward ?? configuredReward(this.judge, config)
    this.validationUsers = measuredUsers(users.validation, config.validation.maxUsers, config)
  }

  protected async step(): Promise<StepOutcome<Phase>> {
    const { config, model, users, signal } = this.options
    const { step } = this.state
    const chosen = batchUsers(users.train, config.rollout.users, step, config.seed)
    const onPhase = (phase: Phase) => this.tell({ type: 'phase', phase, step: step + 1 })
    const batch = await collectBatch(model, this.reward, chosen, config, step, { signal, onPhase })
    onPhase('train')
    const updating = performance.now()
    const update = await updatePolicy(model, batch.groups, config, step, signal)
    for (const name of ['loss', 'grad_norm'])
      if (!Number.isFinite(update[name] ?? 0))
        throw new BumpError(
          'training-failed',
          `Step ${step + 1} diverged (${name} is ${update[name]}). Lower optim.learningRate and start another run.`,
        )
    const seconds = { ...batch.seconds, train: (performance.now() - updating) / 1000 }
    return {
      metrics: {
        ...batchMetrics(batch),
        ...update,
        'time/rollout': rounded(seconds.rollout),
        'time/judge': rounded(seconds.judge),
        'time/train': rounded(seconds.train),
      },
      tokens: batchTokens(batch),
      seconds,
      records: { 'rollouts.jsonl': rolloutRecords(batch, step + 1) },
    }
  }

  protected async validate(): Promise<{ score: number; metrics: Record<string, number> }> {
    const { config, model, signal } = this.options
    const { profiles, lengths } = await measuredProfiles(model, this.validationUsers, config, 'policy', signal)
    const { score, metrics } = await this.reward.evaluate!(poolUsers(this.validationUsers), profiles, { signal })
    const all = { ...metrics, mean_length: mean(lengths), users: this.validationUsers.length }
    return { score, metrics: prefixed('eval', all) }
  }

  /** Zero-shot against the best checkpoint, on users that no choice of the run has seen. */
  protected async finish(bestStep: number): Promise<Summary> {
    const { config, model, users, signal, baseline } = this.options
    const testUsers = measuredUsers(users.test, config.test.maxUsers, config)
    this.tell({ type: 'phase', phase: 'test', step: this.state.step })
    const started = performance.now()
    const before = baseline?.before ?? (await measure(model, this.judge, testUsers, config, 'base', signal))
    await model.loadState(checkpointPath(this.folder.path, bestStep))
    const after = await measure(model, this.judge, testUsers, config, 'policy', signal)
    const controls = await measureControls(model.tokenizer, this.judge, testUsers, after.profiles, config, {
      signal,
      known: baseline?.history,
    })
    const profiles = { before: before.profiles, after: after.profiles }
    const task = await this.reward.compareTask?.(poolUsers(testUsers), profiles, { signal })
    this.spend('test', (performance.now() - started) / 1000)
    const summary: Summary = {
      ...compareMeasurements(before, after, config.split.seed),
      controls,
      ...(task ? { task } : {}),
      chance: before.chance,
      users: testUsers.length,
      steps: this.state.step,
      bestStep,
      seed: config.seed,
      seconds: this.spentSeconds(),
      peakMemoryBytes: peakMemoryBytes(),
      model: this.header.model,
      judge: this.header.judge,
      data: this.header.data,
    }
    this.folder.write('profiles.jsonl', profileRecords(before, after))
    this.folder.write('summary.json', `${JSON.stringify(summary, undefined, 2)}\n`)
    return summary
  }
}

function configuredReward(judge: Judge, config: TrainConfig): RewardFunction {
  if (config.reward.type !== 'bidirectional')
    throw new BumpError(
      'training-failed',
      `The reward ${config.reward.type} is not made from the configuration alone: give train() its reward.`,
    )
  return defaultReward(judge, config.reward, poolSeed(config))
}

/** A stored configuration in today's form: older runs do not name the only reward or precision that there was. */
function completeConfig(stored: Record<string, unknown>): Record<string, unknown> {
  return {
    quantize: 'none',
    ...stored,
    reward: { type: 'bidirectional', ...(stored.reward as object) },
    validation: { select: 'best', ...(stored.validation as object) },
  }
}

function checkUsers({ config, users }: TrainOptions): void {
  const needed = { train: config.rollout.users, validation: 2, test: 2 }
  const cure = {
    train: 'lower rollout.users, or give more logs',
    validation: 'raise split.validation, or give more logs',
    test: 'raise split.test, or give more logs',
  }
  for (const part of ['train', 'validation', 'test'] as const)
    if (users[part].length < needed[part])
      throw new BumpError(
        'training-failed',
        `The ${part} part has ${users[part].length} users (of ${users.train.length + users.validation.length + users.test.length}), but needs at least ${needed[part]}: ${cure[part]}.`,
      )
}

function runHeader({ config, model, judgeModel, reward, users, package: program }: TrainOptions): RunHeader {
  const describe = ({ info }: LanguageModel) => ({
    name: info.name,
    digest: info.digest,
    parameters: info.parameters,
    trainableParameters: info.trainableParameters,
  })
  return {
    config,
    package: program,
    model: describe(model),
    judge: { ...config.judge, ...describe(judgeModel ?? model) },
    ...(reward?.origin ? { reward: reward.origin } : {}),
    data: {
      digest: dataDigest(users),
      train: users.train.length,
      validation: users.validation.length,
      test: users.test.length,
    },
  }
}

function userIds({ train, validation, test }: UserSplit): RunUsers {
  const ids = (users: readonly User[]) => users.map(({ id }) => id)
  return { train: ids(train), validation: ids(validation), test: ids(test) }
}
