// A model of a few hundred weights for tests: its config, random weights, and the same as GGUF tensors.
import { normals, seedFrom } from '../../../util/random.ts'
import { type ModelConfig, weightShapes } from '../../model/config.ts'
import { familyFields } from '../hf-config.ts'
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
    ...familyFields(family),
    ...changes,
  }
}

/** Random weights by canonical name in the engine's orientation; those of norms stay exact where 1 is added. */
export function tinyWeights(config: ModelConfig): Map<string, Float32Array> {
  const size = (dims: number[]) => dims.reduce((product, dim) => product * dim, 1)
  const values = (name: string, dims: number[]) => normals(new Float32Array(size(dims)), 1, seedFrom(name))
  const exact = (value: number) => Math.round(value * 256) / 256
  return new Map(
    [...weightShapes(config)].map(([name, dims]) => [
      name,
      name.endsWith('norm') ? values(name, dims).map(exact) : values(name, dims),
    ]),
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
  attn_post_norm: 'post_attention_norm',
  ffn_post_norm: 'post_ffw_norm',
}
/** Parts that llama.cpp holds as rows of one tensor. */
const JOINED: Partial<Record<ModelConfig['family'], Record<string, string>>> = {
  phi3: { q: 'attn_qkv', k: 'attn_qkv', v: 'attn_qkv', gate: 'ffn_up', up: 'ffn_up' },
}
const ARCHITECTURES: Partial<Record<ModelConfig['family'], string>> = { gemma3_text: 'gemma3' }
const INTERLEAVED: ModelConfig['family'][] = ['llama', 'smollm3', 'granite']
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
  const a = ARCHITECTURES[config.family] ?? config.family
  const number = (type: 'u32' | 'f32', value: number): MetadataValue => ({ type, value })
  const metadata: [string, MetadataValue][] = [
    ['general.architecture', { type: 'string', value: a }],
    [`${a}.block_count`, number('u32', config.layers)],
    [`${a}.context_length`, number('u32', fullContext(config))],
    [`${a}.embedding_length`, number('u32', config.hidden)],
    [`${a}.feed_forward_length`, number('u32', config.ffn)],
    [`${a}.attention.head_count`, number('u32', config.heads)],
    [`${a}.attention.head_count_kv`, number('u32', config.kvHeads)],
    [`${a}.attention.key_length`, number('u32', config.headDim)],
    [`${a}.attention.layer_norm_rms_epsilon`, number('f32', config.normEps)],
    [`${a}.rope.freq_base`, number('f32', config.ropeTheta)],
    ...differences(config).map(([key, value]): [string, MetadataValue] => [`${a}.${key}`, value]),
  ]
  const joined = new Map<string, TestTensor>()
  for (const [name, dims] of weightShapes(config)) {
    const [layer, part, bias] = name.split('.')
    const partName = JOINED[config.family]?.[part] ?? GGUF_PARTS[part]
    const ggufName = part === undefined ? GGUF_GLOBALS[name] : `blk.${layer.slice(1)}.${partName}`
    let values = weights.get(name) as Float32Array
    if (isProjection(name)) values = transpose(values, dims[0], dims[1])
    if (INTERLEAVED.includes(config.family) && /\.[qk]$/.test(name))
      values = interleave(values, dims[0], config.headDim)
    const fullName = `${ggufName}.${bias ?? 'weight'}`
    const before = joined.get(fullName)
    const content = Buffer.concat([before?.content ?? Buffer.alloc(0), floatContent(values)])
    const ownDims = isProjection(name) ? dims : [...dims].reverse()
    const rows = (before?.dims.at(-1) ?? 0) + (ownDims.at(-1) as number)
    joined.set(fullName, { name: fullName, dims: [...ownDims.slice(0, -1), rows], type: 0, content })
  }
  return { metadata, tensors: [...joined.values(), ...ropeTensors(config)] }
}

/** What the metadata say of families other than Llama's kind. */
function differences(config: ModelConfig): [string, MetadataValue][] {
  const { ropeScaling: rope, family } = config
  const numbers: [string, 'u32' | 'f32', number | undefined][] = [
    ['attention.sliding_window', 'u32', config.window],
    ['rope.dimension_count', 'u32', config.rotaryDim],
    ['rope.scaling.factor', 'f32', rope?.type === 'yarn' || rope?.type === 'linear' ? rope.factor : undefined],
    [
      'rope.scaling.original_context_length',
      'u32',
      rope && 'originalContext' in rope ? rope.originalContext : undefined,
    ],
  ]
  if (family === 'granite')
    numbers.push(
      ['embedding_scale', 'f32', config.embeddingScale],
      ['residual_scale', 'f32', config.residualScale],
      ['attention.scale', 'f32', config.attentionScale],
      ['logit_scale', 'f32', config.logitDivisor],
    )
  const found = numbers.flatMap(([key, type, value]): [string, MetadataValue][] =>
    value === undefined ? [] : [[key, { type, value }]],
  )
  if (rope?.type === 'yarn' || rope?.type === 'linear')
    found.push(['rope.scaling.type', { type: 'string', value: rope.type }])
  return found
}

function fullContext({ ropeScaling, contextLength }: ModelConfig): number {
  return ropeScaling?.type === 'longrope' ? ropeScaling.fullContext : contextLength
}

function ropeTensors({ ropeScaling: rope }: ModelConfig): TestTensor[] {
  if (rope?.type !== 'longrope') return []
  return [
    ['rope_factors_short.weight', rope.shortFactors] as const,
    ['rope_factors_long.weight', rope.longFactors] as const,
  ].map(([name, factors]) => ({ name, dims: [factors.length], type: 0, content: floatContent(factors) }))
}
