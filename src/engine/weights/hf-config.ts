// config.json of a Hugging Face folder to a ModelConfig and back. Fields that would change the arithmetic and are not
// implemented are refused by name, so that a model never runs subtly wrong.
import { readFileSync } from 'node:fs'
import { BumpError } from '../../util/errors.ts'
import { parseJson } from '../../util/parse-json.ts'
import type { LayerType, ModelConfig } from '../model/config.ts'
import { familyOfConfig, rowOf, SUPPORTED_FAMILIES } from '../model/families.ts'
import { Fields, isObject, type Json } from './fields.ts'
import { ropeFields, ropeScaling, toRopeScaling } from './hf-rope.ts'

function family(fields: Fields): ModelConfig['family'] {
  const architectures = Array.isArray(fields.json.architectures) ? fields.json.architectures : []
  const found = familyOfConfig(fields.json.model_type, architectures)
  if (found === undefined && fields.json.model_type === 'bert')
    fields.fail(
      '"model_type" is "bert": a sentence encoder, not a language model. As a judge it needs the embedding scorer.',
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

function refuseUnimplemented(fields: Fields, name: ModelConfig['family']): void {
  const row = rowOf(name)
  if (!row.attentionBias) fields.only('attention_bias', false, `biases in the attention are not supported for ${name}`)
  const [activation, act] =
    row.activation === 'gelu' ? ['hidden_activation', 'gelu_pytorch_tanh'] : ['hidden_act', 'silu']
  fields.only(activation, act, `only "${act}" is supported`)
  fields.only('mlp_bias', false, 'biases in the feed-forward block are not supported')
  fields.only('use_sliding_window', false, 'sliding-window attention is not supported')
  if (!row.partialRotary)
    for (const where of [fields, ropeFields(fields)])
      where?.only('partial_rotary_factor', 1, `partial rotary embeddings are not supported for ${name}`)
  if (row.gemmaScales) {
    fields.only('attn_logit_softcapping', undefined, 'soft caps are not supported')
    fields.only('final_logit_softcapping', undefined, 'soft caps are not supported')
    fields.only('use_bidirectional_attention', false, 'only causal attention is supported')
  }
  if (row.withoutExperts) {
    if (fields.json.num_local_experts !== 0)
      fields.fail(`"num_local_experts" is ${JSON.stringify(fields.json.num_local_experts)}: experts are not supported`)
    fields.only('position_embedding_type', 'rope', 'only rotary embeddings are supported')
  }
  if (fields.has('quantization_config'))
    fields.fail('"quantization_config" is set: quantised folders cannot be read. Use the unquantised model or a GGUF.')
}

/** What `layer_types` may name, and what it means; "attention" is Granite's word, beside "mamba". */
const LAYER_TYPES: Record<string, LayerType> = {
  full_attention: 'full',
  attention: 'full',
  sliding_attention: 'sliding',
}

/** The layers that differ, as the fields of their families say. */
function layerTypes(fields: Fields, name: ModelConfig['family'], layers: number): LayerType[] | undefined {
  const { sliding, noRopeEvery, withoutExperts } = rowOf(name)
  const isName = (entry: unknown): entry is string =>
    typeof entry === 'string' && Object.hasOwn(LAYER_TYPES, entry) && (sliding !== undefined || !/^sliding/.test(entry))
  const supported = sliding ? '"full_attention" or "sliding_attention"' : `"${withoutExperts ? '' : 'full_'}attention"`
  const named = fields.list('layer_types', layers, isName, `${supported}: others are not supported`)
  if (withoutExperts && !named) fields.fail('"layer_types" is missing: the layers would be Mamba layers')
  const all = Array.from({ length: layers }, (_, l) => l + 1)
  if (noRopeEvery !== undefined) {
    const every = fields.count('no_rope_layer_interval', 1e4, noRopeEvery)
    const isFlag = (entry: unknown): entry is number => entry === 0 || entry === 1
    const rotated = fields.list('no_rope_layers', layers, isFlag, '0 or 1') ?? all.map((l) => (l % every === 0 ? 0 : 1))
    return rotated.map((flag) => (flag === 1 ? 'full' : 'no-rope'))
  }
  if (!sliding) return undefined
  const every = sliding.fullEvery && fields.count('sliding_window_pattern', 1e4, sliding.fullEvery)
  return named
    ? named.map((type) => LAYER_TYPES[type])
    : all.map((l) => (every && l % every === 0 ? 'full' : 'sliding'))
}

/** The window of sliding layers: null is none, but for a family whose sliding layers differ in more than that. */
function windowOf(fields: Fields, name: ModelConfig['family']): number | undefined {
  const { sliding } = rowOf(name)
  if (!sliding) return undefined
  if (fields.json.sliding_window === undefined) return sliding.window
  return fields.has('sliding_window') || sliding.theta ? fields.count('sliding_window', 1e8) : undefined
}

/**
 * A ModelConfig without what has no effect: layers that are all full, a window as wide as the context. So a model has
 * one digest, wherever it was read from.
 */
export function withLayers(
  config: ModelConfig,
  types: LayerType[] | undefined,
  window: number | undefined,
): ModelConfig {
  const bounded =
    window !== undefined && (window < config.contextLength || config.slidingRopeTheta !== undefined)
      ? window
      : undefined
  const kept = types?.map((type): LayerType => (type === 'sliding' && bounded === undefined ? 'full' : type))
  if (!kept || kept.every((type) => type === 'full')) return config
  return { ...config, layerTypes: kept, ...(kept.includes('sliding') && { window: bounded }) }
}

/** Factors of Granite's and Gemma's kind; those that are 1 have no effect and are left out. */
function scales(fields: Fields, name: ModelConfig['family'], hidden: number, headDim: number): Partial<ModelConfig> {
  const { multipliers, gemmaScales } = rowOf(name)
  if (multipliers)
    return withoutOnes({
      embeddingScale: fields.positive('embedding_multiplier', 1e6, 1),
      residualScale: fields.positive('residual_multiplier', 1e6, 1),
      attentionScale: fields.positive('attention_multiplier', 1e6, 1),
      logitDivisor: fields.positive('logits_scaling', 1e6, 1),
    })
  return gemmaScales ? gemmaFactors(hidden, headDim, fields.positive('query_pre_attn_scalar', 1e6, 256)) : {}
}

/** Scales that are 1 left out, but for that of attention, whose default is another. */
export function withoutOnes(factors: Partial<ModelConfig>): Partial<ModelConfig> {
  return Object.fromEntries(
    Object.entries(factors).filter(([name, factor]) => factor !== 1 || name === 'attentionScale'),
  )
}

/** Gemma's factors: √hidden on the embedding, and on attention where it is not the usual 1/√headDim. */
export function gemmaFactors(hidden: number, headDim: number, queryScalar: number): Partial<ModelConfig> {
  return {
    embeddingScale: Math.sqrt(hidden),
    ...(queryScalar !== headDim && { attentionScale: 1 / Math.sqrt(queryScalar) }),
  }
}

/**
 * A ModelConfig from the parsed config.json. `where` is put before error messages.
 * Throws a BumpError naming the field for unsupported architectures and missing or impossible values.
 */
export function parseHuggingFaceConfig(json: unknown, where: string): ModelConfig {
  if (!isObject(json)) throw new BumpError('model-unusable', `${where}: is not a JSON object`)
  const fields: Fields = new Fields(json, where)
  const name = family(fields)
  refuseUnimplemented(fields, name)
  const row = rowOf(name)

  const hidden = fields.count('hidden_size', 1e6)
  const heads = fields.count('num_attention_heads', 1e4)
  if (!fields.has('head_dim') && row.headDim === undefined && hidden % heads !== 0)
    fields.fail(`"hidden_size" ${hidden} is not divisible by "num_attention_heads" ${heads}`)
  const headDim = fields.count('head_dim', 1e4, row.headDim ?? hidden / heads)
  const rope = ropeFields(fields, 'full_attention')
  const share = rope?.has('partial_rotary_factor') ? rope : fields
  const rotaryDim = row.partialRotary ? Math.floor(headDim * share.positive('partial_rotary_factor', 1, 1)) : headDim
  const theta = rope?.has('rope_theta') ? rope : fields
  const scaling = ropeScaling(fields, rope, rotaryDim)
  const layers = fields.count('num_hidden_layers', 1e4)
  const config: ModelConfig = {
    family: name,
    layers,
    hidden,
    heads,
    kvHeads: fields.count('num_key_value_heads', 1e4, row.kvHeadsOptional ? heads : undefined),
    headDim,
    ffn: fields.count(row.withoutExperts ? 'shared_intermediate_size' : 'intermediate_size', 1e6),
    vocab: fields.count('vocab_size', 1e7),
    normEps: fields.positive('rms_norm_eps', 1, 1e-6),
    ropeTheta: theta.positive('rope_theta', 1e12, 10000),
    ...(scaling && { ropeScaling: scaling }),
    contextLength:
      scaling?.type === 'longrope' ? scaling.originalContext : fields.count('max_position_embeddings', 1e8),
    tiedHead: fields.flag('tie_word_embeddings', row.tied === true),
    ...familyFields(name),
    ...(rotaryDim !== headDim && { rotaryDim }),
    ...(row.sliding?.theta && { slidingRopeTheta: slidingTheta(fields) }),
    ...scales(fields, name, hidden, headDim),
  }
  checkHeads(config, where)
  return withLayers(config, layerTypes(fields, name, layers), windowOf(fields, name))
}

/** What follows from the family alone. */
export function familyFields(
  name: ModelConfig['family'],
): Pick<ModelConfig, 'attentionBias' | 'qkNorm' | 'norms' | 'activation'> {
  const { attentionBias, qkNorm, norms, activation } = rowOf(name)
  return { attentionBias, qkNorm, ...(norms && { norms }), ...(activation && { activation }) }
}

/** `rope_local_base_freq` of transformers 4; transformers 5 has it among the parameters of sliding layers. */
function slidingTheta(fields: Fields): number {
  const rope = ropeFields(fields, 'sliding_attention')
  return rope?.has('rope_theta')
    ? rope.positive('rope_theta', 1e12)
    : fields.positive('rope_local_base_freq', 1e12, 10000)
}

/** What every source's config must satisfy. */
export function checkHeads(config: ModelConfig, where: string): void {
  if (config.heads % config.kvHeads !== 0)
    throw new BumpError(
      'model-unusable',
      `${where}: the number of attention heads, ${config.heads}, is not divisible by ` +
        `the number of key-value heads (num_key_value_heads), ${config.kvHeads}`,
    )
  const { headDim, rotaryDim = headDim } = config
  if (headDim % 2 !== 0)
    throw new BumpError('model-unusable', `${where}: "head_dim" is ${headDim}, an even number is needed`)
  if (rotaryDim % 2 !== 0 || rotaryDim < 2 || rotaryDim > headDim)
    throw new BumpError(
      'model-unusable',
      `${where}: ${rotaryDim} dimensions of a head would be rotated, an even number from 2 to ${headDim} is needed`,
    )
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
  const row = rowOf(config.family)
  return {
    architectures: [row.architecture],
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
    ...toRopeScaling(config.ropeScaling),
    tie_word_embeddings: config.tiedHead,
    ...(!row.attentionBias && { attention_bias: false }),
    ...(row.activation === 'gelu' ? { hidden_activation: 'gelu_pytorch_tanh' } : { hidden_act: 'silu' }),
    ...differences(config),
    torch_dtype: { F32: 'float32', F16: 'float16', BF16: 'bfloat16' }[dtype],
  }
}

/** The fields of families other than Llama's kind. */
function differences(config: ModelConfig): Json {
  const { sliding, noRopeEvery, partialRotary, multipliers, gemmaScales, withoutExperts } = rowOf(config.family)
  const types = config.layerTypes ?? new Array<LayerType>(config.layers).fill('full')
  const named = types.map((type) => (type === 'sliding' ? 'sliding_attention' : 'full_attention'))
  return {
    ...(sliding && { sliding_window: config.window ?? null }),
    ...(sliding && (sliding.fullEvery || types.includes('full')) && { layer_types: named }),
    ...(noRopeEvery && { no_rope_layers: types.map((type) => (type === 'no-rope' ? 0 : 1)) }),
    ...(sliding?.theta && { rope_local_base_freq: config.slidingRopeTheta }),
    ...(partialRotary && { partial_rotary_factor: (config.rotaryDim ?? config.headDim) / config.headDim }),
    ...(multipliers && {
      embedding_multiplier: config.embeddingScale ?? 1,
      residual_multiplier: config.residualScale ?? 1,
      attention_multiplier: config.attentionScale,
      logits_scaling: config.logitDivisor ?? 1,
    }),
    ...(gemmaScales && {
      query_pre_attn_scalar: config.attentionScale ? Math.round(config.attentionScale ** -2) : config.headDim,
    }),
    ...(withoutExperts && {
      shared_intermediate_size: config.ffn,
      num_local_experts: 0,
      position_embedding_type: 'rope',
      layer_types: types.map(() => 'attention'),
    }),
  }
}
