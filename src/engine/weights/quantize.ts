// Weights in 8 or 4 bits for inference: the matrices of the flat f32 file, quantised block by block into a second flat
// file beside it, in the layout of the runtime's MatMulNBits operator. Norms, biases and the embedding table stay f32.
import { closeSync, ftruncateSync, openSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { headName, type ModelConfig, weightShapes } from '../config.ts'
import { isProjection } from './hf-names.ts'
import type { WeightStore } from './types.ts'
import { writeAll, writeProblem } from './writing.ts'

/** Bits of a quantised weight. */
export type QuantizedBits = 8 | 4

/** Inputs that share a scale. */
export const BLOCK = 32
const ALIGNMENT = 65536

/** Where a matrix lies in the quantised file. Values are q·scale with q a signed integer of `bits`, stored plus 2^(bits−1). */
export interface QuantizedPlace {
  inputs: number
  outputs: number
  /** [outputs, blocks, BLOCK·bits/8] bytes; 4-bit values lie two to a byte, the lower half first. */
  values: { offset: number; length: number }
  /** [outputs·blocks] f32. */
  scales: { offset: number; length: number }
}

export interface QuantizedWeights {
  bits: QuantizedBits
  /** Absolute path, in the folder of the store's flat file. */
  file: string
  /** By canonical name: all projections, and the table that gives the logits (`head`, or `embed` where it is tied). */
  places: Map<string, QuantizedPlace>
}

/** Places of all quantised matrices, and the length of their file. */
function quantizedLayout(
  config: ModelConfig,
  bits: QuantizedBits,
): { places: Map<string, QuantizedPlace>; bytes: number } {
  const places = new Map<string, QuantizedPlace>()
  let end = 0
  const place = (length: number) => {
    const offset = Math.ceil(end / ALIGNMENT) * ALIGNMENT
    end = offset + length
    return { offset, length }
  }
  for (const [name, dims] of weightShapes(config)) {
    const head = name === headName(config)
    if (!head && !isProjection(name)) continue
    // The head's table is [vocab, hidden], a projection [inputs, outputs].
    const [inputs, outputs] = head ? [dims[1], dims[0]] : dims
    const blocks = outputs * Math.ceil(inputs / BLOCK)
    places.set(name, { inputs, outputs, values: place((blocks * BLOCK * bits) / 8), scales: place(blocks * 4) })
  }
  return { places, bytes: end }
}

/**
 * Quantises one matrix. `weights` is row-major, [outputs, inputs] where `byOutput`, else [inputs, outputs]. Each block of
 * BLOCK inputs of an output has the scale that makes its largest magnitude ±(2^(bits−1)−1).
 */
export function quantizeMatrix(
  weights: Float32Array,
  inputs: number,
  outputs: number,
  byOutput: boolean,
  bits: QuantizedBits,
): { values: Uint8Array; scales: Float32Array } {
  const blocks = Math.ceil(inputs / BLOCK)
  const bytes = (BLOCK * bits) / 8
  const largest = 2 ** (bits - 1) - 1
  const zero = largest + 1
  const values = new Uint8Array(outputs * blocks * bytes)
  const scales = new Float32Array(outputs * blocks)
  const [perInput, perOutput] = byOutput ? [1, inputs] : [outputs, 1]
  for (let o = 0; o < outputs; o++)
    for (let b = 0; b < blocks; b++) {
      const first = b * BLOCK
      const last = Math.min(inputs, first + BLOCK)
      let max = 0
      for (let i = first; i < last; i++) max = Math.max(max, Math.abs(weights[i * perInput + o * perOutput]))
      const scale = Math.fround(max / largest)
      const at = o * blocks + b
      scales[at] = scale
      for (let i = first; i < first + BLOCK; i++) {
        const w = i < last && scale > 0 ? weights[i * perInput + o * perOutput] / scale : 0
        const q = Math.max(-largest, Math.min(largest, Math.round(w))) + zero
        const k = i - first
        if (bits === 8) values[at * bytes + k] = q
        else values[at * bytes + (k >> 1)] |= k % 2 === 0 ? q : q << 4
      }
    }
  return { values, scales }
}

/**
 * The quantised weights of a store, made once and kept beside its flat file. Throws BumpError where they cannot be written.
 */
export function openQuantized(
  store: WeightStore,
  bits: QuantizedBits,
  onProgress?: (line: string) => void,
): QuantizedWeights {
  const { config } = store
  const { places, bytes } = quantizedLayout(config, bits)
  const file = join(dirname(store.file), `weights.q${bits}`)
  if (statSync(file, { throwIfNoEntry: false })?.size === bytes) return { bits, file, places }
  onProgress?.(`quantising weights to ${bits} bits (once, ${Math.ceil(bytes / 1e6)} MB)`)
  const beside = `${file}.${process.pid}.tmp`
  try {
    const descriptor = openSync(beside, 'w')
    try {
      ftruncateSync(descriptor, bytes)
      for (const [name, { inputs, outputs, values, scales }] of places) {
        const made = quantizeMatrix(store.read(name), inputs, outputs, name === headName(config), bits)
        writeAll(descriptor, made.values, values.offset)
        writeAll(descriptor, new Uint8Array(made.scales.buffer), scales.offset)
      }
    } finally {
      closeSync(descriptor)
    }
    renameSync(beside, file)
  } catch (error) {
    rmSync(beside, { force: true })
    throw writeProblem(dirname(file), error)
  }
  return { bits, file, places }
}
