// Shape of a Llama-family decoder and the canonical names of its weights. Every weight source (Hugging Face folder,
// GGUF) is turned into these names; every graph reads them.

import { PROJECTIONS, type Projection } from '../../model/contract.ts'
import type { FamilyName } from './families.ts'

/**
 * How the frequencies of the rotary embedding are stretched for contexts beyond those of pre-training (`rope_scaling`).
 * Llama 3's has no `type` here: digests of models were made before there were others.
 */
export type RopeScaling =
  | { type?: undefined; factor: number; lowFreqFactor: number; highFreqFactor: number; originalContext: number }
  | { type: 'linear'; factor: number }
  | {
      type: 'yarn'
      factor: number
      originalContext: number
      /** Turns within the original context above which a frequency is kept, and below which it is divided whole. */
      betaFast: number
      betaSlow: number
      /** Factor on cosines and sines. */
      attentionFactor: number
    }
  | {
      type: 'longrope'
      /** [rotated dimensions / 2] divisors, for texts up to `originalContext` and for longer ones. */
      shortFactors: number[]
      longFactors: number[]
      originalContext: number
      /** What the long factors reach; the model's own context here is `originalContext`. */
      fullContext: number
    }

/** What a layer does otherwise than others: a bounded view of the past (`window`), or no rotary embedding. */
export type LayerType = 'full' | 'sliding' | 'no-rope'

/**
 * A decoder's shape. Families differ only in these fields (families.ts). Those that may be absent are what Llama does
 * not have.
 */
export interface ModelConfig {
  family: FamilyName
  layers: number
  hidden: number
  heads: number
  kvHeads: number
  headDim: number
  /** Width of the gated feed-forward block. */
  ffn: number
  vocab: number
  normEps: number
  ropeTheta: number
  ropeScaling?: RopeScaling
  contextLength: number
  /** The output head is the embedding. */
  tiedHead: boolean
  /** q, k and v have biases. */
  attentionBias: boolean
  /** q and k are RMS-normalised per head, or over all heads at once. */
  qkNorm: boolean | 'whole'
  /** Attention and feed-forward block are normalised after instead of before, or both. */
  norms?: 'post' | 'both'
  /** Of the feed-forward block's gate: GELU (tanh form) instead of SiLU. */
  activation?: 'gelu'
  /** How many dimensions of each head are rotated, from the first; absent: all. */
  rotaryDim?: number
  /** [layers]; absent: all full. */
  layerTypes?: LayerType[]
  /** A position of a sliding layer attends to so many positions, itself the last of them. */
  window?: number
  /** Sliding layers rotate by this base, unscaled, instead of `ropeTheta`. */
  slidingRopeTheta?: number
  /** Factors on the embedding, and on what attention and feed-forward block add to the residual stream. */
  embeddingScale?: number
  residualScale?: number
  /** Factor on attention scores; absent: 1/√headDim. */
  attentionScale?: number
  /** Logits are divided by it. */
  logitDivisor?: number
}

/** Factor on attention scores. */
export const attentionScale = (c: ModelConfig): number => c.attentionScale ?? 1 / Math.sqrt(c.headDim)

/** The model with its layer `l` alone. */
export const oneLayer = (c: ModelConfig, l: number): ModelConfig => ({
  ...c,
  layers: 1,
  ...(c.layerTypes && { layerTypes: [c.layerTypes[l]] }),
})

/** [inputs, outputs] of a projection. Weights are stored in this orientation: y = x·W. */
export function projectionShape(c: ModelConfig, projection: Projection): [number, number] {
  switch (projection) {
    case 'q':
      return [c.hidden, c.heads * c.headDim]
    case 'k':
    case 'v':
      return [c.hidden, c.kvHeads * c.headDim]
    case 'o':
      return [c.heads * c.headDim, c.hidden]
    case 'gate':
    case 'up':
      return [c.hidden, c.ffn]
    case 'down':
      return [c.ffn, c.hidden]
  }
}

/** Name of the table that gives the logits. */
export const headName = (c: ModelConfig): string => (c.tiedHead ? 'embed' : 'head')

/**
 * Canonical name and shape of every weight, in file order: `embed` [V,H]; per layer `l0.attn_norm` [H], `l0.q` [in,out]
 * (and `l0.q.bias` [out]), …, `l0.q_norm` [headDim], `l0.ffn_norm` [H], `l0.attn_post_norm` [H], `l0.ffn_post_norm` [H];
 * `norm` [H]; `head` [V,H] where it is not tied.
 */
export function weightShapes(c: ModelConfig): Map<string, number[]> {
  const shapes = new Map<string, number[]>([['embed', [c.vocab, c.hidden]]])
  for (let l = 0; l < c.layers; l++) {
    if (c.norms !== 'post') shapes.set(`l${l}.attn_norm`, [c.hidden])
    for (const projection of PROJECTIONS) {
      const shape = projectionShape(c, projection)
      shapes.set(`l${l}.${projection}`, shape)
      if (c.attentionBias && (projection === 'q' || projection === 'k' || projection === 'v'))
        shapes.set(`l${l}.${projection}.bias`, [shape[1]])
    }
    if (c.qkNorm) {
      const [q, k] = c.qkNorm === 'whole' ? [c.heads, c.kvHeads] : [1, 1]
      shapes.set(`l${l}.q_norm`, [q * c.headDim]).set(`l${l}.k_norm`, [k * c.headDim])
    }
    if (c.norms !== 'post') shapes.set(`l${l}.ffn_norm`, [c.hidden])
    if (c.norms) shapes.set(`l${l}.attn_post_norm`, [c.hidden]).set(`l${l}.ffn_post_norm`, [c.hidden])
  }
  shapes.set('norm', [c.hidden])
  if (!c.tiedHead) shapes.set('head', [c.vocab, c.hidden])
  return shapes
}
