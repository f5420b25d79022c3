// The SFT loop: adapts a task backbone to examples, validates on held-out users, keeps the best checkpoint and writes
// it as an adapter (docs/method.md §9). It knows the contract of a language model only, and writes the run folder that
// the GRPO loop writes, with the metric names of TRL's SFTTrainer.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { LanguageModel } from '../model/contract.ts'
import { RunFolder } from '../run/folder.ts'
import { type RunHeader, type SftSummary, sftSummarySchema } from '../run/format.ts'
import { packageInfo } from '../run/package-info.ts'
import { readFinished } from '../run/read.ts'
import { BumpError, CancelledError } from '../util/errors.ts'
import { modelRecord } from './model-record.ts'
import { OngoingRun, peakMemoryBytes, type RunEvent, rounded } from './ongoing-run.ts'
import type { Part } from './phase-progress.ts'
import { batchesPerEpoch, epochBatches } from './sft-batches.ts'
import type { SftConfig } from './sft-config.ts'
import { examplesDigest, type SftExample, type SftSplit, splitExamples } from './sft-examples.ts'
import { evaluateLoss, scheduleOf, updateOn } from './sft-update.ts'

export interface SftOptions {
  /** The backbone, opened as trainable. */
  model: LanguageModel
  /** What config.json records; keys beyond SftConfig say where the examples come from. */
  config: SftConfig
  /** Split by user into those to train on and those to validate on. */
  examples: readonly SftExample[]
  /** What the examples are, for summary.json: task, condition. */
  about: Record<string, unknown>
  /** The run's folder. */
  out: string
  /** Goes on with the run in the folder. */
  resume?: boolean
  /** Ends the run at a clean checkpoint, with a CancelledError. */
  signal?: AbortSignal
  onEvent?: (event: RunEvent) => void
}

/** Steps of a run on this many training examples. */
export function stepsOf({ batch, optim }: SftConfig, trainExamples: number): number {
  return optim.steps ?? optim.epochs * batchesPerEpoch(trainExamples, batch.examples)
}

/**
 * Fine-tunes a backbone and writes its run folder, the best policy in `adapter/`; a finished run's summary stands.
 * Throws BumpError where an example is empty or exceeds the model's context, no user is left to train on, the model's
 * server sends no adapter, or the folder cannot be started or resumed, and CancelledError where the signal ended it.
 */
export async function sft(options: SftOptions): Promise<SftSummary> {
  const { config, examples, model, out, resume = false, signal, onEvent } = options
  checkExamples(options)
  const split = splitExamples(examples, config.validation.users, config.validation.seed)
  const header = runHeader(options, split)
  const folder = RunFolder.open(out, header, resume)
  try {
    folder.writeUsers({ train: usersOf(split.train), validation: usersOf(split.validation), test: [] })
    const finished = resume ? readFinished(out, sftSummarySchema) : undefined
    if (finished) {
      onEvent?.({ type: 'note', text: 'this run is finished; its summary stands' })
      return finished
    }
    const validation = split.validation.length > 0 ? config.validation : { ...config.validation, every: 0 }
    const plan = { ...config, validation, steps: stepsOf(config, split.train.length) }
    if (model.info.server) await refuseKeptAdapter(model)
    const run = await OngoingRun.open(folder, model, plan, ['train', 'validation'], onEvent)
    return await run.until(signal, () => loop(options, split, header, plan.steps, run))
  } finally {
    folder.close()
  }
}

async function loop(
  { config, model, about, signal }: SftOptions,
  split: SftSplit,
  header: RunHeader,
  steps: number,
  run: OngoingRun,
): Promise<SftSummary> {
  const { train, validation } = split
  const schedule = scheduleOf(config, steps)
  const perEpoch = batchesPerEpoch(train.length, config.batch.examples)
  const epochsAfter = (step: number): number => rounded(step / perEpoch)
  let epoch = { number: -1, batches: [] as SftExample[][] }

  for (;;) {
    if (run.validationDue) {
      const part: Part = { what: 'loss of the held-out users', kind: 'loss', users: validation.length }
      const progress = run.beginParts('validation', [part])
      const started = performance.now()
      const loss = await progress.next((onProgress) => evaluateLoss(model, validation, { signal, onProgress }))
      const metrics = { eval_loss: loss, epoch: epochsAfter(run.step) }
      run.validated(-loss, metrics, (performance.now() - started) / 1000)
    }
    if (run.checkpointDue) await run.checkpoint()
    if (run.ended) break
    if (signal?.aborted) throw new CancelledError()

    run.begin('train')
    const started = performance.now()
    const number = Math.floor(run.step / perEpoch)
    if (epoch.number !== number)
      epoch = { number, batches: epochBatches(train, config.batch.examples, config.seed, number) }
    const batch = epoch.batches[run.step % perEpoch]
    const update = await updateOn(model, batch, config, schedule, run.step, signal)
    run.stepDone({
      metrics: { ...update, epoch: epochsAfter(run.step + 1) },
      tokens: batch.reduce((sum, { prompt, target }) => sum + prompt.length + target.length, 0),
      seconds: { train: (performance.now() - started) / 1000 },
    })
  }

  // The best checkpoint's policy becomes the adapter.
  await run.loadBest()
  await run.folder.writeFolder('adapter', (path) => model.savePolicy(path))
  const summary: SftSummary = {
    ...about,
    validationLoss: run.best && { first: run.firstMetrics().eval_loss, best: -run.best.score },
    steps: run.step,
    bestStep: run.bestStep,
    epochs: epochsAfter(run.step),
    examples: { train: train.length, validation: validation.length },
    users: { train: usersOf(train).length, validation: usersOf(validation).length },
    seed: config.seed,
    seconds: run.spentSeconds(),
    peakMemoryBytes: peakMemoryBytes(),
    model: header.model,
    data: header.data,
  }
  run.folder.write('summary.json', `${JSON.stringify(summary, undefined, 2)}\n`)
  return summary
}

/** The adapter is what the run is for: a server that keeps it to itself is noticed here, not at the end. */
async function refuseKeptAdapter(model: LanguageModel): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'bump-adapter-'))
  try {
    await model.savePolicy(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
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

function runHeader({ config, model }: SftOptions, split: SftSplit): RunHeader {
  return {
    kind: 'sft',
    config,
    package: packageInfo(),
    model: modelRecord(model),
    data: { digest: examplesDigest(split), train: split.train.length, validation: split.validation.length },
  }
}

function usersOf(examples: readonly SftExample[]): string[] {
  return [...new Set(examples.map(({ user }) => user))]
}
