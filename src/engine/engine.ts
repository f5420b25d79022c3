// The embedded engine: one model on ONNX Runtime, with everything the language-model contract asks except text. It runs
// in a worker thread (model/onnx), since the runtime's runs block the thread they are called from.
import { existsSync, mkdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import {
  type AdamParams,
  type Completion,
  type ForwardBackwardResult,
  type ModelInfo,
  PROJECTIONS,
  type Precision,
  type Projection,
  type SampleRequest,
  type ScoreRequest,
  type TokenIds,
  type TokenLoss,
  type WeightSet,
} from '../model/contract.ts'
import type { OnLine } from '../util/byte-progress.ts'
import { BumpError } from '../util/errors.ts'
import { sha256, writeFileAtomic } from '../util/files.ts'
import { type ModelConfig, weightShapes } from './model/config.ts'
import type { Cancelled, Core } from './runtime/core.ts'
import { chooseDevice, type Device, type DeviceRequest } from './runtime/device.ts'
import { readFullWeights } from './runtime/full-weights.ts'
import { type GenerateOptions, generate } from './runtime/generate.ts'
import { LayerWise } from './runtime/layer-wise.ts'
import { type MemoryPlan, planMemory } from './runtime/memory.ts'
import { type LoraSettings, ModelWeights, type OwnedTensor, type Trainable } from './runtime/model-weights.ts'
import { readOptimiser, STATE_FILE, stepOfCheckpoint, writeOptimiser } from './runtime/optimiser-file.ts'
import type { PackGroup } from './runtime/pack.ts'
import { openQuantized } from './runtime/prepare-quantized.ts'
import { labelLogits, score } from './runtime/score.ts'
import { type BaseWeights, Sessions } from './runtime/sessions.ts'
import { Trainer } from './runtime/train.ts'
import { checkTargets } from './weights/adapter-modules.ts'
import { configOf } from './weights/open-source.ts'
import { openWeights } from './weights/open-weights.ts'
import { type BaseModel, loadAdapter, saveAdapter, servedRank } from './weights/peft.ts'
import { writeHuggingFaceFolder } from './weights/save-weights.ts'

export interface EngineOptions {
  /** Absent: the model is opened for inference. */
  trainable?:
    | { type: 'lora'; rank: number; alpha: number; targets?: readonly Projection[]; rsLora?: boolean; seed?: number }
    | { type: 'full' }
  /** Default: all cores. */
  threads?: number
  /** Default: cpu. */
  device?: DeviceRequest
  /**
   * Bytes that the process may take; default: nine tenths of what the machine (or its container) has. Where the
   * estimate is above, no private copies of the weights are kept, fewer tokens run at once, and at last an adapter is
   * trained layer by layer: somewhat more than half the speed, and far less memory.
   */
  memory?: number
  /** Where nothing is trained or scored: tokens of prompts that are sampled from at once, which takes less memory. */
  promptTokens?: number
  /**
   * Integers that sampling and scoring read the matrices in; default 'none'. Training, and scoring where the caller
   * asks for it, have what `precision` says. Not for full fine-tuning, whose weights change.
   */
  quantize?: 'none' | 'int8'
  /**
   * What training computes the frozen base in; default 'f32'. 'int8' trains an adapter by the weights in 8 bits, which
   * sampling and scoring then read too, whatever `quantize` says: there are no others in memory.
   */
  precision?: Precision
  /** What saved adapters name as their base; default: the path that is opened. */
  baseModel?: BaseModel
  onProgress?: OnLine
}

/**
 * Tokens of the longest text that the engine reads, whatever the model was trained for: rotary tables are made up to
 * this length, and longer contexts would only be slower here. `ModelInfo.contextLength` says what a model got.
 */
const MAX_POSITIONS = 8192

interface SavedPolicy {
  /** Absent: `tensors` are full weights. */
  adapter?: LoraSettings
  tensors: Map<string, OwnedTensor>
}

export class Engine {
  private readonly core: Core
  /** The same model for sampling and scoring: by quantised weights, where they are asked for. */
  private readonly inference: Core
  private readonly trainer: Trainer | undefined
  private readonly baseModel: BaseModel

  private constructor(
    /** Path of the folder or file. */
    private readonly model: string,
    config: ModelConfig,
    private readonly base: BaseWeights,
    options: EngineOptions,
    { layerWise, prepack, rows }: MemoryPlan,
    device: Device,
  ) {
    this.baseModel = options.baseModel ?? { name: model }
    const sessions = new Sessions(
      config,
      base,
      options.threads ?? availableParallelism(),
      Math.min(config.contextLength, MAX_POSITIONS),
      prepack,
      device,
    )
    this.core = {
      config,
      sessions,
      weights: new ModelWeights(config, sessions, withDefaults(options.trainable)),
      quantized: base.exact === undefined,
      rows,
    }
    this.inference = { ...this.core, quantized: base.quantized !== undefined }
    if (options.trainable) {
      this.trainer = new Trainer(this.core, rows.train, layerWise ? new LayerWise(this.core) : undefined)
    }
  }

  /**
   * Opens a Hugging Face folder or a .gguf file.
   * @throws BumpError when files are missing or damaged, the family is not supported, training cannot fit the memory,
   * or the device does not work here.
   */
  static async open(model: string, options: EngineOptions = {}): Promise<Engine> {
    const { precision = 'f32', trainable, onProgress } = options
    const quantize = precision === 'int8' ? precision : (options.quantize ?? 'none')
    if (quantize !== 'none' && trainable?.type === 'full')
      throw new BumpError(
        'invalid-options',
        'full fine-tuning changes the weights: quantize is for LoRA and for inference',
      )
    const asked = options.device ?? 'cpu'
    if (quantize !== 'none' && asked !== 'cpu' && asked !== 'auto')
      throw new BumpError(
        'invalid-options',
        `quantize: ${quantize} runs on the processor alone, so device: ${asked} cannot have it. Leave one of them out.`,
      )
    const { device, why } = await chooseDevice(quantize === 'none' ? asked : 'cpu')
    if (options.device !== undefined) onProgress?.(`device: ${why}`)
    const served = trainable?.type === 'lora' ? servedRank(trainable.rank) : undefined
    if (served !== undefined) onProgress?.(served)
    const config = configOf(model)
    if (trainable?.type === 'lora') checkTargets(config.family, trainable.targets ?? PROJECTIONS)
    const backward = trainable !== undefined && precision === 'int8'
    const quantized = quantize === 'none' ? undefined : await openQuantized(model, { ...options, backward })
    // What only samples and scores needs the exact weights no more.
    const exact = quantized && (!trainable || backward) ? undefined : await openWeights(model, { onProgress })
    const plan = planMemory(model, config, { ...options, quantize })
    return new Engine(model, config, { exact, quantized }, options, plan, device)
  }

  get info(): Omit<ModelInfo, 'name'> {
    const size = (shapes: Iterable<readonly number[]>) => {
      let sum = 0
      for (const dims of shapes) sum += dims.reduce((a, b) => a * b, 1)
      return sum
    }
    return {
      digest: this.digest,
      contextLength: this.core.sessions.maxPositions,
      parameters: size(weightShapes(this.config).values()),
      trainableParameters: this.trainer ? size([...this.core.weights.trained.values()].map((t) => t.dims)) : 0,
    }
  }

  /** Of the weights that sampling and scoring read. */
  private get digest(): string {
    return (this.base.quantized ?? this.base.exact)!.digest
  }

  /** Of the exact weights, whatever is read of them here. */
  private get baseDigest(): string {
    return this.base.exact?.digest ?? this.base.quantized!.baseDigest
  }

  get config(): ModelConfig {
    return this.core.config
  }

  sample(
    requests: readonly SampleRequest[],
    options: GenerateOptions,
    weightSet: WeightSet,
    cancelled: Cancelled,
    onTokens: (sampled: number) => void,
  ): Promise<Completion[][]> {
    for (const { prompt } of requests) this.checkIds(prompt)
    return generate(this.inference, requests, options, weightSet, cancelled, onTokens)
  }

  /** `exact`: by the weights that training computes in. `temperature`: of the distribution whose log probabilities are given. */
  score(
    requests: readonly ScoreRequest[],
    weightSet: WeightSet,
    { exact = false, temperature = 1 }: { exact?: boolean; temperature?: number },
    cancelled: Cancelled,
    onProgress?: (share: number) => void,
  ): Promise<Float32Array[][]> {
    this.checkScored(requests)
    if (exact && !this.base.exact && !this.trainer)
      throw new BumpError(
        'invalid-options',
        `${this.model} was opened for inference with quantize: int8, so it has no exact weights; open it with quantize: none`,
      )
    return score(exact ? this.core : this.inference, requests, weightSet, cancelled, temperature, onProgress)
  }

  labelLogits(
    prompts: readonly TokenIds[],
    labels: TokenIds,
    weightSet: WeightSet,
    cancelled: Cancelled,
    onProgress?: (share: number) => void,
  ): Promise<Float32Array[]> {
    this.checkScored(prompts.map((prefix) => ({ prefix, continuations: [] })))
    this.checkIds(labels)
    return labelLogits(this.inference, prompts, labels, weightSet, cancelled, onProgress)
  }

  forwardBackward(groups: readonly PackGroup[], loss: TokenLoss, cancelled: Cancelled): Promise<ForwardBackwardResult> {
    for (const { prompt, completions } of groups)
      for (const ids of [prompt, ...completions.map((c) => c.tokens)]) this.checkIds(ids)
    return this.needTrainer().forwardBackward(groups, loss, cancelled)
  }

  optimStep(adam: AdamParams): { gradNorm: number } {
    return this.needTrainer().step(adam)
  }

  /** The policy in a standard format: a PEFT adapter, or the full weights as a Hugging Face folder. */
  savePolicy(folder: string): void {
    mkdirSync(folder, { recursive: true })
    const { weights } = this.core
    if (weights.trainable?.type === 'full') {
      const read = (name: string) => weights.trained.get(name)!.data
      writeHuggingFaceFolder(folder, this.config, read, 'F32')
      return
    }
    if (!weights.adapter)
      throw new BumpError('invalid-options', `${this.model} was opened for inference: there is no adapter to save`)
    const { rank, alpha, targets, rsLora } = weights.adapter
    saveAdapter(folder, {
      config: { rank, alpha, targets: [...targets], rsLora },
      tensors: weights.trained,
      baseModel: this.baseModel,
      family: this.config.family,
    })
  }

  loadPolicy(folder: string): void {
    // That of a checkpoint says which model it belongs to.
    if (existsSync(join(folder, STATE_FILE))) stepOfCheckpoint(folder, this.baseDigest)
    this.apply(this.readPolicy(folder))
  }

  /** A saved policy, checked against the model and what is trained; nothing is changed. */
  private readPolicy(folder: string): SavedPolicy {
    const { trainable } = this.core.weights
    if (trainable?.type === 'full') return { tensors: readFullWeights(folder, this.config) }
    const { config, tensors } = loadAdapter(folder, this.config)
    if (trainable && (config.rank !== trainable.rank || config.targets.join() !== trainable.targets.join()))
      throw new BumpError(
        'model-unusable',
        `the adapter in ${folder} has rank ${config.rank} on ${config.targets.join(', ')}; this run trains rank ${trainable.rank} on ${trainable.targets.join(', ')}. Use the same lora settings.`,
      )
    return { adapter: { type: 'lora', ...config, seed: 0 }, tensors }
  }

  /** A gradient of the weights before is of no use for those that come. */
  private apply({ adapter, tensors }: SavedPolicy): void {
    const { weights } = this.core
    if (adapter) weights.setAdapter(adapter, tensors)
    else weights.setTrained(tensors)
    this.trainer?.dropGradient()
  }

  saveState(folder: string): void {
    const trainer = this.needTrainer()
    this.savePolicy(folder)
    writeOptimiser(folder, trainer.state)
    writeFileAtomic(join(folder, STATE_FILE), JSON.stringify({ base: this.baseDigest, step: trainer.state.step }))
  }

  /** All of a saved state or nothing: where it throws, policy and optimiser are what they were. */
  loadState(folder: string): void {
    const trainer = this.needTrainer()
    const policy = this.readPolicy(folder)
    const state = readOptimiser(folder, this.baseDigest, policy.tensors)
    this.apply(policy)
    trainer.state = state
  }

  /** SHA-256 of the policy, its tensors and how an adapter is scaled: what generated profiles are keyed by. */
  policyDigest(): string {
    const { trained, adapter } = this.core.weights
    const parts = [...trained].map(([name, { data }]) => name + sha256(bytesOf(data)))
    const scaling = adapter ? JSON.stringify([adapter.rank, adapter.alpha, adapter.rsLora]) : ''
    return sha256(this.digest + scaling + parts.join())
  }

  async close(): Promise<void> {
    await this.core.sessions.release()
  }

  private needTrainer(): Trainer {
    if (!this.trainer)
      throw new BumpError(
        'invalid-options',
        `${this.model} was opened for inference; open it with \`trainable\` to train`,
      )
    return this.trainer
  }

  private checkIds(ids: ArrayLike<number>): void {
    for (let i = 0; i < ids.length; i++)
      if (!(ids[i] >= 0 && ids[i] < this.config.vocab))
        throw new BumpError(
          'model-unusable',
          `token ${ids[i]} is not in the model's vocabulary of ${this.config.vocab}: tokenizer and weights of ${this.model} do not belong together`,
        )
  }

  private checkScored(requests: readonly ScoreRequest[]): void {
    const limit = this.core.sessions.maxPositions
    for (const { prefix, continuations } of requests) {
      for (const ids of [prefix, ...continuations]) this.checkIds(ids)
      if (prefix.length === 0)
        throw new BumpError('invalid-options', 'a prefix to score after is empty; give at least one token')
      const longest = Math.max(0, ...continuations.map((c) => c.length))
      if (prefix.length + longest > limit)
        throw new BumpError(
          'context-exceeded',
          `a text of ${prefix.length + longest} tokens exceeds the model's context of ${limit}; shorten it`,
        )
    }
  }
}

const bytesOf = (data: Float32Array) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength)

function withDefaults(trainable: EngineOptions['trainable']): Trainable | undefined {
  if (trainable?.type !== 'lora') return trainable
  const settings: LoraSettings = {
    type: 'lora',
    rank: trainable.rank,
    alpha: trainable.alpha,
    targets: trainable.targets ?? PROJECTIONS,
    rsLora: trainable.rsLora ?? false,
    seed: trainable.seed ?? 0,
  }
  return settings
}
