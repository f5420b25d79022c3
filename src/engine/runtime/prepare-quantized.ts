// Makes a model in 8 bits, once, beside the flat f32 file or in its place: matrix by matrix, so that no more than one is in
// memory as f32.
import { createHash } from 'node:crypto'
import { closeSync, ftruncateSync, openSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { ByteProgress, type OnLine } from '../../util/byte-progress.ts'
import { sha256 } from '../../util/files.ts'
import { writeAll } from '../../util/writing.ts'
import type { ModelConfig } from '../model/config.ts'
import { type ByteRange, type QuantizedMatrix, transposed } from '../model/quantized.ts'
import { BinaryFile } from '../weights/binary-file.ts'
import { isOwn, recordDigest, recordedDigest } from '../weights/cached-file.ts'
import { converted, type Piece, piecesOf } from '../weights/convert.ts'
import { transpose } from '../weights/hf-names.ts'
import { configOf } from '../weights/open-source.ts'
import { flatLayout, preparedOnce } from '../weights/open-weights.ts'
import { isTable, QUANTISATION, quantizedLayout } from '../weights/quantized-layout.ts'
import type { WeightSource } from '../weights/source.ts'
import { activationLevels } from './integer-levels.ts'
import { type QuantizedValues, Quantizer } from './quantizer.ts'

const CHUNK = 1 << 24

/** A model in 8 bits, on disk. */
export interface QuantizedWeights {
  config: ModelConfig
  /** Absolute path, in the folder where the flat file is or would be. */
  file: string
  /** By canonical name: all projections, the embedding table and the head. */
  matrices: ReadonlyMap<string, QuantizedMatrix>
  /** By canonical name: norms and biases. */
  tensors: ReadonlyMap<string, ByteRange>
  /** Of activations on this processor. */
  levels: number
  /** That of the exact weights (WeightStore). */
  baseDigest: string
  /** SHA-256 over the exact weights' digest and how they were quantised. */
  digest: string
}

/**
 * The weights of a Hugging Face folder or a .gguf file in 8 bits: made the first time, reused from then on. Throws as
 * openWeights does.
 * @param backward with the transposed copies that training reads
 */
export async function openQuantized(
  path: string,
  options: { backward?: boolean; onProgress?: OnLine } = {},
): Promise<QuantizedWeights> {
  const { backward = false, onProgress } = options
  const config = configOf(path)
  const { matrices, tensors, bytes } = quantizedLayout(config, backward)
  const recordOf = (file: string) => ({ path: `${file}.json`, content: QUANTISATION })
  const prepared = await preparedOnce(path, config, {
    name: backward ? 'weights.q8-train' : 'weights.q8',
    content: QUANTISATION,
    bytes,
    write: (source, to) => write(path, source, { to, backward }, onProgress),
    // Nothing else tells whether these bytes are those of the model, so a record that others can write does not count.
    digestOf(file) {
      const record = recordOf(file)
      const intact = isOwn(record.path) && recordedDigest(record, () => file, fileDigest) !== undefined
      return intact ? basename(dirname(file)) : ''
    },
    written: (file) => recordDigest(recordOf(file), file, fileDigest(file)),
    onProgress,
  })
  return {
    config,
    file: prepared.file,
    matrices,
    tensors,
    levels: await activationLevels(),
    baseDigest: prepared.digest,
    digest: sha256(`${prepared.digest} in ${QUANTISATION}`),
  }
}

/** Writes the file and gives the digest of the exact weights. */
async function write(
  model: string,
  source: WeightSource,
  { to, backward }: { to: string; backward: boolean },
  onProgress?: OnLine,
): Promise<string> {
  const { config } = source
  const flat = flatLayout(config)
  const pieces = piecesOf(flat.tensors)
  const progress = new ByteProgress('preparing weights in 8 bits', flat.bytes, onProgress)
  const file = new QuantizedFile(to, config, backward)
  let digest = ''
  const onDigest = (of: string) => {
    digest = of
  }
  try {
    for await (const [piece, values] of converted(model, source, pieces, onDigest)) {
      await file.put(piece, values)
      progress.update(piece.offset + values.byteLength)
    }
  } finally {
    await file.close()
  }
  return digest
}

/** The file of a model in 8 bits, as it is written. */
class QuantizedFile {
  private readonly layout
  private readonly descriptor: number
  private readonly quantizer = new Quantizer()
  /** A table whose rows are coming. */
  private table: QuantizedValues | undefined

  constructor(
    path: string,
    private readonly config: ModelConfig,
    backward: boolean,
  ) {
    this.layout = quantizedLayout(config, backward)
    this.descriptor = openSync(path, 'wx')
    ftruncateSync(this.descriptor, this.layout.bytes)
  }

  /** A tensor, or the next rows of a table. */
  async put(piece: Piece, values: Float32Array): Promise<void> {
    const { name } = piece
    const matrix = this.layout.matrices.get(name)
    if (!matrix) this.write(this.layout.tensors.get(name)!, values)
    else if (isTable(this.config, name)) await this.putRows(piece, values, matrix)
    else {
      this.putMatrix(matrix, await this.quantizer.byColumns(values, matrix.outputs))
      const back = this.layout.matrices.get(transposed(name))
      if (back) this.putMatrix(back, await this.quantizer.byRows(values, back.inputs))
    }
  }

  /** Rows of the embedding or the head, in order; a row is an output. */
  private async putRows({ name, from, elements }: Piece, rows: Float32Array, matrix: QuantizedMatrix): Promise<void> {
    const { inputs, outputs } = matrix
    if (from === 0) this.table = { values: new Int8Array(inputs * outputs), scales: new Float32Array(outputs) }
    const { values, scales } = this.table!
    const made = await this.quantizer.byRows(rows, inputs)
    const [first, count] = [from / inputs, elements / inputs]
    scales.set(made.scales, first)
    for (let h = 0; h < inputs; h++) values.set(made.values.subarray(h * count, (h + 1) * count), h * outputs + first)
    if (from + elements < inputs * outputs) return
    this.putMatrix(matrix, this.table!)
    const back = this.layout.matrices.get(transposed(name))
    if (back) this.write(back.values, transpose(values, inputs, outputs))
    this.table = undefined
  }

  async close(): Promise<void> {
    closeSync(this.descriptor)
    await this.quantizer.close()
  }

  private putMatrix(to: QuantizedMatrix, made: QuantizedValues): void {
    this.write(to.values, made.values)
    this.write(to.scales, made.scales)
  }

  private write({ offset }: ByteRange, { buffer, byteOffset, byteLength }: Float32Array | Int8Array): void {
    writeAll(this.descriptor, new Uint8Array(buffer, byteOffset, byteLength), offset)
  }
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
