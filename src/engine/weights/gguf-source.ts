// A GGUF file as a weight source: llama.cpp's tensor names to canonical ones, and the rows of q and k back into the
// order of transformers where the converter permuted them. Its metadata: gguf-config.ts.

import type { Projection } from '../../model/contract.ts'
import type { ModelConfig } from '../model/config.ts'
import { rowOf } from '../model/families.ts'
import type { GgufValue } from './gguf.ts'
import { checkFamily, configOfGguf, fillRows, ROPE_TENSORS } from './gguf-config.ts'
import { type GgufModel, openGguf, type ShardTensor } from './gguf-shards.ts'
import { pairTensors, type SourceTensor, type WeightSource } from './source.ts'

const PARTS: Record<string, string> = {
  attn_norm: 'attn_norm',
  q: 'attn_q',
  k: 'attn_k',
  v: 'attn_v',
  o: 'attn_output',
  gate: 'ffn_gate',
  up: 'ffn_up',
  down: 'ffn_down',
  q_norm: 'attn_q_norm',
  k_norm: 'attn_k_norm',
  ffn_norm: 'ffn_norm',
  attn_post_norm: 'post_attention_norm',
  ffn_post_norm: 'post_ffw_norm',
}

/** `l3.q` → `blk.3.attn_q.weight`. */
function ggufName({ family }: ModelConfig, canonical: string): string {
  if (canonical === 'embed') return 'token_embd.weight'
  if (canonical === 'norm') return 'output_norm.weight'
  if (canonical === 'head') return 'output.weight'
  const [layer, part, bias] = canonical.split('.')
  const name = rowOf(family).names?.gguf?.[part as Projection] ?? PARTS[part]
  return `blk.${layer.slice(1)}.${name}.${bias ?? 'weight'}`
}

/**
 * llama.cpp interleaves the two halves of each rotary pair for its `llama` architecture: row 2j + t of a head is
 * transformers' row t·headDim/2 + j. Fills `out` with rows in transformers' order.
 */
function fillUnpermuted(tensor: ShardTensor, headDim: number, from: number, out: Float32Array): void {
  const columns = tensor.dims[0]
  for (let at = 0; at < out.length; at += columns) {
    const row = (from + at) / columns
    const inHead = row % headDim
    const stored = row - inHead + 2 * (inHead % (headDim / 2)) + Math.floor(inHead / (headDim / 2))
    fillRows(tensor, stored * columns, out.subarray(at, at + columns))
  }
}

/** Opens without the vocabulary; an unsupported family is refused as soon as it is read. */
function openForWeights(path: string): GgufModel {
  const check = (key: string, value: GgufValue) => {
    if (key === 'general.architecture') checkFamily(value, path)
  }
  return openGguf(path, { vocabulary: false, check })
}

/**
 * Refuses an unsupported family by the first bytes of a file, those of `path`; `name` is what the error calls the file.
 * What else is wrong with them, or missing, is left to who reads the whole file.
 */
export function refuseFamily(path: string, name: string): void {
  let family: GgufValue | undefined
  const check = (key: string, value: GgufValue) => {
    if (key === 'general.architecture') family = value
  }
  try {
    openGguf(path, { vocabulary: false, check }).close()
  } catch {}
  if (family !== undefined) checkFamily(family, name)
}

/** The model configuration of a GGUF file. Throws a BumpError naming the metadata at fault. */
export function readGgufConfig(path: string): ModelConfig {
  const gguf = openForWeights(path)
  try {
    return configOfGguf(gguf, path)
  } finally {
    gguf.close()
  }
}

/** Opens a GGUF model, from any of its shards, as a weight source. Throws as openGguf and readGgufConfig do. */
export function openGgufSource(path: string): WeightSource {
  const gguf = openForWeights(path)
  try {
    const config = configOfGguf(gguf, path)
    const dimsOf = (tensor: ShardTensor) => [...tensor.dims].reverse()
    const ignored = (name: string) => ROPE_TENSORS.some((rope) => rope === name)
    const nameOf = (canonical: string) => ggufName(config, canonical)
    const paired = pairTensors(path, config, gguf.tensors, dimsOf, nameOf, ignored)
    const tensors = new Map<string, SourceTensor>()
    for (const [canonical, { tensor, dims, offset }] of paired) {
      const permuted = rowOf(config.family).ggufInterleaved && /\.[qk]$/.test(canonical)
      tensors.set(canonical, {
        dims,
        fill: permuted
          ? (from, out) => fillUnpermuted(tensor, config.headDim, offset + from, out)
          : (from, out) => fillRows(tensor, offset + from, out),
      })
    }
    return { config, tensors, close: () => gguf.close() }
  } catch (error) {
    gguf.close()
    throw error
  }
}
