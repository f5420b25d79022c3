// Shape of a Llama-family decoder and the canonical names of its weights. Every weight source (Hugging Face folder,
// GGUF) is turned into these names; every graph reads them.

import { PROJECTIONS, type Projection } from '../../model/contract.ts'
import type { FamilyName } from './families.ts'

/** Llama 3's frequency scaling of the rotary embedding (`rope_scaling.rope_type: "llama3"`). */
export interface RopeScaling {
  factor: number
  lowFreqFactor: number
  highFreqFactor: number
  originalContext: number
}

/** A decoder's shape. Families differ only in these fields (families.ts). */
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
  /** q and k are RMS-normalised per head. */
  qkNorm: boolean
}

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
 * (and `l0.q.bias` [out]), …, `l0.q_norm` [headDim], `l0.ffn_norm` [H]; `norm` [H]; `head` [V,H] where it is not tied.
 */
export function weightShapes(c: ModelConfig): Map<string, number[]> {
  const shapes = new Map<string, number[]>([['embed', [c.vocab, c.hidden]]])
  for (let l = 0; l < c.layers; l++) {
    shapes.set(`l${l}.attn_norm`, [c.hidden])
    for (const projection of PROJECTIONS) {
      const shape = projectionShape(c, projection)
      shapes.set(`l${l}.${projection}`, shape)
      if (c.attentionBias && (projection === 'q' || projection === 'k' || projection === 'v'))
        shapes.set(`l${l}.${projection}.bias`, [shape[1]])
    }
    if (c.qkNorm) shapes.set(`l${l}.q_norm`, [c.headDim]).set(`l${l}.k_norm`, [c.headDim])
    shapes.set(`l${l}.ffn_norm`, [c.hidden])
  }
  shapes.set('norm', [c.hidden])
  if (!c.tiedHead) shapes.set('head', [c.vocab, c.hidden])
  return shapes
}
