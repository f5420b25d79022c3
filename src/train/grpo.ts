// The GRPO loop: sample, reward, update, validate, keep the best, and measure it at the end (METHOD.md §8). It knows the
// contract of a language model only, so the same loop trains on the embedded engine and on a cluster; and of the reward
// only its interface.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createJudge } from '../judge/judge.ts'
import type { Judge } from '../judge/types.ts'
import type { LanguageModel } from '../llm/contract.ts'
import type { User, UserSplit } from '../logs/types.ts'
import { bidirectionalReward } from '../reward/bidirectional.ts'
import type { RewardFunction } from '../reward/function.ts'
import { BumpError, CancelledError } from '../util/errors.ts'
import { mean } from '../util/stats.ts'
import { batchUsers, collectBatch } from './batch.ts'
import type { TrainConfig } from './config.ts'
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
import { checkpointPath, type LoopState, RunFolder, type RunHeader, type RunUsers } from './run-folder.ts'
import { type Baseline, peakMemoryBytes, profileRecords, type Summary } from './summary.ts'
import { updatePolicy } from './update.ts'

export type Phase = 'rollout' | 'judge' | 'train' | 'validation' | 'test'

/** What the loop tells while it runs. */
export type TrainEvent =
  | { type: 'phase'; phase: Phase; step: number }
  | { type: 'step'; step: number; metrics: Record<string, number | null> }
  | { type: 'validation'; step: number; metrics: Record<string, number>; best: boolean }
  | { type: 'note'; text: string }

export interface TrainOptions {
  config: TrainConfig
  /** The policy, opened with the trainable that the config names. */
  model: LanguageModel
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
  /** Goes on with the run in `folder`. */
  resume?: boolean
  /** Ends the run at a clean checkpoint. */
  signal?: AbortSignal
  onEvent?: (event: TrainEvent) => void
}

/** `summary` is there unless the signal ended the run. */
export type TrainResult = { status: 'finished'; summary: Summary } | { status: 'interrupted'; step: number }

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
    return await new Loop(options, header, folder).run()
  } finally {
    folder.close()
  }
}

class Loop {
  private readonly judge: Judge
  private readonly reward: RewardFunction
  private readonly validationUsers: User[]
  private state: LoopState = {
    step: 0,
    validatedAt: -1,
    best: null,
    worse: 0,
    tokens: 0,
    seconds: { rollout: 0, judge: 0, train: 0, validation: 0, test: 0 },
    bytes: { 'metrics.jsonl': 0, 'rollouts.jsonl': 0 },
  }

  constructor(
    private readonly options: TrainOptions,
    private readonly header: RunHeader,
    private readonly folder: RunFolder,
  ) {
    const { config, users, model, judgeModel } = options
    this.judge = createJudge(judgeModel ?? model, config.judge)
    this.reward = options.reward ?? defaultReward(this.judge, config)
    this.validationUsers = measuredUsers(users.validation, config.validation.users, config)
  }

  async run(): Promise<TrainResult> {
    const { model, resume, signal } = this.options
    const finished = join(this.folder.path, 'summary.json')
    if (resume && existsSync(finished)) {
      this.note('this run is finished; its summary stands')
      return { status: 'finished', summary: JSON.parse(readFileSync(finished, 'utf8')) as Summary }
    }
    const restored = this.folder.restore()
    if (restored) {
      this.state = restored
      await model.loadState(checkpointPath(this.folder.path, restored.step))
      this.note(`resumed after step ${restored.step}`)
    }
    try {
      await this.steps()
      return { status: 'finished', summary: await this.finish() }
    } catch (error) {
      if (!(error instanceof CancelledError && signal?.aborted)) throw error
      // The policy and the state are those of the last complete step: nothing of the cancelled work was kept.
      await this.checkpoint()
      return { status: 'interrupted', step: this.state.step }
    }
  }

  private async steps(): Promise<void> {
    const { config, signal } = this.options
    const { optim, validation, checkpoint } = config
    for (;;) {
      const { step } = this.state
      const last = step === optim.steps
      const due = (step % validation.every === 0 || last) && this.state.validatedAt !== step
      if (due) await this.validate()
      if (due || step % checkpoint.every === 0 || last) await this.checkpoint()
      if (last || (validation.patience > 0 && this.state.worse >= validation.patience)) return
      if (signal?.aborted) throw new CancelledError()
      await this.step()
    }
  }

  /** One step: the state and the logs change only when all of it is done. */
  private async step(): Promise<void> {
    const { config, model, users, signal } = this.options
    const { step } = this.state
    const started = performance.now()
    const chosen = batchUsers(users.train, config.rollout.users, step, config.seed)
    const onPhase = (phase: Phase) => this.options.onEvent?.({ type: 'phase', phase, step: step + 1 })
    const batch = await collectBatch(model, this.reward, chosen, config, step, { signal, onPhase })
    onPhase('train')
    const updating = performance.now()
    const update = await updatePolicy(model, batch.groups, config, step, signal)
    for (const name of ['loss', 'grad_norm'])
      if (!Number.isFinite(update[name] ?? 0))
        throw new BumpError(
          `Step ${step + 1} diverged (${name} is ${update[name]}). Lower optim.learningRate and start another run.`,
        )
    const now = performance.now()
    const seconds = { ...batch.seconds, train: (now - updating) / 1000 }
    this.state = { ...this.state, step: step + 1, tokens: this.state.tokens + batchTokens(batch) }
    for (const [phase, value] of Object.entries(seconds)) this.spend(phase as Phase, value)
    const metrics = {
      ...batchMetrics(batch),
      ...update,
      num_tokens: this.state.tokens,
      step_time: rounded((now - started) / 1000),
      'time/rollout': rounded(seconds.rollout),
      'time/judge': rounded(seconds.judge),
      'time/train': rounded(seconds.train),
    }
    this.folder.append('rollouts.jsonl', rolloutRecords(batch, step + 1))
    this.folder.append('metrics.jsonl', [{ step: step + 1, ...metrics }])
    this.options.onEvent?.({ type: 'step', step: step + 1, metrics })
  }

  private async validate(): Promise<void> {
    const { config, model, signal } = this.options
    const { step, best, worse } = this.state
    this.options.onEvent?.({ type: 'phase', phase: 'validation', step })
    const started = performance.now()
    const { profiles, lengths } = await measuredProfiles(model, this.validationUsers, config, 'policy', signal)
    const measured = await this.reward.evaluate(poolUsers(this.validationUsers), profiles, { signal })
    const seconds = (performance.now() - started) / 1000
    const { score } = measured
    const better = best === null || score > best.score
    this.state = {
      ...this.state,
      validatedAt: step,
      best: better ? { step, score } : best,
      worse: better ? 0 : worse + 1,
    }
    this.spend('validation', seconds)
    const metrics = prefixed('eval', {
      ...measured.metrics,
      mean_length: mean(lengths),
      users: this.validationUsers.length,
    })
    this.folder.append('metrics.jsonl', [{ step, ...metrics, 'time/validation': rounded(seconds) }])
    this.options.onEvent?.({ type: 'validation', step, metrics, best: better })
  }

  private async checkpoint(): Promise<void> {
    this.state = { ...this.state, bytes: this.folder.bytes() }
    await this.folder.checkpoint(this.state, (path) => this.options.model.saveState(path))
  }

  /** Zero-shot against the best checkpoint, on users that no choice of the run has seen. */
  private async finish(): Promise<Summary> {
    const { config, model, users, signal, baseline } = this.options
    const testUsers = measuredUsers(users.test, config.test.users, config)
    this.options.onEvent?.({ type: 'phase', phase: 'test', step: this.state.step })
    const started = performance.now()
    const before = baseline?.before ?? (await measure(model, this.judge, testUsers, config, 'base', signal))
    const bestStep = this.state.best?.step ?? this.state.step
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
      seconds: Object.fromEntries(Object.entries(this.state.seconds).map(([phase, value]) => [phase, rounded(value)])),
      peakMemoryBytes: peakMemoryBytes(),
      model: this.header.model,
      judge: this.header.judge,
      data: this.header.data,
    }
    this.folder.write('profiles.jsonl', profileRecords(before, after))
    this.folder.write('summary.json', `${JSON.stringify(summary, undefined, 2)}\n`)
    return summary
  }

  private spend(phase: Phase, seconds: number): void {
    const spent = this.state.seconds
    this.state = { ...this.state, seconds: { ...spent, [phase]: (spent[phase] ?? 0) + seconds } }
  }

  private note(text: string): void {
    this.options.onEvent?.({ type: 'note', text })
  }
}

function defaultReward(judge: Judge, config: TrainConfig): RewardFunction {
  if (config.reward.type !== 'bidirectional')
    throw new BumpError(
      `The reward ${config.reward.type} is not made from the configuration alone: give train() its reward.`,
    )
  return bidirectionalReward(judge, config.reward, poolSeed(config))
}

/** A stored configuration in today's form: runs from before there were several rewards do not name theirs. */
function completeConfig(stored: Record<string, unknown>): Record<string, unknown> {
  return { ...stored, reward: { type: 'bidirectional', ...(stored.reward as object) } }
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

function rounded(seconds: number): number {
  return Math.round(seconds * 1000) / 1000
}
