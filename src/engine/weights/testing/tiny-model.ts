// A model of a few hundred weights for tests: its config, random weights, and the same as GGUF tensors.
import { normals, seedFrom } from '../../../util/random.ts'
import { type ModelConfig, weightShapes } from '../../model/config.ts'
import { isProjection, transpose } from '../hf-names.ts'
import { floatContent, type MetadataValue, type TestGguf, type TestTensor } from './write-gguf.ts'

export function tinyConfig(family: ModelConfig['family'], changes: Partial<ModelConfig> = {}): ModelConfig {
  return {
    family,
    layers: 2,
    hidden: 8,
    heads: 4,
    kvHeads: 2,
    headDim: 4,
    ffn: 12,
    vocab: 10,
    normEps: 1e-5,
    ropeTheta: 10000,
    contextLength: 64,
    tiedHead: true,
    attentionBias: family === 'qwen2',
    qkNorm: family === 'qwen3',
    ...changes,
  }
}

/** Random weights by canonical name in the engine's orientation. */
export function tinyWeights(config: ModelConfig): Map<string, Float32Array> {
  const size = (dims: number[]) => dims.reduce((product, dim) => product * dim, 1)
  return new Map(
    [...weightShapes(config)].map(([name, dims]) => [name, normals(new Float32Array(size(dims)), 1, seedFrom(name))]),
  )
}

const GGUF_PARTS: Record<string, string> = {
  attn_norm: 'attn_norm',
  q: 'attn_q',
  k: 'attn_k',
  v: 'attn_v',
  o: 'attn_output',
  q_norm: 'attn_q_norm',
  k_norm: 'attn_k_norm',
  gate: 'ffn_gate',
  up: 'ffn_up',
  down: 'ffn_down',
  ffn_norm: 'ffn_norm',
}
const GGUF_GLOBALS: Record<string, string> = { embed: 'token_embd', norm: 'output_norm', head: 'output' }

/** llama.cpp's converter on one head: the two halves of the rotary pairs interleaved. */
function interleave(rows: Float32Array, columns: number, headDim: number): Float32Array {
  const out = new Float32Array(rows.length)
  const heads = rows.length / columns / headDim
  let to = 0
  for (let head = 0; head < heads; head++)
    for (let pair = 0; pair < headDim / 2; pair++)
      for (const half of [0, 1]) {
        const row = head * headDim + half * (headDim / 2) + pair
        out.set(rows.subarray(row * columns, (row + 1) * columns), columns * to++)
      }
  return out
}

/** What llama.cpp's converter would write for the model, in f32. */
export function tinyGguf(config: ModelConfig, weights: ReadonlyMap<string, Float32Array>): TestGguf {
  const a = config.family
  const number = (type: 'u32' | 'f32', value: number): MetadataValue => ({ type, value })
  const metadata: [string, MetadataValue][] = [
    ['general.architecture', { type: 'string', value: a }],
    [`${a}.block_count`, number('u32', config.layers)],
    [`${a}.context_length`, number('u32', config.contextLength)],
    [`${a}.embedding_length`, number('u32', config.hidden)],
    [`${a}.feed_forward_length`, number('u32', config.ffn)],
    [`${a}.attention.head_count`, number('u32', config.heads)],
    [`${a}.attention.head_count_kv`, number('u32', config.kvHeads)],
    [`${a}.attention.key_length`, number('u32', config.headDim)],
    [`${a}.attention.layer_norm_rms_epsilon`, number('f32', config.normEps)],
    [`${a}.rope.freq_base`, number('f32', config.ropeTheta)],
  ]
  const tensors: TestTensor[] = [...weightShapes(config)].map(([name, dims]) => {
    const [layer, part, bias] = name.split('.')
    const ggufName = part === undefined ? GGUF_GLOBALS[name] : `blk.${layer.slice(1)}.${GGUF_PARTS[part]}`
    let values = weights.get(name) as Float32Array
    if (isProjection(name)) values = transpose(values, dims[0], dims[1])
    if (a === 'llama' && /\.[qk]$/.test(name)) values = interleave(values, dims[0], config.headDim)
    return {
      name: `${ggufName}.${bias ?? 'weight'}`,
      dims: isProjection(name) ? dims : [...dims].reverse(),
      type: 0,
      content: floatContent(values),
    }
  })
  return { metadata, tensors }
}
