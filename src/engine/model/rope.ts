// Rotary position embedding: the angles of a model's layers, with the scalings for long contexts, and the inputs a graph
// needs for them.

import type { Graph, Value } from '../graph/graph.ts'
import type { Rotary } from '../graph/operators.ts'
import type { LayerType, ModelConfig, RopeScaling } from './config.ts'

/** How the layers of one type rotate. */
interface Rotation {
  /** Before the names of a graph's inputs and constants. */
  prefix: string
  /** [rotated dimensions / 2] angle per position of every pair of dimensions (radians). */
  frequencies: Float64Array
  /** Factor on cosines and sines. */
  factor: number
}

const FULL = ''
const SLIDING = 'sliding_'

/** The rotations of a model, by prefix: that of most layers, and that of sliding ones where it is another. */
function rotations(c: ModelConfig): Rotation[] {
  const types: readonly LayerType[] = c.layerTypes ?? ['full']
  const own = types.map((type) => rotationOf(c, type))
  const made = (prefix: string, theta: number, scaling: RopeScaling | undefined): Rotation[] =>
    own.includes(prefix) ? [{ prefix, frequencies: frequencies(c, theta, scaling), factor: magnitude(scaling) }] : []
  return [...made(FULL, c.ropeTheta, c.ropeScaling), ...made(SLIDING, c.slidingRopeTheta ?? 0, undefined)]
}

/** The prefix of a layer's rotation; undefined where it has none. */
function rotationOf(c: ModelConfig, type: LayerType): string | undefined {
  if (type === 'no-rope') return undefined
  return type === 'sliding' && c.slidingRopeTheta !== undefined ? SLIDING : FULL
}

function frequencies(c: ModelConfig, theta: number, scaling: RopeScaling | undefined): Float64Array {
  const half = (c.rotaryDim ?? c.headDim) / 2
  return Float64Array.from({ length: half }, (_, d) => {
    const frequency = theta ** (-d / half)
    switch (scaling?.type) {
      case 'linear':
        return frequency / scaling.factor
      case 'yarn':
        return frequency * yarnShare(scaling, theta, half, d)
      case 'longrope':
        return frequency / scaling.shortFactors[d]
      default:
        return scaling ? llama3(frequency, scaling) : frequency
    }
  })
}

/** Llama 3: long wavelengths are stretched by `factor`, short ones kept, those between interpolated. */
function llama3(frequency: number, s: Extract<RopeScaling, { type?: undefined }>): number {
  const wavelength = (2 * Math.PI) / frequency
  if (wavelength < s.originalContext / s.highFreqFactor) return frequency
  if (wavelength > s.originalContext / s.lowFreqFactor) return frequency / s.factor
  const smooth = (s.originalContext / wavelength - s.lowFreqFactor) / (s.highFreqFactor - s.lowFreqFactor)
  return ((1 - smooth) * frequency) / s.factor + smooth * frequency
}

/** YaRN (arXiv 2309.00071): what a frequency is multiplied by, a ramp over the pairs from 1 to 1/factor. */
function yarnShare(s: Extract<RopeScaling, { type: 'yarn' }>, theta: number, half: number, d: number): number {
  const pairOf = (turns: number) => (half * Math.log(s.originalContext / (turns * 2 * Math.PI))) / Math.log(theta)
  const low = Math.max(Math.floor(pairOf(s.betaFast)), 0)
  const high = Math.min(Math.ceil(pairOf(s.betaSlow)), 2 * half - 1)
  const ramp = Math.min(Math.max((d - low) / (high === low ? 0.001 : high - low), 0), 1)
  return ramp / s.factor + (1 - ramp)
}

/** LongRoPE (arXiv 2402.13753) and YaRN scale attention by scaling what is rotated. */
function magnitude(scaling: RopeScaling | undefined): number {
  if (scaling?.type === 'yarn') return scaling.attentionFactor
  if (scaling?.type !== 'longrope' || scaling.fullContext <= scaling.originalContext) return 1
  const { fullContext, originalContext } = scaling
  return Math.sqrt(1 + Math.log(fullContext / originalContext) / Math.log(originalContext))
}

/** The rotation of a layer; undefined for one without. */
export type LayerRotary = (layer: number) => Rotary | undefined

/**
 * Declares a graph's rotary inputs. f32: `positions` [N,1] against constant tables up to `maxPositions`; f64: `cos` and
 * `sin` [N,1,rotated dimensions], and `sliding_cos` and `sliding_sin` where sliding layers differ (see `rotaryRows`).
 */
export function rotaryInputs(g: Graph, c: ModelConfig, maxPositions: number): LayerRotary {
  const positions = g.fused ? g.input('positions', ['N', 1], 'i64') : undefined
  const made = new Map(
    rotations(c).map((rotation) => [
      rotation.prefix,
      positions ? tables(g, rotation, positions, maxPositions) : rowInputs(g, rotation),
    ]),
  )
  return (layer) => {
    const prefix = rotationOf(c, c.layerTypes?.[layer] ?? 'full')
    return prefix === undefined ? undefined : made.get(prefix)
  }
}

function tables(g: Graph, { prefix, frequencies, factor }: Rotation, positions: Value, maxPositions: number): Rotary {
  const half = frequencies.length
  const table = (name: string, f: (angle: number) => number) => {
    const out = new Float32Array(maxPositions * half)
    for (let p = 0; p < maxPositions; p++)
      for (let d = 0; d < half; d++) out[p * half + d] = factor * f(p * frequencies[d])
    return g.initializer(`${prefix}${name}`, [maxPositions, half], new Uint8Array(out.buffer))
  }
  return {
    positions,
    dims: 2 * half,
    cosTable: table('rope_cos', Math.cos),
    sinTable: table('rope_sin', Math.sin),
    negativeSinTable: table('rope_negative_sin', (a) => -Math.sin(a)),
  }
}

function rowInputs(g: Graph, { prefix, frequencies }: Rotation): Rotary {
  const dims = 2 * frequencies.length
  return { dims, cos: g.input(`${prefix}cos`, ['N', 1, dims]), sin: g.input(`${prefix}sin`, ['N', 1, dims]) }
}

/** [N,1,rotated dimensions] by name, halves repeated, for rows at the given positions: the f64 graph's rotary inputs. */
export function rotaryRows(
  c: ModelConfig,
  positions: readonly number[],
): Record<string, { data: Float64Array; dims: number[] }> {
  return Object.fromEntries(
    rotations(c).flatMap(({ prefix, frequencies, factor }) => {
      const half = frequencies.length
      const row = (f: (angle: number) => number) => ({
        dims: [positions.length, 1, 2 * half],
        data: Float64Array.from(
          { length: positions.length * 2 * half },
          (_, i) => factor * f(positions[Math.floor(i / (2 * half))] * frequencies[i % half]),
        ),
      })
      return [
        [`${prefix}cos`, row(Math.cos)],
        [`${prefix}sin`, row(Math.sin)],
      ]
    }),
  )
}
