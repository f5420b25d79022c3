// The SFT loop: adapts a task backbone to examples, validates on held-out users, keeps the best checkpoint and writes it
// as an adapter (docs/method.md §9). It knows the contract of a language model only, and writes the run folder that the GRPO
// loop writes, with the metric names of TRL's SFTTrainer.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { checkpointPath, RunFolder, type RunHeader } from '../run/folder.ts'
import { BumpError } from '../util/errors.ts'
import { type RunEvent, RunLoop, type RunOptions, type RunResult, rounded, type StepOutcome } from './run-loop.ts'
import type { Schedule } from './schedule.ts'
import { batchesPerEpoch, epochBatches } from './sft-batches.ts'
import type { SftConfig } from './sft-config.ts'
import { examplesDigest, type SftExample, type SftSplit, splitExamples } from './sft-examples.ts'
import { evaluateLoss, scheduleOf, updateOn } from './sft-update.ts'
import { peakMemoryBytes } from './summary.ts'

type Phase = 'train' | 'validation'

export type SftEvent = RunEvent<Phase>

/** `model`: the backbone, opened as trainable. */
export interface SftOptions extends RunOptions<Phase> {
  /** What config.json records; keys beyond SftConfig say where the examples come from. */
  config: SftConfig
  /** Split by user into those to train on and those to validate on. */
  examples: readonly SftExample[]
  /** What the examples are, for summary.json: task, condition. */
  about: Record<string, unknown>
  /** The run's folder. */
  folder: string
  /** Name and version of the program, for config.json. */
  package: RunHeader['package']
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

export type SftResult = RunResult<SftSummary>

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
    return await new SftLoop(options, split, header, folder).train()
  } finally {
    folder.close()
  }
}

class SftLoop extends RunLoop<Phase, SftSummary> {
  private readonly schedule: Schedule
  private epoch: { number: number; batches: SftExample[][] } | undefined
  protected readonly validates: boolean

  constructor(
    private readonly options: SftOptions,
    private readonly split: SftSplit,
    private readonly header: RunHeader,
    folder: RunFolder,
  ) {
    const { config } = options
    const steps = stepsOf(config, split.train.length)
    super(options, folder, { ...config, steps }, ['train', 'validation'])
    this.schedule = scheduleOf(config, steps)
    this.validates = split.validation.length > 0
  }

  protected async step(): Promise<StepOutcome<Phase>> {
    const { config, model, signal } = this.options
    const { step } = this.state
    const started = performance.now()
    this.tell({ type: 'phase', phase: 'train', step: step + 1 })
    const batch = this.batch(step)
    const update = await updateOn(model, batch, config, this.schedule, step, signal)
    return {
      metrics: { ...update, epoch: this.epochs(step + 1) },
      tokens: batch.reduce((sum, { prompt, target }) => sum + prompt.length + target.length, 0),
      seconds: { train: (performance.now() - started) / 1000 },
    }
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

  protected async validate(): Promise<{ score: number; metrics: Record<string, number> }> {
    const loss = await evaluateLoss(this.options.model, this.split.validation, this.options.signal)
    return { score: -loss, metrics: { eval_loss: loss, epoch: this.epochs(this.state.step) } }
  }

  /** The best checkpoint's policy becomes the adapter. */
  protected async finish(bestStep: number): Promise<SftSummary> {
    const { config, model, about } = this.options
    const { step, best } = this.state
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
      seconds: this.spentSeconds(),
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
}

function checkExamples({ examples, model }: SftOptions): void {
  const { contextLength, name } = model.info
  for (const { id, prompt, target } of examples) {
    if (prompt.length === 0 || target.length === 0)
      throw new BumpError(
        'training-failed',
        `example ${id} has no ${prompt.length === 0 ? 'prompt' : 'target'}: leave it out`,
      )
    if (prompt.length + target.length > contextLength)
      throw new BumpError(
        'training-failed',
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
