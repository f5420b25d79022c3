// Weights in 8 bits: the layout of their file, and how a matrix becomes signed bytes with one scale an output.
// runtime/prepare-quantized.ts writes the file, the graphs of integer products read it.
import { headName, type ModelConfig, weightShapes } from '../model/config.ts'
import { type ByteRange, EMBED_DIVISOR, type QuantizedMatrix, transposed } from '../model/quantized.ts'
import { isProjection } from './hf-names.ts'
import { smoothingShapes } from './smoothing.ts'

/** The runtime maps ranges of the file; floats must lie at multiples of their size. */
const ALIGNMENT = 64
/** Magnitudes go up to this integer. */
const LARGEST = 127

/**
 * Says what the quantised bytes are, in the model's digest and beside the file: another text whenever the quantiser,
 * its calibration or the file's layout gives other bytes than before.
 */
export const QUANTISATION = '8 bits, smoothed, 1'

/** Where everything lies in the file of a model in 8 bits. */
export interface QuantizedLayout {
  /** By canonical name: all projections, the embedding table and the head, and their copies for training. */
  matrices: Map<string, QuantizedMatrix>
  /** By canonical name: norms and biases, f32. */
  tensors: Map<string, ByteRange>
  /** By the names of smoothing.ts, f32. */
  smoothing: Map<string, ByteRange>
  bytes: number
}

/** @param backward with the transposed copies that training reads, at the end */
export function quantizedLayout(config: ModelConfig, backward = false): QuantizedLayout {
  const matrices = new Map<string, QuantizedMatrix>()
  const tensors = new Map<string, ByteRange>()
  const smoothing = new Map<string, ByteRange>()
  let bytes = 0
  const next = (length: number): ByteRange => {
    const offset = Math.ceil(bytes / ALIGNMENT) * ALIGNMENT
    bytes = offset + length
    return { offset, length }
  }
  for (const [name, dims] of weightShapes(config)) {
    // A table is [vocab, hidden], a projection [inputs, outputs].
    const [inputs, outputs] = isTable(config, name) ? [dims[1], dims[0]] : dims
    if (isTable(config, name) || isProjection(name))
      matrices.set(name, { inputs, outputs, values: next(inputs * outputs), scales: next(4 * outputs) })
    else tensors.set(name, next(4 * inputs))
  }
  if (config.tiedHead) tensors.set(EMBED_DIVISOR, next(4 * config.hidden))
  for (const [name, [channels]] of smoothingShapes(config)) smoothing.set(name, next(4 * channels))
  if (backward)
    for (const [name, { inputs, outputs, scales }] of [...matrices]) {
      const values = () => next(inputs * outputs)
      if (isProjection(name))
        matrices.set(transposed(name), {
          inputs: outputs,
          outputs: inputs,
          values: values(),
          scales: next(4 * inputs),
        })
      else if (name === headName(config))
        matrices.set(transposed(name), {
          inputs: outputs,
          outputs: inputs,
          values: values(),
          scales,
          scaleOf: 'inputs',
        })
    }
  return { matrices, tensors, smoothing, bytes }
}

/** Whether a weight is the embedding table or the head, [vocab, hidden]. */
export function isTable(config: ModelConfig, name: string): boolean {
  return name === 'embed' || name === headName(config)
}

/** To the nearest integer, half to even, for magnitudes far below 2^51: several times as fast as Math.round. */
const TURN = 1.5 * 2 ** 52
const nearest = (x: number) => x + TURN - TURN

/**
 * Quantises a projection [inputs, outputs]: every output has the scale that makes its largest magnitude ±127.
 * `inputFactors` [inputs] multiply the weights before, `outputFactors` [outputs] divide the result.
 */
export function quantizeMatrix(
  weights: Float32Array,
  outputs: number,
  inputFactors?: Float32Array,
  outputFactors?: Float32Array,
): { values: Int8Array; scales: Float32Array } {
  const inputs = weights.length / outputs
  const values = new Int8Array(weights.length)
  const largest = new Float64Array(outputs)
  for (let i = 0, k = 0; i < inputs; i++) {
    const factor = inputFactors ? inputFactors[i] : 1
    for (let o = 0; o < outputs; o++, k++) {
      const magnitude = Math.abs(weights[k]) * factor
      if (magnitude > largest[o]) largest[o] = magnitude
    }
  }
  const inverse = largest.map((value) => (value > 0 ? LARGEST / value : 0))
  for (let i = 0, k = 0; i < inputs; i++) {
    const factor = inputFactors ? inputFactors[i] : 1
    for (let o = 0; o < outputs; o++, k++) values[k] = nearest(weights[k] * factor * inverse[o])
  }
  const scales = Float32Array.from(largest, (value, o) => value / LARGEST / (outputFactors ? outputFactors[o] : 1))
  return { values, scales }
}

/**
 * Quantises rows of a table [rows, hidden], from row `first` on, into the columns of `values` [hidden, vocab]; a row of
 * the table is an output and has one of the `scales` [vocab]. `factors` [hidden] multiply the rows before.
 */
export function quantizeRowsInto(
  rows: Float32Array,
  first: number,
  factors: Float32Array,
  { values, scales }: { values: Int8Array; scales: Float32Array },
): void {
  const hidden = factors.length
  const vocab = scales.length
  // Some rows at once, so that neighbouring bytes of a column are written together.
  const TILE = 64
  const inverse = new Float64Array(TILE)
  const count = rows.length / hidden
  for (let from = 0; from < count; from += TILE) {
    const tile = Math.min(TILE, count - from)
    for (let r = 0; r < tile; r++) {
      let largest = 0
      for (let h = 0, k = (from + r) * hidden; h < hidden; h++, k++)
        largest = Math.max(largest, Math.abs(rows[k] * factors[h]))
      scales[first + from + r] = largest / LARGEST
      inverse[r] = largest > 0 ? LARGEST / largest : 0
    }
    for (let h = 0; h < hidden; h++) {
      const column = h * vocab + first + from
      for (let r = 0; r < tile; r++)
        values[column + r] = nearest(rows[(from + r) * hidden + h] * factors[h] * inverse[r])
    }
  }
}
