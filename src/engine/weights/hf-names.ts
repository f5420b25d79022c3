// Names of the weights in transformers, beside the canonical ones of model/config.ts, and the turn of a matrix: torch
// stores [outputs, inputs], the engine [inputs, outputs].
import type { Projection } from '../../model/contract.ts'
import type { ModelConfig } from '../model/config.ts'
import { rowOf } from '../model/families.ts'

/** Where a projection usually lies in a transformers layer. */
const HF_PROJECTIONS: Record<Projection, string> = {
  q: 'self_attn.q_proj',
  k: 'self_attn.k_proj',
  v: 'self_attn.v_proj',
  o: 'self_attn.o_proj',
  gate: 'mlp.gate_proj',
  up: 'mlp.up_proj',
  down: 'mlp.down_proj',
}

/** Where a projection lies in a transformers layer of a family; several projections in one place are joined rows. */
export const huggingFaceProjection = (family: ModelConfig['family'], projection: Projection): string =>
  rowOf(family).names?.huggingFace[projection] ?? HF_PROJECTIONS[projection]

const HF_NORMS: Record<string, string> = {
  attn_norm: 'input_layernorm',
  ffn_norm: 'post_attention_layernorm',
  q_norm: 'self_attn.q_norm',
  k_norm: 'self_attn.k_norm',
  attn_post_norm: 'post_attention_layernorm',
  ffn_post_norm: 'post_feedforward_layernorm',
}

/** `l3.q` → `model.layers.3.self_attn.q_proj.weight`; `embed` → `model.embed_tokens.weight`. */
export function huggingFaceName({ family, norms }: ModelConfig, canonical: string): string {
  if (canonical === 'embed') return 'model.embed_tokens.weight'
  if (canonical === 'norm') return 'model.norm.weight'
  if (canonical === 'head') return 'lm_head.weight'
  const [layer, part, bias] = canonical.split('.')
  // With norms on both sides, the second name of the four is the one after attention.
  const norm = norms === 'both' && part === 'ffn_norm' ? 'pre_feedforward_layernorm' : HF_NORMS[part]
  const name = norm ?? huggingFaceProjection(family, part as Projection)
  return `model.layers.${layer.slice(1)}.${name}.${bias ?? 'weight'}`
}

/** Whether a canonical weight is a projection matrix, stored transposed by torch and ggml. */
export function isProjection(canonical: string): boolean {
  const [, part, bias] = canonical.split('.')
  return bias === undefined && part !== undefined && part in HF_PROJECTIONS
}

/** Whether a canonical weight is that of a norm. */
export const isNorm = (canonical: string): boolean => canonical.endsWith('norm')

/** [rows, columns] to [columns, rows], in tiles that stay in the cache. */
export function transpose<T extends Float32Array | Int8Array>(matrix: T, rows: number, columns: number): T {
  const out = matrix.slice() as T
  const TILE = 32
  for (let r0 = 0; r0 < rows; r0 += TILE)
    for (let c0 = 0; c0 < columns; c0 += TILE) {
      const rEnd = Math.min(r0 + TILE, rows)
      const cEnd = Math.min(c0 + TILE, columns)
      for (let r = r0; r < rEnd; r++) for (let c = c0; c < cEnd; c++) out[c * rows + r] = matrix[r * columns + c]
    }
  return out
}
