// Weights in 8 bits: the layout of their file, and how a matrix becomes signed bytes with one scale an output.
// runtime/prepare-quantized.ts writes the file, the graphs of integer products read it.

import { headName, type ModelConfig, weightShapes } from '../model/config.ts'
import { mixRows } from '../model/hadamard.ts'
import { type ByteRange, type QuantizedMatrix, transposed } from '../model/quantized.ts'
import { isProjection, transpose } from './hf-names.ts'

/** The runtime maps ranges of the file; floats must lie at multiples of their size. */
const ALIGNMENT = 64
/** Magnitudes go up to this integer. */
const LARGEST = 127

/**
 * Says what the quantised bytes are, in the model's digest and beside the file: another text whenever the quantiser
 * or the file's layout gives other bytes than before.
 */
export const QUANTISATION = '8 bits, mixed, 2'

/** Where everything lies in the file of a model in 8 bits. */
export interface QuantizedLayout {
  /** By canonical name: all projections, the embedding table and the head, and their copies for training. */
  matrices: Map<string, QuantizedMatrix>
  /** By canonical name: norms and biases, f32. */
  tensors: Map<string, ByteRange>
  bytes: number
}

/** @param backward with the transposed copies that training reads, at the end */
export function quantizedLayout(config: ModelConfig, backward = false): QuantizedLayout {
  const matrices = new Map<string, QuantizedMatrix>()
  const tensors = new Map<string, ByteRange>()
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
  return { matrices, tensors, bytes }
}

/** Whether a weight is the embedding table or the head, [vocab, hidden]. */
export function isTable(config: ModelConfig, name: string): boolean {
  return name === 'embed' || name === headName(config)
}

/** To the nearest integer, half to even, for magnitudes far below 2^51: several times as fast as Math.round. */
const TURN = 1.5 * 2 ** 52
const nearest = (x: number) => x + TURN - TURN

/**
 * Quantises a matrix [inputs, outputs] with its inputs mixed (model/hadamard.ts): every output has the scale that makes
 * its largest magnitude ±127.
 */
export function quantizeMatrix(weights: Float32Array, outputs: number): { values: Int8Array; scales: Float32Array } {
  const mixed = weights.slice()
  mixRows(mixed, outputs)
  const largest = new Float64Array(outputs)
  for (let k = 0; k < mixed.length; )
    for (let o = 0; o < outputs; o++, k++) {
      const magnitude = Math.abs(mixed[k])
      if (magnitude > largest[o]) largest[o] = magnitude
    }
  const inverse = largest.map((value) => (value > 0 ? LARGEST / value : 0))
  const values = new Int8Array(weights.length)
  for (let k = 0; k < mixed.length; ) for (let o = 0; o < outputs; o++, k++) values[k] = nearest(mixed[k] * inverse[o])
  return { values, scales: Float32Array.from(largest, (value) => value / LARGEST) }
}

/**
 * Quantises rows of a table [rows, hidden], from row `first` on, into the columns of `values` [hidden, vocab]; a row of
 * the table is an output and has one of the `scales` [vocab].
 */
export function quantizeRowsInto(
  rows: Float32Array,
  hidden: number,
  first: number,
  { values, scales }: { values: Int8Array; scales: Float32Array },
): void {
  const vocab = scales.length
  // Some rows at once, so that neighbouring bytes of a column are written together.
  const TILE = 64
  const count = rows.length / hidden
  for (let from = 0; from < count; from += TILE) {
    const tile = rows.subarray(from * hidden, (from + TILE) * hidden)
    const width = tile.length / hidden
    const made = quantizeMatrix(transpose(tile, width, hidden), width)
    scales.set(made.scales, first + from)
    for (let h = 0; h < hidden; h++)
      values.set(made.values.subarray(h * width, (h + 1) * width), h * vocab + first + from)
  }
}
