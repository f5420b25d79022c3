// Tiny random models for the engine's tests: two layers of each kind of arithmetic, with weights in either precision.

import { normals, seedFrom } from '../../util/random.ts'
import { type ModelConfig, weightShapes } from '../model/config.ts'
import { type LoraShape, loraShapes } from '../model/layer.ts'
import { type Feeds, floats } from '../runtime/tensors.ts'

const shape = {
  layers: 2,
  hidden: 32,
  heads: 4,
  kvHeads: 2,
  headDim: 8,
  ffn: 48,
  vocab: 50,
  normEps: 1e-5,
  ropeTheta: 10000,
  contextLength: 128,
}

export const TINY: Record<'llama' | 'qwen2' | 'qwen3' | 'gemma3' | 'phi3' | 'olmo2', ModelConfig> = {
  llama: {
    ...shape,
    family: 'llama',
    tiedHead: true,
    attentionBias: false,
    qkNorm: false,
    ropeScaling: { factor: 8, lowFreqFactor: 1, highFreqFactor: 4, originalContext: 16 },
  },
  qwen2: { ...shape, family: 'qwen2', tiedHead: false, attentionBias: true, qkNorm: false },
  qwen3: { ...shape, family: 'qwen3', headDim: 12, tiedHead: true, attentionBias: false, qkNorm: true },
  // Texts of tests are longer than these windows.
  gemma3: {
    ...shape,
    family: 'gemma3_text',
    tiedHead: true,
    attentionBias: false,
    qkNorm: true,
    norms: 'both',
    activation: 'gelu',
    layerTypes: ['sliding', 'full'],
    window: 3,
    slidingRopeTheta: 100,
    embeddingScale: 3,
    attentionScale: 0.5,
  },
  phi3: {
    ...shape,
    family: 'phi3',
    tiedHead: false,
    attentionBias: false,
    qkNorm: false,
    rotaryDim: 6,
    layerTypes: ['sliding', 'sliding'],
    window: 4,
    ropeScaling: {
      type: 'longrope',
      shortFactors: [1, 1.5, 3],
      longFactors: [1, 1.5, 3],
      originalContext: 32,
      fullContext: 128,
    },
  },
  olmo2: {
    ...shape,
    family: 'olmo2',
    tiedHead: false,
    attentionBias: false,
    qkNorm: 'whole',
    norms: 'post',
    layerTypes: ['full', 'no-rope'],
    residualScale: 0.7,
    logitDivisor: 2,
  },
}

export const TINY_LORA: LoraShape = { rank: 4, scale: 2, targets: ['q', 'k', 'v', 'o', 'gate', 'up', 'down'] }

export type Arrays = Map<string, { dims: number[]; data: Float32Array | Float64Array }>

/** Random weights (and adapters, if asked for) large enough that every gradient matters. */
export function randomWeights(c: ModelConfig, precision: 'f32' | 'f64', lora?: LoraShape): Arrays {
  const out: Arrays = new Map()
  const shapes = new Map([...weightShapes(c), ...(lora ? loraShapes(c, lora) : [])])
  for (const [name, dims] of shapes) {
    const size = dims.reduce((a, b) => a * b, 1)
    const exact = normals(new Float64Array(size), 0.2, seedFrom('tiny', name))
    if (name.includes('norm')) for (let i = 0; i < size; i++) exact[i] += 1
    // The same numbers in both precisions: rounded to f32 first.
    const single = Float32Array.from(exact)
    out.set(name, { dims, data: precision === 'f64' ? Float64Array.from(single) : single })
  }
  return out
}

export function feedArrays(arrays: Arrays): Feeds {
  return Object.fromEntries([...arrays].map(([name, { dims, data }]) => [name, floats(data, dims)]))
}
