// Makes a model in 8 bits, once, beside the flat f32 file or in its place: layer by layer, calibration.ts sees how large
// the activations become, then the layer is smoothed and quantised. No more than a layer is in memory as f32.
import { createHash } from 'node:crypto'
import { closeSync, ftruncateSync, openSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import type { TokenIds } from '../../model/contract.ts'
import { ByteProgress, type OnLine } from '../../util/byte-progress.ts'
import { sha256 } from '../../util/files.ts'
import { writeAll } from '../../util/writing.ts'
import { headName, type ModelConfig, weightShapes } from '../model/config.ts'
import { type ByteRange, EMBED_DIVISOR, type QuantizedMatrix } from '../model/quantized.ts'
import { BinaryFile } from '../weights/binary-file.ts'
import { isOwn, recordDigest, recordedDigest } from '../weights/cached-file.ts'
import { converted, type Piece, piecesOf } from '../weights/convert.ts'
import { configOf } from '../weights/open-source.ts'
import { flatLayout, preparedOnce } from '../weights/open-weights.ts'
import { isTable, QUANTISATION, quantizedLayout, quantizeMatrix, quantizeRowsInto } from '../weights/quantize.ts'
import { inputFactors, layerSmoothing, outputFactors, SMOOTHED_NORMS, type Smoothing } from '../weights/smoothing.ts'
import type { WeightSource } from '../weights/source.ts'
import { Calibration } from './calibration.ts'
import { activationLevels } from './integer-levels.ts'

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
  /** What adapters are changed by. */
  smoothing: Smoothing
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
 * @param calibration tokens of a text that shows how large activations become; default: the first of the vocabulary
 */
export async function openQuantized(
  path: string,
  options: { calibration?: TokenIds; onProgress?: OnLine } = {},
): Promise<QuantizedWeights> {
  const { onProgress } = options
  const config = configOf(path)
  const { matrices, tensors, smoothing, bytes } = quantizedLayout(config)
  const { calibration = Array.from({ length: Math.min(config.vocab, 512) }, (_, i) => i) } = options
  const what = `${QUANTISATION}, by ${sha256(JSON.stringify(calibration))}`
  const recordOf = (file: string) => ({ path: `${file}.json`, content: what })
  const prepared = await preparedOnce(path, config, {
    name: 'weights.q8',
    content: what,
    bytes,
    write: (source, to) => write(path, source, calibration, to, onProgress),
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
    smoothing: readFloats(prepared.file, smoothing),
    levels: await activationLevels(),
    baseDigest: prepared.digest,
    digest: sha256(`${prepared.digest} in ${what}`),
  }
}

/** Writes the file and gives the digest of the exact weights. */
async function write(
  model: string,
  source: WeightSource,
  tokens: TokenIds,
  path: string,
  onProgress?: OnLine,
): Promise<string> {
  const { config } = source
  const flat = flatLayout(config)
  const pieces = piecesOf(flat.tensors)
  const progress = new ByteProgress('preparing weights in 8 bits', flat.bytes, onProgress)
  const calibration = new Calibration(source, tokens)
  const file = new QuantizedFile(path, config)
  let factors: Float32Array = new Float32Array(config.hidden).fill(1)
  /** The same memory layer after layer, by the parts of a layer. */
  const kept = new Map<string, Float32Array>()
  let layer = new Map<string, Float32Array>()
  let l = 0
  let digest = ''
  try {
    const onDigest = (of: string) => {
      digest = of
    }
    for await (const [piece, values] of converted(model, source, pieces, onDigest)) {
      const { name } = piece
      if (isTable(config, name)) {
        // A table that is the head too waits for the factors of the head's inputs.
        if (!config.tiedHead) file.putRows(piece, values, factors)
      } else if (name === 'norm') {
        factors = calibration.headFactors(values)
        file.putNorm(values, factors)
      } else {
        const part = name.slice(name.indexOf('.'))
        const copy = kept.get(part) ?? new Float32Array(values.length)
        copy.set(values)
        kept.set(part, copy)
        layer.set(name, copy)
        if (layer.size === file.layerSize) {
          file.putLayer(l, layer, layerSmoothing(config, await calibration.run(l, layer), layer, l))
          layer = new Map()
          l++
        }
      }
      progress.update(piece.offset + values.byteLength)
    }
    if (config.tiedHead) {
      const embed = pieces.filter(({ name }) => name === 'embed')
      for await (const [piece, values] of converted(model, source, embed)) file.putRows(piece, values, factors)
    }
  } finally {
    file.close()
    await calibration.close()
  }
  return digest
}

/** The file of a model in 8 bits, as it is written. */
class QuantizedFile {
  private readonly layout
  private readonly descriptor: number
  /** Tensors of a layer. */
  readonly layerSize: number
  /** A table whose rows are coming. */
  private table: { values: Int8Array; scales: Float32Array } | undefined

  constructor(
    path: string,
    private readonly config: ModelConfig,
  ) {
    this.layout = quantizedLayout(config)
    this.layerSize = [...weightShapes(config).keys()].filter((name) => name.startsWith('l0.')).length
    this.descriptor = openSync(path, 'wx')
    ftruncateSync(this.descriptor, this.layout.bytes)
  }

  /** Rows of the embedding or the head, in order; the head's are multiplied by `factors` [hidden]. */
  putRows({ name, from, elements }: Piece, rows: Float32Array, factors: Float32Array): void {
    const { inputs, outputs, values, scales } = this.layout.matrices.get(name)!
    if (from === 0) this.table = { values: new Int8Array(inputs * outputs), scales: new Float32Array(outputs) }
    quantizeRowsInto(rows, from / inputs, name === headName(this.config) ? factors : factors.map(() => 1), this.table!)
    if (from + elements < inputs * outputs) return
    this.put(values, this.table!.values)
    this.put(scales, this.table!.scales)
    this.table = undefined
  }

  /** The last norm, divided by the factors of the head's inputs. */
  putNorm(norm: Float32Array, factors: Float32Array): void {
    this.put(this.layout.tensors.get('norm')!, divided(norm, factors))
    if (this.config.tiedHead) this.put(this.layout.tensors.get(EMBED_DIVISOR)!, factors)
  }

  /** All tensors of layer `l`, smoothed. */
  putLayer(l: number, tensors: ReadonlyMap<string, Float32Array>, smoothing: Smoothing): void {
    for (const [name, factors] of smoothing) this.put(this.layout.smoothing.get(name)!, factors)
    for (const [name, tensor] of tensors) {
      const matrix = this.layout.matrices.get(name)
      if (matrix) {
        const inputs = inputFactors(this.config, smoothing, name)
        const made = quantizeMatrix(tensor, matrix.outputs, inputs, outputFactors(smoothing, name))
        this.put(matrix.values, made.values)
        this.put(matrix.scales, made.scales)
      } else {
        const [, part, bias] = name.split('.')
        const factors = bias
          ? outputFactors(smoothing, `l${l}.${part}`)
          : smoothing.get(`l${l}.${SMOOTHED_NORMS[part]}`)
        this.put(this.layout.tensors.get(name)!, divided(tensor, factors))
      }
    }
  }

  close(): void {
    closeSync(this.descriptor)
  }

  private put({ offset }: ByteRange, { buffer, byteOffset, byteLength }: Float32Array | Int8Array): void {
    writeAll(this.descriptor, new Uint8Array(buffer, byteOffset, byteLength), offset)
  }
}

const divided = (values: Float32Array, factors: Float32Array | undefined): Float32Array =>
  factors ? values.map((value, i) => value / factors[i]) : values

function readFloats(path: string, ranges: ReadonlyMap<string, ByteRange>): Map<string, Float32Array> {
  const file = new BinaryFile(path)
  try {
    return new Map(
      [...ranges].map(([name, { offset, length }]) => [name, new Float32Array(file.read(offset, length).buffer)]),
    )
  } finally {
    file.close()
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
