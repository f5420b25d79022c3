// Opens a profile generator for use: a trained one by its run folder or its adapter, or any model as it is. This is
// what a product holds.
import { existsSync, readFileSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import type { LogSource } from '../logs/types.ts'
import type { Quantize } from '../model/contract.ts'
import { type OnnxModel, type OpenModelOptions, openModel } from '../model/onnx/open.ts'
import { toRead } from '../model/trainable.ts'
import { bestCheckpoint, checkpointPath } from '../run/read.ts'
import { BumpError, CancelledError } from '../util/errors.ts'
import { refuseUnknown, requireOptions } from '../util/required.ts'
import { DEFAULT_SETTINGS } from './config.ts'
import { generatorOn, type ProfileGenerator } from './generator.ts'
import type { GeneratorSettings } from './profile-users.ts'
import { generatorOfRun, logsOfRun, settingsOfRun } from './run-settings.ts'
import { checkSettings, type SettingsOptions, settingsOf } from './settings.ts'

/** A generator whose model is in this process: it takes memory and a thread until `close`. */
export interface Generator extends ProfileGenerator {
  readonly model: OnnxModel
}

export interface OpenGeneratorOptions
  extends SettingsOptions,
    Pick<OpenModelOptions, 'device' | 'threads' | 'memory' | 'onProgress'> {
  /** Integers that the matrices are read in, of a model that no run trained; default none. A run has its own. */
  quantize?: Quantize
  /** The base model of an adapter folder; default: what its adapter_config.json names. */
  model?: string
  /** People whose profiles are written at once, at most; fewer take less memory. Default: as many as are worth it. */
  users?: number
  /** Take SQL expressions of the run's logs although they were never used on this machine. */
  trust?: boolean
  /** Ends the opening with a CancelledError. */
  signal?: AbortSignal
}

const OPTIONS: readonly (keyof OpenGeneratorOptions)[] = [
  ...(['model', 'quantize', 'prompt', 'maxTokens', 'temperature', 'seed', 'users', 'trust'] as const),
  ...(['device', 'threads', 'memory', 'signal', 'onProgress'] as const),
]

/**
 * Opens a profile generator: `from` is a run folder of `bump train` (its best checkpoint), one of its
 * `checkpoints/step-N`, or a folder with a LoRA adapter in PEFT's form (`adapter_config.json`); `{ model }` is a model
 * as it is (a Hugging Face folder, a .gguf file or a hub name).
 *
 * ```ts
 * const generator = await openGenerator('runs/reviews')
 * const { profile } = await generator.write(['how I pruned my roses', 'beans on a trellis'])
 * await generator.close()
 * ```
 *
 * @throws BumpError `invalid-options` where an option has no usable value, `run-unusable` where there is no run, it has
 * no checkpoint or its base model is another one than it was trained on, `model-unusable` or `download-failed` where a
 * model cannot be opened; CancelledError where `signal` aborts
 */
export async function openGenerator(
  from: string | { model: string },
  options: OpenGeneratorOptions = {},
): Promise<Generator> {
  requireOptions('openGenerator()', { from }, ['from'])
  refuseUnknown('openGenerator()', options, OPTIONS)
  checkSettings(options)
  if (options.signal?.aborted) throw new CancelledError()
  if (typeof from === 'object') return await openUntrained(from.model, undefined, options)
  const checkpoint = options.model === undefined ? checkpointOf(from) : undefined
  if (checkpoint) return await openTrained(checkpoint.run, checkpoint.step, options)
  if (isAdapterFolder(from)) return await openUntrained(baseOf(from, options.model), from, options)
  return await openTrained(from, undefined, options)
}

/** The generator of a run, at a checkpoint of it; default: its best. */
async function openTrained(
  from: string,
  checkpoint: number | undefined,
  options: OpenGeneratorOptions,
): Promise<Generator> {
  const { config, modelDigest } = generatorOfRun(from)
  const step = checkpoint ?? bestCheckpoint(from)
  if (options.quantize !== undefined)
    throw new BumpError(
      'invalid-options',
      `quantize: ${from} was trained with quantize: ${config.quantize}, and is read so. Leave it out.`,
    )
  const settings = settingsOf(settingsOfRun(from), options)
  const model = await openModel(config.model, {
    ...engineOf(options, settings),
    trainable: toRead(config.trainable),
    quantize: config.quantize,
  })
  return await closedOnError(model, options.signal, async () => {
    // A server does not say what its weights are.
    if (config.engine === undefined && model.info.digest !== modelDigest)
      throw new BumpError(
        'run-unusable',
        `${config.model} is not the model that ${from} was trained on: its content has changed.`,
      )
    await model.loadPolicy(checkpointPath(from, step))
    options.onProgress?.(`generator: ${from}, ${checkpoint === undefined ? 'best ' : ''}checkpoint step-${step}`)
    return await embedded(model, settings, () => logsOfRun(from, { trust: options.trust }))
  })
}

/** Whether a folder holds a LoRA adapter in PEFT's form. */
export function isAdapterFolder(folder: string): boolean {
  return existsSync(join(folder, 'adapter_config.json'))
}

/** A model that no run trained, with an adapter on it or as it is. */
async function openUntrained(
  name: string,
  adapter: string | undefined,
  options: OpenGeneratorOptions,
): Promise<Generator> {
  const settings = settingsOf(DEFAULT_SETTINGS, options)
  const model = await openModel(name, { ...engineOf(options, settings), quantize: options.quantize })
  return await closedOnError(model, options.signal, async () => {
    if (adapter !== undefined) await model.loadPolicy(adapter)
    return await embedded(model, settings, () => undefined)
  })
}

/** Tokens of a prompt besides its interactions, more than the usual wording has. */
const WORDING = 100

function engineOf(options: OpenGeneratorOptions, { prompt }: GeneratorSettings): OpenModelOptions {
  const { device, threads, memory, signal, onProgress, users = Number.POSITIVE_INFINITY } = options
  const promptTokens = users * (prompt.historyTokens + WORDING)
  return { device, threads, memory, promptTokens, signal, onProgress }
}

/**
 * Which checkpoint of which run a folder is; undefined where it is none. An adapter alone would lose the run's prompt.
 */
function checkpointOf(folder: string): { run: string; step: number } | undefined {
  const step = /^step-(\d+)$/.exec(basename(resolve(folder)))?.[1]
  const run = join(folder, '..', '..')
  const stands = basename(dirname(resolve(folder))) === 'checkpoints' && existsSync(join(run, 'config.json'))
  return step !== undefined && stands && existsSync(folder) ? { run, step: Number(step) } : undefined
}

/** The base model of an adapter. Throws BumpError where neither the caller nor the adapter names one. */
function baseOf(adapter: string, named: string | undefined): string {
  if (named !== undefined) return named
  try {
    const config = JSON.parse(readFileSync(join(adapter, 'adapter_config.json'), 'utf8'))
    const { base_model_name_or_path: base, revision } = config
    const ofHub = typeof revision === 'string' && revision !== '' && !existsSync(base)
    if (typeof base === 'string' && base !== '') return ofHub ? `${base}@${revision}` : base
  } catch {}
  throw new BumpError(
    'invalid-options',
    `${adapter} does not name the model that it belongs to: give it as the option model`,
  )
}

async function closedOnError<T>(model: OnnxModel, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
  try {
    if (signal?.aborted) throw new CancelledError()
    return await work()
  } catch (error) {
    await model.close()
    throw error
  }
}

async function embedded(
  model: OnnxModel,
  settings: GeneratorSettings,
  logs: () => LogSource | undefined,
): Promise<Generator> {
  const weights = await model.policyDigest()
  return generatorOn(model, { settings, weights, logs, close: () => model.close() })
}
