// The embedded provider: the language-model contract on ONNX Runtime, in a worker thread of its own.
import { existsSync } from 'node:fs'
import type { EngineOptions } from '../../engine/engine.ts'
import { hubBase, resolveModel } from '../../engine/hub/resolve.ts'
import { defaultQuantize } from '../../engine/runtime/default-quantize.ts'
import { DEVICES, type DeviceRequest } from '../../engine/runtime/device.ts'
import { describeMemory, type MemoryRequest, planMemory } from '../../engine/runtime/memory.ts'
import { openTokenizer } from '../../engine/tokenizer/open-tokenizer.ts'
import { refuseFamily } from '../../engine/weights/gguf-source.ts'
import { configOf } from '../../engine/weights/open-source.ts'
import { BumpError } from '../../util/errors.ts'
import { seedFrom } from '../../util/random.ts'
import { refuseUnknown, requireOptions } from '../../util/required.ts'
import {
  type AdamParams,
  type CallOptions,
  type LanguageModel,
  PRECISIONS,
  type Precision,
  QUANTIZE,
  type Quantize,
  type SampleOptions,
} from '../contract.ts'
import { resolveTrainable, type TrainableInput } from '../trainable.ts'
import { startEngine } from './client.ts'

export { DEVICES, type DeviceRequest }

export interface OpenModelOptions {
  /** What may be trained; absent: the model is opened for inference. */
  trainable?: TrainableInput
  /** What an adapter's first weights derive from: the seed of the run. Default 1, as a run's. */
  seed?: number
  /**
   * Integers that sampling and scoring read the matrices in; default: int8 from 100 M parameters on, where the processor
   * has the products for it. Not with full fine-tuning, nor on a GPU.
   */
  quantize?: Quantize
  /** What training computes the base's products in; default f32. int8 makes `quantize` int8 too. */
  precision?: Precision
  /** Default: cpu. */
  device?: DeviceRequest
  /** Default: all cores. */
  threads?: number
  /** Bytes that the process may take; default: nine tenths of what the machine (or its container) has. */
  memory?: number
  /** Where nothing is trained or scored: tokens of prompts that are sampled from at once, which takes less memory. */
  promptTokens?: number
  /** Ends the opening, a download too, with a CancelledError. */
  signal?: AbortSignal
  /** Lines about downloads and preparation; a `passing` one may be drawn over by the next. */
  onProgress?: (line: string, passing?: boolean) => void
}

const OPTIONS: readonly (keyof OpenModelOptions)[] = [
  ...(['trainable', 'seed', 'quantize', 'precision', 'device'] as const),
  ...(['threads', 'memory', 'promptTokens', 'signal', 'onProgress'] as const),
]

/** What sampling and scoring read: what is asked for, or the default, which is not known of a model to be downloaded. */
export async function quantizeOf(
  where: string,
  options: Pick<OpenModelOptions, 'quantize' | 'trainable' | 'device'>,
): Promise<Quantize | undefined> {
  const { quantize, device } = options
  const trainable = options.trainable && resolveTrainable(options.trainable)
  return quantize ?? (existsSync(where) ? await defaultQuantize(configOf(where), { trainable, device }) : undefined)
}

/**
 * What the model will take, as a line, and how it is run for that. A model that is not on this machine yet has no
 * estimate. Throws BumpError where it is damaged or cannot fit the memory.
 */
export async function memoryLine(
  where: string,
  options: MemoryRequest & Pick<OpenModelOptions, 'device'>,
): Promise<string> {
  if (!existsSync(where)) return `memory: not known before ${where} is downloaded`
  const quantize = await quantizeOf(where, options)
  const { layerWise, rows, estimate } = planMemory(where, configOf(where), { ...options, quantize })
  const atOnce = options.trainable ? rows.train : rows.prefix
  return `memory: about ${describeMemory(estimate)}${layerWise ? ', training layer by layer' : ''}, ${atOnce} tokens at once`
}

/**
 * Throws a BumpError where a model that lies on this machine is damaged or of an unsupported family: what openModel would
 * throw, before other work is done.
 */
export function refuseUnusable(where: string): void {
  if (existsSync(where)) configOf(where)
}

function refuseOther(option: string, value: unknown, known: readonly string[]): void {
  if (value !== undefined && !known.includes(value as string))
    throw new BumpError(
      'invalid-options',
      `${option}: there is no ${JSON.stringify(value)}. It is ${known.join(', ')}.`,
    )
}

/** A language model on the embedded engine. */
export interface OnnxModel extends LanguageModel {
  optimStep(adam: AdamParams): Promise<{ gradNorm: number }>
  /** SHA-256 over the policy as it is now: base and adapter. */
  policyDigest(): Promise<string>
}

/**
 * Opens a Hugging Face folder, a .gguf file or a model by its hub name (downloaded once into the cache).
 * @throws BumpError when the model cannot be found, is damaged or of an unsupported family; CancelledError where
 * `signal` aborts
 */
export async function openModel(where: string, options: OpenModelOptions = {}): Promise<OnnxModel> {
  requireOptions('openModel()', { model: where }, ['model'])
  refuseUnknown('openModel()', options, OPTIONS)
  const { onProgress, seed = 1, precision = 'f32', device, threads, memory, promptTokens, signal } = options
  refuseOther('quantize', options.quantize, QUANTIZE)
  refuseOther('precision', precision, PRECISIONS)
  if (memory !== undefined && !(Number.isFinite(memory) && memory > 0))
    throw new BumpError(
      'invalid-options',
      `memory: ${JSON.stringify(memory)} is no number of bytes above 0; 2 GB are 2e9.`,
    )
  const trainable = options.trainable && resolveTrainable(options.trainable)
  // An unsupported model is refused before its weights are downloaded, and before its vocabulary is read.
  const path = await resolveModel(where, { onProgress, checkConfig: configOf, checkStart: refuseFamily, signal })
  const config = configOf(path)
  const quantize =
    precision === 'int8' ? 'int8' : (options.quantize ?? (await defaultQuantize(config, { trainable, device })))
  const engineOptions: EngineOptions = {
    trainable: trainable?.type === 'lora' ? { ...trainable, seed: seedFrom(seed, 'trainable') } : trainable,
    quantize,
    precision,
    device,
    threads,
    memory,
    promptTokens,
    baseModel: hubBase(where),
  }
  if (memory !== undefined) onProgress?.(await memoryLine(path, engineOptions))
  const tokenizer = await openTokenizer(path, onProgress)
  const client = await startEngine({ path, options: engineOptions }, onProgress, signal)
  const set = (o?: CallOptions) => o?.weights ?? 'policy'
  return {
    info: { name: where, ...client.info, opened: { trainable, quantize, precision, seed } },
    tokenizer,
    sample: (requests, o: SampleOptions) =>
      client.call(
        'sample',
        [
          requests.map(({ prompt, seeds }) => ({ prompt, seeds })),
          {
            maxTokens: o.maxTokens,
            temperature: o.temperature ?? 1,
            stopTokens: o.stopTokens ?? tokenizer.stopTokens,
            allowed: o.allowed,
          },
          set(o),
        ],
        { signal: o.signal, onProgress: o.onProgress },
      ),
    score: (requests, o) =>
      client.call('score', [requests, set(o), { exact: o?.exact, temperature: o?.temperature }], o),
    labelLogits: (prompts, labels, o) => client.call('labelLogits', [prompts, labels, set(o)], o),
    forwardBackward: (groups, loss, o) => client.call('forwardBackward', [groups, loss], o),
    optimStep: (adam) => client.call('optimStep', [adam]),
    saveState: (folder) => client.call('saveState', [folder]),
    loadState: (folder) => client.call('loadState', [folder]),
    savePolicy: (folder) => client.call('savePolicy', [folder]),
    loadPolicy: (folder) => client.call('loadPolicy', [folder]),
    policyDigest: () => client.call('policyDigest', []),
    close: () => client.close(),
  }
}
