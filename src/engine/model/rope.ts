// Rotary position embedding: its angles, with Llama 3's frequency scaling, and the inputs a graph needs for it.

import type { Graph } from '../graph/graph.ts'
import type { Rotary } from '../graph/operators.ts'
import type { ModelConfig } from './config.ts'

/** [headDim/2] angle per position of every pair of dimensions (radians). */
function inverseFrequencies(c: ModelConfig): Float64Array {
  const half = c.headDim / 2
  const out = new Float64Array(half)
  for (let d = 0; d < half; d++) {
    const frequency = c.ropeTheta ** (-d / half)
    out[d] = c.ropeScaling ? scaled(frequency, c.ropeScaling) : frequency
  }
  return out
}

/** Llama 3: long wavelengths are stretched by `factor`, short ones kept, those between interpolated. */
function scaled(frequency: number, s: NonNullable<ModelConfig['ropeScaling']>): number {
  const wavelength = (2 * Math.PI) / frequency
  if (wavelength < s.originalContext / s.highFreqFactor) return frequency
  if (wavelength > s.originalContext / s.lowFreqFactor) return frequency / s.factor
  const smooth = (s.originalContext / wavelength - s.lowFreqFactor) / (s.highFreqFactor - s.lowFreqFactor)
  return ((1 - smooth) * frequency) / s.factor + smooth * frequency
}

/**
 * Declares a graph's rotary inputs. f32: `positions` [N,1] against constant tables up to `maxPositions`;
 * f64: `cos` and `sin` [N,1,headDim] (see `rotaryRows`).
 */
export function rotaryInputs(g: Graph, c: ModelConfig, maxPositions: number): Rotary {
  if (!g.fused) return { cos: g.input('cos', ['N', 1, c.headDim]), sin: g.input('sin', ['N', 1, c.headDim]) }
  const half = c.headDim / 2
  const inverse = inverseFrequencies(c)
  const table = (f: (angle: number) => number) => {
    const out = new Float32Array(maxPositions * half)
    for (let p = 0; p < maxPositions; p++) for (let d = 0; d < half; d++) out[p * half + d] = f(p * inverse[d])
    return new Uint8Array(out.buffer)
  }
  const dims = [maxPositions, half]
  return {
    positions: g.input('positions', ['N', 1], 'i64'),
    cosTable: g.initializer('rope_cos', dims, table(Math.cos)),
    sinTable: g.initializer('rope_sin', dims, table(Math.sin)),
    negativeSinTable: g.initializer(
      'rope_negative_sin',
      dims,
      table((a) => -Math.sin(a)),
    ),
  }
}

/** cos and sin [N,1,headDim], halves repeated, for rows at the given positions: the f64 graph's rotary inputs. */
export function rotaryRows(c: ModelConfig, positions: readonly number[]): { cos: Float64Array; sin: Float64Array } {
  const inverse = inverseFrequencies(c)
  const half = c.headDim / 2
  const cos = new Float64Array(positions.length * c.headDim)
  const sin = new Float64Array(positions.length * c.headDim)
  positions.forEach((p, row) => {
    for (let d = 0; d < c.headDim; d++) {
      cos[row * c.headDim + d] = Math.cos(p * inverse[d % half])
      sin[row * c.headDim + d] = Math.sin(p * inverse[d % half])
    }
  })
  return { cos, sin }
}
