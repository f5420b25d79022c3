// Pre-training of the nano model: documents in, optimiser steps, checkpoints. Resumed, it goes on with the very batches
// that would have come. Flow: main.ts -> pretrain.ts -> documents.ts and the language model's training calls.
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { OnnxModel } from '../../src/model/onnx/open.ts'
import { BumpError } from '../../src/util/errors.ts'
import { writeFileAtomic } from '../../src/util/files.ts'
import { seedFrom } from '../../src/util/random.ts'
import { heldOutLoss } from './check.ts'
import { type DocumentOptions, MEDIOCRE, MOSTLY_TRUE, makeBatch } from './documents.ts'

interface PretrainOptions {
  steps: number
  /** Upper bound of the training time; the learning rate then falls with the time. */
  minutes: number
  seed: number
  learningRate: number
  /** Folder of checkpoints. */
  work: string
  /** Go on from the last checkpoint in `work`. */
  resume: boolean
  onLine: (line: string) => void
}

interface Progress {
  step: number
  /** Training time so far, over all starts. */
  seconds: number
  /** Tokens read so far, prompts included. */
  tokens: number
  seed: number
}

const WARM_UP = 60
const FINAL_SHARE = 0.03
const PRINT_EVERY = 20
const CHECKPOINT_EVERY = 200

/** Share of the peak learning rate: linear warm-up over the first steps, then cosine to FINAL_SHARE at `done` = 1. */
export function learningRateShare(step: number, done: number): number {
  const cosine = FINAL_SHARE + (1 - FINAL_SHARE) * 0.5 * (1 + Math.cos(Math.PI * Math.min(1, done)))
  return Math.min(1, (step + 1) / WARM_UP) * cosine
}

/** What is taught at a point of the training, 0 to 1: short histories and true profiles first. */
export function curriculum(done: number): Pick<DocumentOptions, 'mixture' | 'historyLength'> {
  return { mixture: done < 0.7 ? MOSTLY_TRUE : MEDIOCRE, historyLength: done < 0.5 ? [2, 8] : [4, 17] }
}

function readProgress(path: string, seed: number): Progress {
  if (!existsSync(path))
    throw new BumpError('invalid-options', `nothing to resume: ${path} does not exist. Start without --resume.`)
  const progress = JSON.parse(readFileSync(path, 'utf8')) as Progress
  if (progress.seed !== seed)
    throw new BumpError(
      'invalid-options',
      `${path} belongs to seed ${progress.seed}: resume with --seed ${progress.seed}.`,
    )
  return progress
}

/**
 * Trains all parameters of `model` by cross entropy until `steps` or `minutes` are reached. Checkpoints every 200
 * steps, a progress line every 20. Throws BumpError where the loss is no number or there is nothing to resume.
 */
export async function pretrain(model: OnnxModel, options: PretrainOptions): Promise<void> {
  const { steps, minutes, seed, learningRate, work, resume, onLine } = options
  const progressFile = join(work, 'progress.json')
  const stateOf = (step: number) => join(work, `step-${step}`)
  let progress: Progress = { step: 0, seconds: 0, tokens: 0, seed }
  if (resume) {
    progress = readProgress(progressFile, seed)
    await model.loadState(stateOf(progress.step))
    onLine(`resumed at step ${progress.step}`)
  }

  const since = { started: Date.now(), seconds: progress.seconds, tokens: progress.tokens, loss: 0, steps: 0 }
  const seconds = () => since.seconds + (Date.now() - since.started) / 1000
  const doneAt = (step: number) => Math.max(step / steps, seconds() / 60 / minutes)
  let saved = progress.step

  const checkpoint = async () => {
    if (saved === progress.step) return
    await model.saveState(stateOf(progress.step))
    writeFileAtomic(progressFile, JSON.stringify(progress))
    rmSync(stateOf(saved), { recursive: true, force: true })
    saved = progress.step
  }

  while (doneAt(progress.step) < 1) {
    const { step } = progress
    const done = doneAt(step)
    const batch = makeBatch(model.tokenizer, seedFrom('nano step', seed, step), {
      population: 'training',
      seed,
      ...curriculum(done),
    })
    let loss = 0
    for (const { groups } of batch) {
      loss += (await model.forwardBackward(groups, { type: 'cross_entropy' })).loss
      for (const { prompt, completions } of groups)
        progress.tokens += prompt.length + completions.reduce((sum, { tokens }) => sum + tokens.length, 0)
    }
    const rate = learningRate * learningRateShare(step, done)
    const { gradNorm } = await model.optimStep({
      learningRate: rate,
      beta1: 0.9,
      beta2: 0.95,
      eps: 1e-8,
      weightDecay: 0.05,
      maxGradNorm: 1,
    })
    if (!Number.isFinite(loss) || !Number.isFinite(gradNorm))
      throw new BumpError(
        'invalid-options',
        `the loss at step ${step} is ${loss}: lower --learning-rate and start again.`,
      )

    progress = { ...progress, step: step + 1, seconds: seconds() }
    since.loss += loss
    since.steps++
    if (progress.step % PRINT_EVERY === 0) {
      const speed = (progress.tokens - since.tokens) / (progress.seconds - since.seconds)
      const share = doneAt(progress.step)
      const left = (progress.seconds * (1 - share)) / share / 60
      onLine(
        `step ${progress.step}/${steps} | loss ${(since.loss / since.steps).toFixed(3)} | grad norm ${gradNorm.toFixed(2)} | ` +
          `learning rate ${rate.toExponential(1)} | ${speed.toFixed(0)} tokens/s | ${left.toFixed(1)} min left`,
      )
      since.loss = 0
      since.steps = 0
    }
    if (progress.step % CHECKPOINT_EVERY === 0) {
      await checkpoint()
      const losses = Object.entries(await heldOutLoss(model)).map(([kind, value]) => `${kind} ${value.toFixed(3)}`)
      onLine(`unseen people, nats a token: ${losses.join(', ')}`)
    }
  }
  await checkpoint()
}
