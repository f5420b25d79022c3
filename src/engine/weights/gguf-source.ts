// A GGUF file as a weight source: llama.cpp's metadata keys to a ModelConfig, its tensor names to canonical ones, and
// the rows of q and k back into the order of transformers where the converter permuted them.

import { BumpError } from '../../util/errors.ts'
import type { ModelConfig, RopeScaling } from '../model/config.ts'
import { familyOf, rowOf, SUPPORTED_FAMILIES } from '../model/families.ts'
import type { GgufValue } from './gguf.ts'
import { dequantise, ggmlBytes } from './gguf-dequant.ts'
import { type GgufModel, openGguf, type ShardTensor } from './gguf-shards.ts'
import { checkHeads } from './hf-config.ts'
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
}

/** `l3.q` → `blk.3.attn_q.weight`. */
function ggufName(canonical: string): string {
  if (canonical === 'embed') return 'token_embd.weight'
  if (canonical === 'norm') return 'output_norm.weight'
  if (canonical === 'head') return 'output.weight'
  const [layer, part, bias] = canonical.split('.')
  return `blk.${layer.slice(1)}.${PARTS[part]}.${bias ?? 'weight'}`
}

function numberOf(gguf: GgufModel, path: string, key: string, most: number, fallback?: number): number {
  const value = gguf.metadata.get(key) ?? fallback
  if (value === undefined)
    throw new BumpError('model-unusable', `${path}: the metadata "${key}" is missing. Convert the model again.`)
  if (typeof value !== 'number' || !Number.isFinite(value) || value <= 0 || value > most)
    throw new BumpError(
      'model-unusable',
      `${path}: the metadata "${key}" is ${value}, a number above 0 and at most ${most} is needed`,
    )
  return value
}

function countOf(gguf: GgufModel, path: string, key: string, most: number, fallback?: number): number {
  const value = numberOf(gguf, path, key, most, fallback)
  if (!Number.isInteger(value))
    throw new BumpError('model-unusable', `${path}: the metadata "${key}" is ${value}, an integer is needed`)
  return value
}

/** The divisor that Llama 3's scaling applies to the rotary frequency of each pair of dimensions. [headDim / 2] */
function llama3Factors(scaling: RopeScaling, theta: number, headDim: number): number[] {
  return Array.from({ length: headDim / 2 }, (_, i) => {
    const wavelength = 2 * Math.PI * theta ** ((2 * i) / headDim)
    if (wavelength < scaling.originalContext / scaling.highFreqFactor) return 1
    if (wavelength > scaling.originalContext / scaling.lowFreqFactor) return scaling.factor
    const smooth =
      (scaling.originalContext / wavelength - scaling.lowFreqFactor) / (scaling.highFreqFactor - scaling.lowFreqFactor)
    return 1 / ((1 - smooth) / scaling.factor + smooth)
  })
}

/** GGUF holds Llama 3's scaling only as the resulting factors; the parameters of all published models are recovered. */
function recoverScaling(factors: Float32Array, theta: number, headDim: number, path: string): RopeScaling | undefined {
  if (factors.every((factor) => factor === 1)) return undefined
  const scaling = { factor: factors.at(-1) as number, lowFreqFactor: 1, highFreqFactor: 4, originalContext: 8192 }
  const expected = llama3Factors(scaling, theta, headDim)
  if (factors.length !== expected.length || expected.some((e, i) => !(Math.abs(factors[i] / e - 1) < 1e-3)))
    throw new BumpError(
      'model-unusable',
      `${path}: the rotary factors in "rope_freqs.weight" are not those of Llama 3.1, 3.2 or 3.3 (low 1, high 4, ` +
        'original context 8192). Use the Hugging Face folder of this model.',
    )
  return scaling
}

function fillRows(tensor: ShardTensor, from: number, out: Float32Array): void {
  const start = tensor.offset + ggmlBytes(tensor.type, from)
  dequantise(tensor.type, tensor.file.read(start, ggmlBytes(tensor.type, out.length)), out)
}

function valuesOf(tensor: ShardTensor): Float32Array {
  const values = new Float32Array(elementsOf(tensor))
  fillRows(tensor, 0, values)
  return values
}

const elementsOf = (tensor: ShardTensor) => tensor.dims.reduce((product, dim) => product * dim, 1)

type Family = ModelConfig['family']

function checkFamily(name: GgufValue | undefined, path: string): Family {
  const found = familyOf(name)
  if (found !== undefined) return found
  throw new BumpError(
    'model-unusable',
    `${path}: the architecture ${JSON.stringify(name ?? null)} (general.architecture) is not supported. ` +
      SUPPORTED_FAMILIES,
  )
}

function configOfGguf(gguf: GgufModel, path: string): ModelConfig {
  const name = checkFamily(gguf.metadata.get('general.architecture'), path)
  const embed = gguf.tensors.get('token_embd.weight')
  if (embed === undefined || embed.dims.length !== 2)
    throw new BumpError(
      'model-unusable',
      `${path}: has no matrix "token_embd.weight". A complete model is needed, not only a vocabulary.`,
    )
  if (gguf.metadata.get(`${name}.expert_count`))
    throw new BumpError('model-unusable', `${path}: mixtures of experts ("${name}.expert_count") are not supported.`)
  const scalingType = gguf.metadata.get(`${name}.rope.scaling.type`) ?? 'none'
  if (scalingType !== 'none')
    throw new BumpError(
      'model-unusable',
      `${path}: the rope scaling type "${scalingType}" is not supported ("none" and llama3 are).`,
    )

  const hidden = countOf(gguf, path, `${name}.embedding_length`, 1e6)
  const heads = countOf(gguf, path, `${name}.attention.head_count`, 1e4)
  if (!gguf.metadata.has(`${name}.attention.key_length`) && hidden % heads !== 0)
    throw new BumpError(
      'model-unusable',
      `${path}: "${name}.embedding_length" ${hidden} is not divisible by "${name}.attention.head_count" ${heads}`,
    )
  const headDim = countOf(gguf, path, `${name}.attention.key_length`, 1e4, hidden / heads)
  for (const key of ['attention.value_length', 'rope.dimension_count'])
    if (countOf(gguf, path, `${name}.${key}`, 1e4, headDim) !== headDim)
      throw new BumpError(
        'model-unusable',
        `${path}: "${name}.${key}" is ${gguf.metadata.get(`${name}.${key}`)}, it must be the head size ${headDim}`,
      )
  const ropeTheta = numberOf(gguf, path, `${name}.rope.freq_base`, 1e12, 10000)
  const factors = gguf.tensors.get('rope_freqs.weight')
  if (factors && elementsOf(factors) !== headDim / 2)
    throw new BumpError(
      'model-unusable',
      `${path}: "rope_freqs.weight" has ${elementsOf(factors)} factors, ${headDim / 2} are needed`,
    )
  const ropeScaling = factors && recoverScaling(valuesOf(factors), ropeTheta, headDim, path)
  const config: ModelConfig = {
    family: name,
    layers: countOf(gguf, path, `${name}.block_count`, 1e4),
    hidden,
    heads,
    kvHeads: countOf(gguf, path, `${name}.attention.head_count_kv`, 1e4, heads),
    headDim,
    ffn: countOf(gguf, path, `${name}.feed_forward_length`, 1e6),
    vocab: embed.dims[1],
    // Stored as f32: seven digits give back the decimal number that config.json had.
    normEps: Number(numberOf(gguf, path, `${name}.attention.layer_norm_rms_epsilon`, 1).toPrecision(7)),
    ropeTheta,
    ...(ropeScaling && { ropeScaling }),
    contextLength: countOf(gguf, path, `${name}.context_length`, 1e8),
    tiedHead: !gguf.tensors.has('output.weight'),
    attentionBias: rowOf(name).attentionBias,
    qkNorm: rowOf(name).qkNorm,
  }
  checkHeads(config, path)
  return config
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
    const ignored = (name: string) => name === 'rope_freqs.weight'
    const paired = pairTensors(path, config, gguf.tensors, dimsOf, ggufName, ignored)
    const tensors = new Map<string, SourceTensor>()
    for (const [canonical, tensor] of paired) {
      const permuted = rowOf(config.family).ggufInterleaved && /\.[qk]$/.test(canonical)
      tensors.set(canonical, {
        dims: dimsOf(tensor),
        fill: permuted
          ? (from, out) => fillUnpermuted(tensor, config.headDim, from, out)
          : (from, out) => fillRows(tensor, from, out),
      })
    }
    return { config, tensors, close: () => gguf.close() }
  } catch (error) {
    gguf.close()
    throw error
  }
}
