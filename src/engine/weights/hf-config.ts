// config.json of a Hugging Face folder to a ModelConfig and back. Fields that would change the arithmetic and are not
// implemented are refused by name, so that a model never runs subtly wrong.
import { readFileSync } from 'node:fs'
import { BumpError } from '../../util/errors.ts'
import { parseJson } from '../../util/parse-json.ts'
import type { ModelConfig, RopeScaling } from '../model/config.ts'
import { FAMILIES, type FamilyName, rowOf, SUPPORTED_FAMILIES } from '../model/families.ts'

type Json = Record<string, unknown>

const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

/** Reads fields of one JSON object; errors name the file and the field. */
class Fields {
  readonly json: Json
  readonly where: string

  constructor(json: Json, where: string) {
    this.json = json
    this.where = where
  }

  fail(problem: string): never {
    throw new BumpError('model-unusable', `${this.where}: ${problem}`)
  }

  has(field: string): boolean {
    return this.json[field] !== undefined && this.json[field] !== null
  }

  /** An integer in [1, most]; `fallback` where the field is missing or null. */
  count(field: string, most: number, fallback?: number): number {
    const value = this.has(field) ? this.json[field] : fallback
    if (value === undefined) this.fail(`"${field}" is missing`)
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > most)
      this.fail(`"${field}" is ${JSON.stringify(value)}, an integer from 1 to ${most} is needed`)
    return value
  }

  /** A finite number above 0 and at most `most`. */
  positive(field: string, most: number, fallback?: number): number {
    const value = this.has(field) ? this.json[field] : fallback
    if (value === undefined) this.fail(`"${field}" is missing`)
    if (typeof value !== 'number' || !Number.isFinite(value) || value <= 0 || value > most)
      this.fail(`"${field}" is ${JSON.stringify(value)}, a number above 0 and at most ${most} is needed`)
    return value
  }

  flag(field: string, fallback: boolean): boolean {
    const value = this.has(field) ? this.json[field] : fallback
    if (typeof value !== 'boolean') this.fail(`"${field}" is ${JSON.stringify(value)}, true or false is needed`)
    return value
  }

  /** Refuses a value other than the only one that is implemented; a missing field is that one. */
  only(field: string, allowed: unknown, why: string): void {
    if (this.has(field) && this.json[field] !== allowed)
      this.fail(`"${field}" is ${JSON.stringify(this.json[field])}: ${why}`)
  }
}

function ropeScaling(fields: Fields, scaling: Fields | undefined): RopeScaling | undefined {
  if (scaling === undefined) return undefined
  const type = scaling.json.rope_type ?? scaling.json.type ?? 'default'
  if (type === 'default') return undefined
  if (type !== 'llama3')
    fields.fail(`the rope scaling type ${JSON.stringify(type)} is not supported ("default" and "llama3" are)`)
  const result = {
    factor: scaling.positive('factor', 1e4),
    lowFreqFactor: scaling.positive('low_freq_factor', 1e4),
    highFreqFactor: scaling.positive('high_freq_factor', 1e4),
    originalContext: scaling.count('original_max_position_embeddings', 1e8),
  }
  if (result.highFreqFactor <= result.lowFreqFactor)
    scaling.fail(`"high_freq_factor" is ${result.highFreqFactor}, it must be above "low_freq_factor"`)
  return result
}

/** `rope_scaling` (transformers 4) or `rope_parameters` (transformers 5, which also holds rope_theta). */
function ropeFields(fields: Fields): Fields | undefined {
  for (const name of ['rope_parameters', 'rope_scaling']) {
    if (!fields.has(name)) continue
    const value = fields.json[name]
    if (!isObject(value)) fields.fail(`"${name}" is ${JSON.stringify(value)}, an object is needed`)
    return new Fields(value, `${fields.where}: ${name}`)
  }
  return undefined
}

function family(fields: Fields): ModelConfig['family'] {
  const architectures = Array.isArray(fields.json.architectures) ? fields.json.architectures : []
  const found = (Object.keys(FAMILIES) as FamilyName[]).find((name) =>
    fields.has('model_type') ? fields.json.model_type === name : architectures.includes(rowOf(name).architecture),
  )
  if (found === undefined)
    fields.fail(
      `the architecture ${JSON.stringify(fields.json.model_type ?? architectures)} is not supported. ${SUPPORTED_FAMILIES}`,
    )
  if (architectures.length > 0 && !architectures.includes(rowOf(found).architecture))
    fields.fail(
      `"architectures" is ${JSON.stringify(architectures)}, only ${rowOf(found).architecture} is supported for "${found}"`,
    )
  return found
}

function refuseUnimplemented(fields: Fields): void {
  fields.only('hidden_act', 'silu', 'only "silu" is supported')
  fields.only('mlp_bias', false, 'biases in the feed-forward block are not supported')
  fields.only('use_sliding_window', false, 'sliding-window attention is not supported')
  fields.only('partial_rotary_factor', 1, 'partial rotary embeddings are not supported')
  if (fields.has('quantization_config'))
    fields.fail('"quantization_config" is set: quantised folders cannot be read. Use the unquantised model or a GGUF.')
  const types = fields.json.layer_types
  if (Array.isArray(types) && types.some((type) => type !== 'full_attention'))
    fields.fail('"layer_types" names layers other than "full_attention", which are not supported')
}

/**
 * A ModelConfig from the parsed config.json. `where` is put before error messages.
 * Throws a BumpError naming the field for unsupported architectures and missing or impossible values.
 */
export function parseHuggingFaceConfig(json: unknown, where: string): ModelConfig {
  if (!isObject(json)) throw new BumpError('model-unusable', `${where}: is not a JSON object`)
  const fields: Fields = new Fields(json, where)
  const name = family(fields)
  refuseUnimplemented(fields)
  const { attentionBias, qkNorm, kvHeadsOptional, headDim } = rowOf(name)
  if (!attentionBias) fields.only('attention_bias', false, `biases in the attention are not supported for ${name}`)

  const hidden = fields.count('hidden_size', 1e6)
  const heads = fields.count('num_attention_heads', 1e4)
  if (!fields.has('head_dim') && headDim === undefined && hidden % heads !== 0)
    fields.fail(`"hidden_size" ${hidden} is not divisible by "num_attention_heads" ${heads}`)
  const rope = ropeFields(fields)
  const theta = rope?.has('rope_theta') ? rope : fields
  const scaling = ropeScaling(fields, rope)
  const config: ModelConfig = {
    family: name,
    layers: fields.count('num_hidden_layers', 1e4),
    hidden,
    heads,
    kvHeads: fields.count('num_key_value_heads', 1e4, kvHeadsOptional ? heads : undefined),
    headDim: fields.count('head_dim', 1e4, headDim ?? hidden / heads),
    ffn: fields.count('intermediate_size', 1e6),
    vocab: fields.count('vocab_size', 1e7),
    normEps: fields.positive('rms_norm_eps', 1, 1e-6),
    ropeTheta: theta.positive('rope_theta', 1e12, 10000),
    ...(scaling && { ropeScaling: scaling }),
    contextLength: fields.count('max_position_embeddings', 1e8),
    tiedHead: fields.flag('tie_word_embeddings', false),
    attentionBias,
    qkNorm,
  }
  checkHeads(config, where)
  return config
}

/** What every source's config must satisfy. */
export function checkHeads(config: ModelConfig, where: string): void {
  if (config.heads % config.kvHeads !== 0)
    throw new BumpError(
      'model-unusable',
      `${where}: the number of attention heads, ${config.heads}, is not divisible by ` +
        `the number of key-value heads (num_key_value_heads), ${config.kvHeads}`,
    )
  if (config.headDim % 2 !== 0)
    throw new BumpError('model-unusable', `${where}: "head_dim" is ${config.headDim}, an even number is needed`)
}

/** Reads and parses a JSON file. Throws a BumpError where it is missing or not JSON. */
export function readJson(path: string): unknown {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT'
    throw new BumpError(
      'model-unusable',
      `${path}: ${missing ? 'the file is missing' : `cannot be read (${(cause as NodeJS.ErrnoException).code})`}. ` +
        'Name a complete Hugging Face folder.',
      { cause },
    )
  }
  try {
    return parseJson(text)
  } catch (cause) {
    throw new BumpError('model-unusable', `${path}: is not JSON: ${(cause as Error).message}`, { cause })
  }
}

/** config.json of transformers for a model; `dtype` is that of the weights beside it. */
export function toHuggingFaceConfig(config: ModelConfig, dtype: 'F32' | 'F16' | 'BF16'): Json {
  const scaling = config.ropeScaling
  return {
    architectures: [rowOf(config.family).architecture],
    model_type: config.family,
    hidden_size: config.hidden,
    intermediate_size: config.ffn,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    num_key_value_heads: config.kvHeads,
    head_dim: config.headDim,
    vocab_size: config.vocab,
    max_position_embeddings: config.contextLength,
    rms_norm_eps: config.normEps,
    rope_theta: config.ropeTheta,
    rope_scaling: scaling
      ? {
          rope_type: 'llama3',
          factor: scaling.factor,
          low_freq_factor: scaling.lowFreqFactor,
          high_freq_factor: scaling.highFreqFactor,
          original_max_position_embeddings: scaling.originalContext,
        }
      : null,
    tie_word_embeddings: config.tiedHead,
    ...(!rowOf(config.family).attentionBias && { attention_bias: false }),
    hidden_act: 'silu',
    torch_dtype: { F32: 'float32', F16: 'float16', BF16: 'bfloat16' }[dtype],
  }
}
