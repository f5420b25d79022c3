// Weights in 8 bits for inference: the matrices of the flat f32 file, quantised block by block into a second flat file
// beside it (layout: model/quantized.ts). Norms, biases and the embedding table stay f32.
import { createHash } from 'node:crypto'
import { closeSync, ftruncateSync, openSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { writeAll, writeProblem } from '../../util/writing.ts'
import { headName, type ModelConfig, weightShapes } from '../model/config.ts'
import { BITS, BLOCK, type QuantizedMatrix } from '../model/quantized.ts'
import { BinaryFile } from './binary-file.ts'
import { isOwn, recordDigest, recordedDigest } from './cached-file.ts'
import { isProjection } from './hf-names.ts'
import type { WeightStore } from './types.ts'

const ALIGNMENT = 65536
const CHUNK = 1 << 24

/**
 * Says what the quantised bytes are, in the model's digest and beside the file: another text (`8 bits, 2`) whenever
 * the quantiser or the file's layout gives other bytes than before.
 */
export const QUANTISATION = `${BITS} bits`

export interface QuantizedWeights {
  /** Absolute path, in the folder of the store's flat file. */
  file: string
  /** By canonical name: all projections, and the table that gives the logits (`head`, or `embed` where it is tied). */
  matrices: Map<string, QuantizedMatrix>
}

/** Magnitudes go up to this integer; zero is stored as one more. */
const LARGEST = 2 ** (BITS - 1) - 1

/** Where all quantised matrices lie, and the length of their file. */
function quantizedLayout(config: ModelConfig): { matrices: Map<string, QuantizedMatrix>; bytes: number } {
  const matrices = new Map<string, QuantizedMatrix>()
  let end = 0
  const next = (length: number) => {
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
    matrices.set(name, { inputs, outputs, values: next(blocks * BLOCK), scales: next(blocks * 4) })
  }
  return { matrices, bytes: end }
}

/**
 * Quantises one matrix. `weights` is row-major, [outputs, inputs] where `byOutput`, else [inputs, outputs]. Each block
 * of BLOCK inputs of an output has the scale that makes its largest magnitude ±127.
 */
export function quantizeMatrix(
  weights: Float32Array,
  inputs: number,
  outputs: number,
  byOutput: boolean,
): { values: Uint8Array; scales: Float32Array } {
  const blocks = Math.ceil(inputs / BLOCK)
  const values = new Uint8Array(outputs * blocks * BLOCK)
  const scales = new Float32Array(outputs * blocks)
  const [perInput, perOutput] = byOutput ? [1, inputs] : [outputs, 1]
  for (let o = 0; o < outputs; o++)
    for (let b = 0; b < blocks; b++) {
      const first = b * BLOCK
      const last = Math.min(inputs, first + BLOCK)
      let max = 0
      for (let i = first; i < last; i++) max = Math.max(max, Math.abs(weights[i * perInput + o * perOutput]))
      const scale = Math.fround(max / LARGEST)
      const at = o * blocks + b
      scales[at] = scale
      for (let i = first; i < first + BLOCK; i++) {
        const w = i < last && scale > 0 ? weights[i * perInput + o * perOutput] / scale : 0
        values[at * BLOCK + i - first] = Math.max(-LARGEST, Math.min(LARGEST, Math.round(w))) + LARGEST + 1
      }
    }
  return { values, scales }
}

function fileDigest(path: string): string {
  const hash = createHash('sha256')
  const file = new BinaryFile(path)
  try {
    for (let from = 0; from < file.size; from += CHUNK) hash.update(file.read(from, Math.min(CHUNK, file.size - from)))
  } finally {
    file.close()
  }
  return hash.digest('hex')
}

/**
 * The quantised weights of a store, made once and kept beside its flat file. Throws BumpError where they cannot be
 * written.
 */
export function openQuantized(store: WeightStore, onProgress?: (line: string) => void): QuantizedWeights {
  const { config } = store
  const { matrices, bytes } = quantizedLayout(config)
  const file = join(dirname(store.file), `weights.q${BITS}`)
  const record = { path: `${file}.json`, content: QUANTISATION }
  // Nothing else tells whether these bytes are those of the model, so a record that others can write does not count.
  if (isOwn(record.path) && recordedDigest(record, () => file, fileDigest) !== undefined) return { file, matrices }
  onProgress?.(`quantising weights to ${BITS} bits (once, ${Math.ceil(bytes / 1e6)} MB)`)
  const beside = `${file}.${process.pid}.tmp`
  try {
    const descriptor = openSync(beside, 'w')
    try {
      ftruncateSync(descriptor, bytes)
      for (const [name, { inputs, outputs, values, scales }] of matrices) {
        const made = quantizeMatrix(store.read(name), inputs, outputs, name === headName(config))
        writeAll(descriptor, made.values, values.offset)
        writeAll(descriptor, new Uint8Array(made.scales.buffer), scales.offset)
      }
    } finally {
      closeSync(descriptor)
    }
    renameSync(beside, file)
    recordDigest(record, file, fileDigest(file))
  } catch (error) {
    rmSync(beside, { force: true })
    throw writeProblem(dirname(file), error)
  }
  return { file, matrices }
}
