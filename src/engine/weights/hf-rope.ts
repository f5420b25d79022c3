// The rotary embedding in config.json: `rope_scaling` and `rope_theta` (transformers 4), or both in `rope_parameters`
// (transformers 5). Scalings that are not implemented are refused by name.
import type { RopeScaling } from '../model/config.ts'
import { type Fields, isObject, type Json, nested } from './fields.ts'

const isPositive = (value: unknown): value is number =>
  typeof value === 'number' && Number.isFinite(value) && value > 0 && value < 1e6

/** The object that says how layers rotate; with `layers` ("full_attention"), where those of types differ. */
export function ropeFields(fields: Fields, layers?: string): Fields | undefined {
  for (const name of ['rope_parameters', 'rope_scaling']) {
    if (!fields.has(name)) continue
    const found = nested(fields, name)
    return layers !== undefined && isObject(found.json[layers]) ? nested(found, layers) : found
  }
  return undefined
}

/** The scaling for a model whose heads rotate `dims` dimensions; `rope` is what `ropeFields` found. */
export function ropeScaling(fields: Fields, rope: Fields | undefined, dims: number): RopeScaling | undefined {
  if (rope === undefined) return undefined
  const type: unknown = rope.json.rope_type ?? rope.json.type ?? 'default'
  switch (type) {
    case 'default':
      return undefined
    case 'llama3':
      return llama3(rope)
    case 'linear':
      return { type, factor: rope.positive('factor', 1e4) }
    case 'yarn':
      return yarn(fields, rope)
    case 'longrope':
    case 'su':
      return longrope(fields, rope, dims)
  }
  return fields.fail(
    `the rope scaling type ${JSON.stringify(type)} is not supported ("default", "llama3", "linear", "yarn" and ` +
      '"longrope" are)',
  )
}

function llama3(rope: Fields): RopeScaling {
  const result = {
    factor: rope.positive('factor', 1e4),
    lowFreqFactor: rope.positive('low_freq_factor', 1e4),
    highFreqFactor: rope.positive('high_freq_factor', 1e4),
    originalContext: rope.count('original_max_position_embeddings', 1e8),
  }
  if (result.highFreqFactor <= result.lowFreqFactor)
    rope.fail(`"high_freq_factor" is ${result.highFreqFactor}, it must be above "low_freq_factor"`)
  return result
}

/** YaRN's factor on cosines and sines where nothing else is said. */
export const yarnMagnitude = (factor: number, mscale = 1): number =>
  factor <= 1 ? 1 : 0.1 * mscale * Math.log(factor) + 1

function yarn(fields: Fields, rope: Fields): RopeScaling {
  rope.only('truncate', true, 'only whole bounds of the ramp are supported')
  rope.only('llama_4_scaling_beta', 0, 'scaling queries by their position is not supported')
  const factor = rope.positive('factor', 1e4)
  const both = rope.has('mscale') && rope.has('mscale_all_dim')
  const usual = both
    ? yarnMagnitude(factor, rope.positive('mscale', 100)) / yarnMagnitude(factor, rope.positive('mscale_all_dim', 100))
    : yarnMagnitude(factor)
  return {
    type: 'yarn',
    factor,
    originalContext: rope.has('original_max_position_embeddings')
      ? rope.count('original_max_position_embeddings', 1e8)
      : fields.count('max_position_embeddings', 1e8),
    betaFast: rope.positive('beta_fast', 1e4, 32),
    betaSlow: rope.positive('beta_slow', 1e4, 1),
    attentionFactor: rope.positive('attention_factor', 100, usual),
  }
}

function longrope(fields: Fields, rope: Fields, dims: number): RopeScaling {
  rope.only('attention_factor', undefined, 'the factor that follows from the contexts is supported alone')
  const factors = (name: string) =>
    rope.list(name, Math.floor(dims / 2), isPositive, 'a number above 0') ?? rope.fail(`"${name}" is missing`)
  const where = fields.has('original_max_position_embeddings') ? fields : rope
  return {
    type: 'longrope',
    shortFactors: factors('short_factor'),
    longFactors: factors('long_factor'),
    originalContext: where.count('original_max_position_embeddings', 1e8),
    fullContext: fields.count('max_position_embeddings', 1e8),
  }
}

/** `rope_scaling` of transformers 4, and what else config.json says of it. */
export function toRopeScaling(scaling: RopeScaling | undefined): Json {
  if (!scaling) return { rope_scaling: null }
  switch (scaling.type) {
    case 'linear':
      return { rope_scaling: { rope_type: 'linear', factor: scaling.factor } }
    case 'yarn':
      return {
        rope_scaling: {
          rope_type: 'yarn',
          factor: scaling.factor,
          original_max_position_embeddings: scaling.originalContext,
          beta_fast: scaling.betaFast,
          beta_slow: scaling.betaSlow,
          attention_factor: scaling.attentionFactor,
        },
      }
    case 'longrope':
      return {
        max_position_embeddings: scaling.fullContext,
        original_max_position_embeddings: scaling.originalContext,
        // transformers takes no fourth field.
        rope_scaling: { type: 'longrope', short_factor: scaling.shortFactors, long_factor: scaling.longFactors },
      }
    default:
      return {
        rope_scaling: {
          rope_type: 'llama3',
          factor: scaling.factor,
          low_freq_factor: scaling.lowFreqFactor,
          high_freq_factor: scaling.highFreqFactor,
          original_max_position_embeddings: scaling.originalContext,
        },
      }
  }
}
