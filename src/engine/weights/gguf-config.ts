// llama.cpp's metadata keys to a ModelConfig. What they do not say (which of Gemma's layers slide, which of SmolLM3's
// have no rotary embedding) llama.cpp has in its code, and model/families.ts in its table.

import { BumpError } from '../../util/errors.ts'
import type { LayerType, ModelConfig, RopeScaling } from '../model/config.ts'
import { familyOfGguf, ggufOf, rowOf, SUPPORTED_FAMILIES } from '../model/families.ts'
import type { GgufValue } from './gguf.ts'
import { dequantise, ggmlBytes } from './gguf-dequant.ts'
import type { GgufModel, ShardTensor } from './gguf-shards.ts'
import { checkHeads, familyFields, gemmaFactors, withLayers, withoutOnes } from './hf-config.ts'
import { yarnMagnitude } from './hf-rope.ts'

/** Tensors of factors that the configuration is read from. */
export const ROPE_TENSORS = ['rope_freqs.weight', 'rope_factors_short.weight', 'rope_factors_long.weight'] as const

function elementsOf(tensor: ShardTensor): number {
  return tensor.dims.reduce((product, dim) => product * dim, 1)
}

/** Fills `out` with the elements of a tensor from `from` on, as f32; `from` starts a block of its type. */
export function fillRows(tensor: ShardTensor, from: number, out: Float32Array): void {
  const start = tensor.offset + ggmlBytes(tensor.type, from)
  dequantise(tensor.type, tensor.file.read(start, ggmlBytes(tensor.type, out.length)), out)
}

/** The row of `general.architecture`. Throws a BumpError for one that there is none of. */
export function checkFamily(name: GgufValue | undefined, path: string): ModelConfig['family'] {
  const found = familyOfGguf(name)
  if (found !== undefined) return found
  throw new BumpError(
    'model-unusable',
    `${path}: the architecture ${JSON.stringify(name ?? null)} (general.architecture) is not supported. ` +
      SUPPORTED_FAMILIES,
  )
}

/** Metadata of one architecture; errors name the file and the key. */
class Metadata {
  constructor(
    private readonly gguf: GgufModel,
    readonly path: string,
    private readonly architecture: string,
  ) {}

  name(key: string): string {
    return `${this.architecture}.${key}`
  }

  get(key: string): GgufValue | undefined {
    return this.gguf.metadata.get(this.name(key))
  }

  fail(problem: string): never {
    throw new BumpError('model-unusable', `${this.path}: ${problem}`)
  }

  number(key: string, most: number, fallback?: number): number {
    const value = this.get(key) ?? fallback
    if (value === undefined) this.fail(`the metadata "${this.name(key)}" is missing. Convert the model again.`)
    if (typeof value !== 'number' || !Number.isFinite(value) || value <= 0 || value > most)
      this.fail(`the metadata "${this.name(key)}" is ${value}, a number above 0 and at most ${most} is needed`)
    return value
  }

  count(key: string, most: number, fallback?: number): number {
    const value = this.number(key, most, fallback)
    if (!Number.isInteger(value)) this.fail(`the metadata "${this.name(key)}" is ${value}, an integer is needed`)
    return value
  }

  /** Stored as f32: seven digits give back the decimal number that config.json had. */
  decimal(key: string, most: number, fallback?: number): number {
    return Number(this.number(key, most, fallback).toPrecision(7))
  }

  /** [size] factors in a tensor; undefined where it is missing. */
  factors(tensorName: (typeof ROPE_TENSORS)[number], size: number): number[] | undefined {
    const tensor = this.gguf.tensors.get(tensorName)
    if (!tensor) return undefined
    const found = elementsOf(tensor)
    if (found !== size) this.fail(`"${tensorName}" has ${found} factors, ${size} are needed`)
    const values = new Float32Array(found)
    fillRows(tensor, 0, values)
    return Array.from(values, (value) => Number(value.toPrecision(7)))
  }
}

/** The divisor that Llama 3's scaling applies to the rotary frequency of each pair of dimensions. [headDim / 2] */
function llama3Factors(scaling: Extract<RopeScaling, { type?: undefined }>, theta: number, headDim: number): number[] {
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
function recoverLlama3(factors: number[], theta: number, headDim: number, metadata: Metadata): RopeScaling | undefined {
  if (factors.every((factor) => factor === 1)) return undefined
  const scaling = { factor: factors.at(-1) as number, lowFreqFactor: 1, highFreqFactor: 4, originalContext: 8192 }
  const expected = llama3Factors(scaling, theta, headDim)
  if (expected.some((e, i) => !(Math.abs(factors[i] / e - 1) < 1e-3)))
    metadata.fail(
      'the rotary factors in "rope_freqs.weight" are not those of Llama 3.1, 3.2 or 3.3 (low 1, high 4, ' +
        'original context 8192). Use the Hugging Face folder of this model.',
    )
  return scaling
}

function ropeScaling(metadata: Metadata, theta: number, dims: number): RopeScaling | undefined {
  const type = metadata.get('rope.scaling.type') ?? 'none'
  const long = metadata.factors('rope_factors_long.weight', dims / 2)
  if (long) {
    const shortFactors = metadata.factors('rope_factors_short.weight', dims / 2)
    if (!shortFactors) metadata.fail('has "rope_factors_long.weight" but no "rope_factors_short.weight"')
    return {
      type: 'longrope',
      shortFactors,
      longFactors: long,
      originalContext: metadata.count('rope.scaling.original_context_length', 1e8),
      fullContext: metadata.count('context_length', 1e8),
    }
  }
  const freqs = metadata.factors('rope_freqs.weight', dims / 2)
  if (freqs && type === 'none') return recoverLlama3(freqs, theta, dims, metadata)
  if (type === 'none') return undefined
  if (type === 'linear' && !freqs) return { type, factor: metadata.decimal('rope.scaling.factor', 1e4) }
  if (type === 'yarn' && !freqs && metadata.get('rope.scaling.yarn_log_multiplier') === undefined) {
    const factor = metadata.decimal('rope.scaling.factor', 1e4)
    return {
      type,
      factor,
      originalContext: metadata.count('rope.scaling.original_context_length', 1e8),
      betaFast: metadata.decimal('rope.scaling.yarn_beta_fast', 1e4, 32),
      betaSlow: metadata.decimal('rope.scaling.yarn_beta_slow', 1e4, 1),
      // llama.cpp multiplies YaRN's own factor by this one.
      attentionFactor: yarnMagnitude(factor) * metadata.decimal('rope.scaling.attn_factor', 100, 1),
    }
  }
  return metadata.fail(
    `the rope scaling type "${type}" is not supported ("none", "linear", plain "yarn", and the factors of Llama 3 and ` +
      'Phi are).',
  )
}

/** Granite's factors under llama.cpp's names, and Gemma's, which llama.cpp has in its code. */
function scales(metadata: Metadata, config: ModelConfig): Partial<ModelConfig> {
  const { multipliers, gemmaScales } = rowOf(config.family)
  // llama.cpp's switch for Granite models without a rotary embedding.
  if (multipliers && metadata.get('rope.scaling.finetuned') === false)
    metadata.fail(`"${metadata.name('rope.scaling.finetuned')}" is false: only rotary embeddings are supported.`)
  if (multipliers)
    return withoutOnes({
      embeddingScale: metadata.decimal('embedding_scale', 1e6, 1),
      residualScale: metadata.decimal('residual_scale', 1e6, 1),
      attentionScale: metadata.decimal('attention.scale', 1e6, 1 / Math.sqrt(config.headDim)),
      logitDivisor: metadata.decimal('logit_scale', 1e6, 1),
    })
  if (!gemmaScales) return {}
  // Gemma 3 27B, told by its layers, is the one whose scale is not that of its head size.
  const scalar = config.layers === 62 ? config.hidden / config.heads : config.headDim
  return gemmaFactors(config.hidden, config.headDim, scalar)
}

function layerTypes(metadata: Metadata, { family, layers }: ModelConfig): LayerType[] | undefined {
  const { sliding, noRopeEvery } = rowOf(family)
  const all = Array.from({ length: layers }, (_, l) => l + 1)
  if (noRopeEvery !== undefined) return all.map((l) => (l % noRopeEvery === 0 ? 'no-rope' : 'full'))
  if (metadata.get('attention.sliding_window_pattern') !== undefined)
    metadata.fail(`the metadata "${metadata.name('attention.sliding_window_pattern')}" is not supported`)
  const every = sliding?.fullEvery
  return sliding && all.map((l) => (every && l % every === 0 ? 'full' : 'sliding'))
}

/** The configuration in the metadata of a GGUF file. Throws a BumpError naming the key at fault. */
export function configOfGguf(gguf: GgufModel, path: string): ModelConfig {
  const family = checkFamily(gguf.metadata.get('general.architecture'), path)
  const row = rowOf(family)
  const metadata: Metadata = new Metadata(gguf, path, ggufOf(family) as string)
  const embed = gguf.tensors.get('token_embd.weight')
  if (embed === undefined || embed.dims.length !== 2)
    metadata.fail('has no matrix "token_embd.weight". A complete model is needed, not only a vocabulary.')
  if (metadata.get('expert_count'))
    metadata.fail(`mixtures of experts ("${metadata.name('expert_count')}") are not supported.`)
  for (const key of ['attn_logit_softcapping', 'final_logit_softcapping', 'attention.temperature_scale'])
    if (metadata.get(key)) metadata.fail(`the metadata "${metadata.name(key)}" is set, which is not supported.`)

  const hidden = metadata.count('embedding_length', 1e6)
  const heads = metadata.count('attention.head_count', 1e4)
  if (metadata.get('attention.key_length') === undefined && hidden % heads !== 0)
    metadata.fail(
      `"${metadata.name('embedding_length')}" ${hidden} is not divisible by "${metadata.name('attention.head_count')}" ${heads}`,
    )
  const headDim = metadata.count('attention.key_length', 1e4, hidden / heads)
  const rotaryDim = metadata.count('rope.dimension_count', 1e4, headDim)
  const widths = [
    ['attention.value_length', metadata.count('attention.value_length', 1e4, headDim)],
    ...(row.partialRotary ? [] : [['rope.dimension_count', rotaryDim] as const]),
  ] as const
  for (const [key, width] of widths)
    if (width !== headDim) metadata.fail(`"${metadata.name(key)}" is ${width}, it must be the head size ${headDim}`)
  const ropeTheta = metadata.number('rope.freq_base', 1e12, 10000)
  const scaling = ropeScaling(metadata, ropeTheta, rotaryDim)
  const config: ModelConfig = {
    family,
    layers: metadata.count('block_count', 1e4),
    hidden,
    heads,
    kvHeads: metadata.count('attention.head_count_kv', 1e4, heads),
    headDim,
    ffn: metadata.count('feed_forward_length', 1e6),
    vocab: embed.dims[1],
    normEps: metadata.decimal('attention.layer_norm_rms_epsilon', 1),
    ropeTheta,
    ...(scaling && { ropeScaling: scaling }),
    contextLength: scaling?.type === 'longrope' ? scaling.originalContext : metadata.count('context_length', 1e8),
    tiedHead: !gguf.tensors.has('output.weight'),
    ...familyFields(family),
    ...(rotaryDim !== headDim && { rotaryDim }),
    ...(row.sliding?.theta && { slidingRopeTheta: metadata.number('rope.freq_base_swa', 1e12, 10000) }),
  }
  checkHeads(config, path)
  // 0 says that there is none.
  const window = metadata.get('attention.sliding_window') ? metadata.count('attention.sliding_window', 1e8) : undefined
  return withLayers({ ...config, ...scales(metadata, config) }, layerTypes(metadata, config), window)
}
