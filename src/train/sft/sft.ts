// The SFT loop: adapts a task backbone to examples, validates on held-out users, keeps the best checkpoint and writes it
// as an adapter (METHOD.md §9). It knows the contract of a language model only, and writes the run folder that the GRPO
// loop writes, with the metric names of TRL's SFTTrainer.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { LanguageModel } from '../../llm/contract.ts'
import { BumpError, CancelledError } from '../../util/errors.ts'
import { checkpointPath, type LoopState, RunFolder, type RunHeader } from '../run-folder.ts'
import type { Schedule } from '../schedule.ts'
import { peakMemoryBytes } from '../summary.ts'
import { batchesPerEpoch, epochBatches } from './batches.ts'
import type { SftConfig } from './config.ts'
import { examplesDigest, type SftExample, type SftSplit, splitExamples } from './examples.ts'
import { evaluateLoss, scheduleOf, updateOn } from './update.ts'

/** What the loop tells while it runs. */
export type SftEvent =
  | { type: 'phase'; phase: 'train' | 'validation'; step: number }
  | { type: 'step'; step: number; metrics: Record<string, number> }
  | { type: 'validation'; step: number; metrics: Record<string, number>; best: boolean }
  | { type: 'note'; text: string }

export interface SftOptions {
  /** What config.json records; keys beyond SftConfig say where the examples come from. */
  config: SftConfig
  /** The backbone, opened as trainable. */
  model: LanguageModel
  /** Split by user into those to train on and those to validate on. */
  examples: readonly SftExample[]
  /** What the examples are, for summary.json: task, condition. */
  about: Record<string, unknown>
  /** The run's folder. */
  folder: string
  /** Name and version of the program, for config.json. */
  package: RunHeader['package']
  /** Goes on with the run in `folder`. */
  resume?: boolean
  /** Ends the run at a clean checkpoint. */
  signal?: AbortSignal
  onEvent?: (event: SftEvent) => void
}

/** summary.json of an SFT run, with what the examples are. */
export interface SftSummary extends Record<string, unknown> {
  /** Mean cross-entropy over the target tokens of held-out users before training and at the best; null without any. */
  validationLoss: { first: number; best: number } | null
  /** Steps trained; fewer than configured after an early stop. */
  steps: number
  bestStep: number
  /** Passes over the training examples. */
  epochs: number
  examples: { train: number; validation: number }
  users: { train: number; validation: number }
  seed: number
  /** Wall-clock seconds by phase, over all processes of the run. */
  seconds: Record<string, number>
  peakMemoryBytes: number
  model: RunHeader['model']
  data: RunHeader['data']
}

/** `summary` is there unless the signal ended the run. */
export type SftResult = { status: 'finished'; summary: SftSummary } | { status: 'interrupted'; step: number }

/** Steps of a run on this many training examples. */
export function stepsOf({ batch, optim }: SftConfig, trainExamples: number): number {
  return optim.steps ?? optim.epochs * batchesPerEpoch(trainExamples, batch.examples)
}

/**
 * Fine-tunes a backbone and writes its run folder, the best policy in `adapter/`. Throws BumpError where an example is
 * empty or exceeds the model's context, no user is left to train on, or the folder cannot be started or resumed.
 */
export async function sft(options: SftOptions): Promise<SftResult> {
  const { config, examples } = options
  checkExamples(options)
  const split = splitExamples(examples, config.validation.users, config.validation.seed)
  const header = runHeader(options, split)
  const folder = RunFolder.open(options.folder, header, options.resume ?? false)
  try {
    folder.writeUsers({ train: usersOf(split.train), validation: usersOf(split.validation), test: [] })
    return await new Loop(options, split, header, folder).run()
  } finally {
    folder.close()
  }
}

class Loop {
  private readonly steps: number
  private readonly schedule: Schedule
  private epoch: { number: number; batches: SftExample[][] } | undefined
  private state: LoopState = {
    step: 0,
    validatedAt: -1,
    best: null,
    worse: 0,
    tokens: 0,
    seconds: { train: 0, validation: 0 },
    bytes: { 'metrics.jsonl': 0 },
  }

  constructor(
    private readonly options: SftOptions,
    private readonly split: SftSplit,
    private readonly header: RunHeader,
    private readonly folder: RunFolder,
  ) {
    this.steps = stepsOf(options.config, split.train.length)
    this.schedule = scheduleOf(options.config, this.steps)
  }

  async run(): Promise<SftResult> {
    const { model, resume, signal } = this.options
    const finished = join(this.folder.path, 'summary.json')
    if (resume && existsSync(finished)) {
      this.note('this run is finished; its summary stands')
      return { status: 'finished', summary: JSON.parse(readFileSync(finished, 'utf8')) as SftSummary }
    }
    const restored = this.folder.restore()
    if (restored) {
      this.state = restored
      await model.loadState(checkpointPath(this.folder.path, restored.step))
      this.note(`resumed after step ${restored.step}`)
    }
    try {
      await this.train()
      return { status: 'finished', summary: await this.finish() }
    } catch (error) {
      if (!(error instanceof CancelledError && signal?.aborted)) throw error
      // The policy and the state are those of the last complete step: nothing of the cancelled work was kept.
      await this.checkpoint()
      return { status: 'interrupted', step: this.state.step }
    }
  }

  private async train(): Promise<void> {
    const { config, signal } = this.options
    const { validation, checkpoint } = config
    const validates = this.split.validation.length > 0
    for (;;) {
      const { step } = this.state
      const last = step === this.steps
      const due = validates && (step % validation.every === 0 || last) && this.state.validatedAt !== step
      if (due) await this.validate()
      if (due || step % checkpoint.every === 0 || last) await this.checkpoint()
      if (last || (validation.patience > 0 && this.state.worse >= validation.patience)) return
      if (signal?.aborted) throw new CancelledError()
      await this.step()
    }
  }

  /** One step: the state and the log change only when all of it is done. */
  private async step(): Promise<void> {
    const { config, model, signal } = this.options
    const { step, tokens } = this.state
    const started = performance.now()
    this.options.onEvent?.({ type: 'phase', phase: 'train', step: step + 1 })
    const batch = this.batch(step)
    const update = await updateOn(model, batch, config, this.schedule, step, signal)
    const seconds = (performance.now() - started) / 1000
    const seen = batch.reduce((sum, { prompt, target }) => sum + prompt.length + target.length, tokens)
    this.state = { ...this.state, step: step + 1, tokens: seen }
    this.spend('train', seconds)
    const metrics = { ...update, num_tokens: seen, epoch: this.epochs(step + 1), step_time: rounded(seconds) }
    this.folder.append('metrics.jsonl', [{ step: step + 1, ...metrics }])
    this.options.onEvent?.({ type: 'step', step: step + 1, metrics })
  }

  private batch(step: number): SftExample[] {
    const { batch, seed } = this.options.config
    const perEpoch = batchesPerEpoch(this.split.train.length, batch.examples)
    const number = Math.floor(step / perEpoch)
    if (this.epoch?.number !== number)
      this.epoch = { number, batches: epochBatches(this.split.train, batch.examples, seed, number) }
    return this.epoch.batches[step % perEpoch]
  }

  private epochs(steps: number): number {
    return rounded(steps / batchesPerEpoch(this.split.train.length, this.options.config.batch.examples))
  }

  private async validate(): Promise<void> {
    const { model, signal } = this.options
    const { step, best, worse } = this.state
    this.options.onEvent?.({ type: 'phase', phase: 'validation', step })
    const started = performance.now()
    const loss = await evaluateLoss(model, this.split.validation, signal)
    const seconds = (performance.now() - started) / 1000
    // A run folder's score is higher where better.
    const better = best === null || -loss > best.score
    this.state = {
      ...this.state,
      validatedAt: step,
      best: better ? { step, score: -loss } : best,
      worse: better ? 0 : worse + 1,
    }
    this.spend('validation', seconds)
    const metrics = { eval_loss: loss, epoch: this.epochs(step) }
    this.folder.append('metrics.jsonl', [{ step, ...metrics, 'time/validation': rounded(seconds) }])
    this.options.onEvent?.({ type: 'validation', step, metrics, best: better })
  }

  private async checkpoint(): Promise<void> {
    this.state = { ...this.state, bytes: this.folder.bytes() }
    await this.folder.checkpoint(this.state, (path) => this.options.model.saveState(path))
  }

  /** The best checkpoint's policy becomes the adapter. */
  private async finish(): Promise<SftSummary> {
    const { config, model, about } = this.options
    const { step, best, seconds } = this.state
    const bestStep = best?.step ?? step
    await model.loadState(checkpointPath(this.folder.path, bestStep))
    await this.folder.writeFolder('adapter', (path) => model.savePolicy(path))
    const { train, validation } = this.split
    const summary: SftSummary = {
      ...about,
      validationLoss: best && { first: this.firstLoss(), best: -best.score },
      steps: step,
      bestStep,
      epochs: this.epochs(step),
      examples: { train: train.length, validation: validation.length },
      users: { train: usersOf(train).length, validation: usersOf(validation).length },
      seed: config.seed,
      seconds: Object.fromEntries(Object.entries(seconds).map(([phase, value]) => [phase, rounded(value)])),
      peakMemoryBytes: peakMemoryBytes(),
      model: this.header.model,
      data: this.header.data,
    }
    this.folder.write('summary.json', `${JSON.stringify(summary, undefined, 2)}\n`)
    return summary
  }

  /** The validation before any step: the first line of the log. */
  private firstLoss(): number {
    const [line] = readFileSync(join(this.folder.path, 'metrics.jsonl'), 'utf8').split('\n', 1)
    return (JSON.parse(line) as { eval_loss: number }).eval_loss
  }

  private spend(phase: 'train' | 'validation', seconds: number): void {
    const spent = this.state.seconds
    this.state = { ...this.state, seconds: { ...spent, [phase]: spent[phase] + seconds } }
  }

  private note(text: string): void {
    this.options.onEvent?.({ type: 'note', text })
  }
}

function checkExamples({ examples, model }: SftOptions): void {
  const { contextLength, name } = model.info
  for (const { id, prompt, target } of examples) {
    if (prompt.length === 0 || target.length === 0)
      throw new BumpError(`example ${id} has no ${prompt.length === 0 ? 'prompt' : 'target'}: leave it out`)
    if (prompt.length + target.length > contextLength)
      throw new BumpError(
        `example ${id} has ${prompt.length + target.length} tokens, more than the ${contextLength} that ${name} reads: shorten it or leave it out`,
      )
  }
}

function runHeader({ config, model, package: program }: SftOptions, split: SftSplit): RunHeader {
  const { name, digest, parameters, trainableParameters } = model.info
  return {
    kind: 'sft',
    config,
    package: program,
    model: { name, digest, parameters, trainableParameters },
    data: { digest: examplesDigest(split), train: split.train.length, validation: split.validation.length },
  }
}

function usersOf(examples: readonly SftExample[]): string[] {
  return [...new Set(examples.map(({ user }) => user))]
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000
}
