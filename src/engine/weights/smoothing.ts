// SmoothQuant (Xiao et al. 2023, section 4): channels of activations that are far larger than others are divided by a
// factor, and the weights that read them multiplied by it, so that both fit into 8 bits. The division is folded into
// what makes the activations: the norm before q, k, v, gate and up; v before o; up before down.
import { PROJECTIONS, type Projection } from '../../model/contract.ts'
import { type ModelConfig, projectionShape } from '../model/config.ts'

/**
 * Factors of the inputs of `l<n>.q` (also k's and v's), `l<n>.o` [kvHeads·headDim], `l<n>.gate` (also up's) and
 * `l<n>.down`.
 */
export type Smoothing = ReadonlyMap<string, Float32Array>

/** Which factors the inputs of a projection have, and those of which projection divide its outputs. */
const INPUTS: Record<Projection, Projection> = {
  q: 'q',
  k: 'q',
  v: 'q',
  o: 'o',
  gate: 'gate',
  up: 'gate',
  down: 'down',
}
const OUTPUTS: Partial<Record<Projection, Projection>> = { v: 'o', up: 'down' }
/** The norms that make the inputs of q and gate, where a family has them. */
export const SMOOTHED_NORMS: Readonly<Record<string, Projection>> = { attn_norm: 'q', ffn_norm: 'gate' }

/** Names and lengths of a model's factors, in layer order. */
export function smoothingShapes(c: ModelConfig): Map<string, number[]> {
  const shapes = new Map<string, number[]>()
  for (let l = 0; l < c.layers; l++)
    for (const projection of new Set(Object.values(INPUTS))) {
      const [inputs] = projection === 'o' ? [c.kvHeads * c.headDim] : projectionShape(c, projection)
      shapes.set(`l${l}.${projection}`, [inputs])
    }
  return shapes
}

/** [inputs] of a projection as `l0.o`. */
export function inputFactors(c: ModelConfig, smoothing: Smoothing, name: string): Float32Array {
  const [layer, projection] = name.split('.') as [string, Projection]
  const factors = smoothing.get(`${layer}.${INPUTS[projection]}`)!
  if (projection !== 'o') return factors
  // The query heads of a group read the same values.
  const grouped = new Float32Array(c.heads * c.headDim)
  for (let i = 0; i < grouped.length; i++) grouped[i] = factors[valueChannel(c, i)]
  return grouped
}

/** [outputs] of v and up, what their outputs are divided by; undefined for the others. */
export function outputFactors(smoothing: Smoothing, name: string): Float32Array | undefined {
  const [layer, projection] = name.split('.') as [string, Projection]
  const divided = OUTPUTS[projection]
  return divided && smoothing.get(`${layer}.${divided}`)
}

/** Of channel i of the attention's output: the channel of v that it is made of. */
function valueChannel(c: ModelConfig, i: number): number {
  const group = (c.heads / c.kvHeads) * c.headDim
  return Math.floor(i / group) * c.headDim + (i % c.headDim)
}

/** √(largest activation / largest weight) of every channel: SmoothQuant's α = 0.5. */
export function smoothingFactors(activations: Float32Array, weights: Float32Array): Float32Array {
  return activations.map((value, i) => (value > 0 && weights[i] > 0 ? Math.sqrt(value / weights[i]) : 1))
}

/**
 * The factors of layer `l`, by their names. Where no norm comes before a block, what it reads stays as it is.
 * @param largest by projection, [inputs]: the largest magnitude that each input of q, o, gate and down had
 * @param weights the layer's tensors by canonical name; projections are [inputs, outputs]
 */
export function layerSmoothing(
  c: ModelConfig,
  largest: ReadonlyMap<Projection, Float32Array>,
  weights: ReadonlyMap<string, Float32Array>,
  l: number,
): Map<string, Float32Array> {
  const smoothing = new Map<string, Float32Array>()
  for (const [first, inputs] of largest) {
    const channel = first === 'o' ? (i: number) => valueChannel(c, i) : (i: number) => i
    const activations = new Float32Array(first === 'o' ? c.kvHeads * c.headDim : inputs.length)
    const magnitudes = new Float32Array(activations.length)
    inputs.forEach((value, i) => {
      activations[channel(i)] = Math.max(activations[channel(i)], value)
    })
    for (const projection of PROJECTIONS.filter((p) => INPUTS[p] === first)) {
      const [, outputs] = projectionShape(c, projection)
      const matrix = weights.get(`l${l}.${projection}`)!
      for (let i = 0; i < inputs.length; i++) {
        let most = magnitudes[channel(i)]
        for (let k = i * outputs; k < (i + 1) * outputs; k++) most = Math.max(most, Math.abs(matrix[k]))
        magnitudes[channel(i)] = most
      }
    }
    const norm = Object.keys(SMOOTHED_NORMS).find((name) => SMOOTHED_NORMS[name] === first)
    const foldable = norm === undefined || weights.has(`l${l}.${norm}`)
    smoothing.set(`l${l}.${first}`, foldable ? smoothingFactors(activations, magnitudes) : activations.fill(1))
  }
  return smoothing
}

/** An adapter for the smoothed model: what it adds to the projections' outputs is divided as they are. */
export function smoothAdapter<T extends { dims: number[]; data: Float32Array }>(
  c: ModelConfig,
  smoothing: Smoothing,
  adapter: ReadonlyMap<string, T>,
): Map<string, { dims: number[]; data: Float32Array }> {
  const out = new Map<string, { dims: number[]; data: Float32Array }>()
  for (const [name, { dims, data }] of adapter) {
    const projection = name.slice(0, -2)
    const [, columns] = dims
    if (name.endsWith('.A')) {
      const factors = inputFactors(c, smoothing, projection)
      out.set(name, { dims, data: data.map((a, k) => a * factors[Math.floor(k / columns)]) })
    } else {
      const factors = outputFactors(smoothing, projection)
      out.set(name, { dims, data: factors ? data.map((b, k) => b / factors[k % columns]) : data })
    }
  }
  return out
}
