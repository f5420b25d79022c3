// The two weight sets of one model: the frozen base, and the policy (the base with an adapter, or a full copy that
// training changes). A graph binds to a set; the set's fed tensors go with every run.

import type { Projection, WeightSet } from '../../model/contract.ts'
import { normals, seedFrom, uniform } from '../../util/random.ts'
import { type ModelConfig, weightShapes } from '../model/config.ts'
import { type LoraShape, loraShapes, type WeightBinding } from '../model/layer.ts'
import type { Sessions } from './sessions.ts'
import { type Feeds, floats } from './tensors.ts'

/** What optimStep changes. */
export type Trainable =
  | { type: 'lora'; rank: number; alpha: number; targets: readonly Projection[]; rsLora: boolean; seed: number }
  | { type: 'full' }

/** A named float tensor that the engine owns and may change in place. */
export interface OwnedTensor {
  dims: number[]
  data: Float32Array
}

export type LoraSettings = Extract<Trainable, { type: 'lora' }>

function loraShape(settings: LoraSettings): LoraShape {
  const { rank, alpha, rsLora, targets } = settings
  return { rank, scale: alpha / (rsLora ? Math.sqrt(rank) : rank), targets }
}

/** A new adapter: A uniform in ±1/√inputs (PEFT's initialisation), B zero, so that the policy begins as the base. */
function newAdapter(c: ModelConfig, settings: LoraSettings): Map<string, OwnedTensor> {
  const out = new Map<string, OwnedTensor>()
  for (const [name, dims] of loraShapes(c, loraShape(settings))) {
    const data = new Float32Array(dims[0] * dims[1])
    if (name.endsWith('.A')) {
      const next = uniform(seedFrom(settings.seed, 'lora', name))
      const bound = 1 / Math.sqrt(dims[0])
      for (let i = 0; i < data.length; i++) data[i] = (next() * 2 - 1) * bound
    }
    out.set(name, { dims, data })
  }
  return out
}

/** Random weights of a new model: normal with deviation 0.02, output projections scaled by 1/√(2·layers), norms 1. */
export function newWeights(c: ModelConfig, seed: number): Map<string, OwnedTensor> {
  return new Map([...weightShapes(c)].map(([name, dims]) => [name, { dims, data: newWeight(c, name, seed) }]))
}

/** One of them. */
export function newWeight(c: ModelConfig, name: string, seed: number): Float32Array {
  const data = new Float32Array(
    weightShapes(c)
      .get(name)!
      .reduce((a, b) => a * b, 1),
  )
  if (name.endsWith('norm')) return data.fill(1)
  if (name.endsWith('.bias')) return data
  const output = name.endsWith('.o') || name.endsWith('.down')
  return normals(data, output ? 0.02 / Math.sqrt(2 * c.layers) : 0.02, seedFrom(seed, 'weights', name))
}

const feedsOf = (tensors: ReadonlyMap<string, OwnedTensor>): Feeds =>
  Object.fromEntries([...tensors].map(([name, { dims, data }]) => [name, floats(data, dims)]))

export class ModelWeights {
  /** The tensors that training changes; empty for a model opened for inference without an adapter. */
  trained = new Map<string, OwnedTensor>()
  private lora: LoraSettings | undefined
  private policyFeeds: Feeds = {}
  private readonly baseFeeds: Feeds = {}
  /** Zeros in place of an adapter: with them the policy is the base. Made when first needed. */
  private zeroFeeds: Feeds | undefined

  constructor(
    readonly config: ModelConfig,
    private readonly sessions: Sessions,
    readonly trainable: Trainable | undefined,
  ) {
    if (trainable?.type === 'full') {
      const copy = () =>
        new Map(
          [...weightShapes(config)].map(([name, dims]) => [name, { dims, data: sessions.base.exact!.read(name) }]),
        )
      this.baseFeeds = feedsOf(copy())
      this.setTrained(copy())
    } else if (trainable?.type === 'lora') this.setAdapter(trainable, newAdapter(config, trainable))
  }

  /** Puts an adapter on the base, for training or inference. */
  setAdapter(settings: LoraSettings, tensors: Map<string, OwnedTensor>): void {
    this.lora = settings
    this.setTrained(tensors)
  }

  get adapter(): LoraSettings | undefined {
    return this.lora
  }

  /** Replaces the content of the trained tensors. */
  setTrained(tensors: Map<string, OwnedTensor>): void {
    this.trained = tensors
    this.policyFeeds = feedsOf(tensors)
    this.zeroFeeds = undefined
  }

  /** `quantized`: in fewer bits, where the sessions have such weights. */
  binding(weightSet: WeightSet, quantized: boolean): WeightBinding {
    if (this.trainable?.type === 'full') return { base: 'fed' }
    const base = this.sessions.mapped(quantized)
    return weightSet === 'policy' && this.lora ? { ...base, lora: loraShape(this.lora) } : base
  }

  /**
   * What decoding runs by, from either set: one graph with one private copy of the weights, the base being the policy
   * with an adapter of zeros.
   */
  decoding(weightSet: WeightSet, quantized: boolean): { binding: WeightBinding; feeds: Feeds } {
    if (!this.lora) return { binding: this.binding(weightSet, quantized), feeds: this.feeds(weightSet) }
    const binding = this.binding('policy', quantized)
    if (weightSet === 'policy') return { binding, feeds: this.policyFeeds }
    const zeros = (t: OwnedTensor): OwnedTensor => ({ ...t, data: new Float32Array(t.data.length) })
    this.zeroFeeds ??= feedsOf(new Map([...this.trained].map(([name, tensor]) => [name, zeros(tensor)])))
    return { binding, feeds: this.zeroFeeds }
  }

  trainBinding(quantized: boolean): WeightBinding {
    if (!this.trainable) throw new Error('the model was opened for inference')
    return { ...this.binding('policy', quantized), train: this.trainable.type }
  }

  feeds(weightSet: WeightSet): Feeds {
    return weightSet === 'base' ? this.baseFeeds : this.policyFeeds
  }
}
