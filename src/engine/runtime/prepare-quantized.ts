// Makes a model in 8 bits, once, into a file beside the flat one: layer by layer, a few texts are run through the exact
// weights to see how large the activations become (weights/smoothing.ts), then the layer is smoothed and quantised.
import { createHash } from 'node:crypto'
import { closeSync, ftruncateSync, openSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { PROJECTIONS, type Projection, type TokenIds } from '../../model/contract.ts'
import { sha256 } from '../../util/files.ts'
import { writeAll, writeProblem } from '../../util/writing.ts'
import { headName, type ModelConfig, weightShapes } from '../model/config.ts'
import { buildObservedGraph } from '../model/layer-graphs.ts'
import { type ByteRange, EMBED_DIVISOR, type QuantizedMatrix } from '../model/quantized.ts'
import { BinaryFile } from '../weights/binary-file.ts'
import { isOwn, recordDigest, recordedDigest } from '../weights/cached-file.ts'
import { QUANTISATION, quantizedLayout, quantizeMatrix, quantizeRowsInto } from '../weights/quantize.ts'
import {
  inputFactors,
  layerSmoothing,
  outputFactors,
  SMOOTHED_NORMS,
  type Smoothing,
  smoothingFactors,
} from '../weights/smoothing.ts'
import type { WeightStore } from '../weights/types.ts'
import { emptyPrefixes } from './core.ts'
import { activationLevels } from './integer-levels.ts'
import { InferenceSession, type Tensor } from './onnx-runtime.ts'
import { type Feeds, f32, floats, longs } from './tensors.ts'

const CHUNK = 1 << 24
/** Of a text of the calibration. */
const TOKENS = 64

/** A model in 8 bits, on disk. */
export interface QuantizedWeights {
  /** Absolute path, in the folder of the store's flat file. */
  file: string
  /** By canonical name: all projections, the embedding table and the head. */
  matrices: ReadonlyMap<string, QuantizedMatrix>
  /** By canonical name: norms and biases. */
  tensors: ReadonlyMap<string, ByteRange>
  /** What adapters are changed by. */
  smoothing: Smoothing
  /** Of activations on this processor. */
  levels: number
  /** Says what was quantised how, for the digest of the model. */
  what: string
}

/**
 * The weights of a store in 8 bits: made the first time, reused from then on. Throws where they cannot be written.
 * @param calibration tokens of a text that shows how large activations become; default: the first of the vocabulary
 */
export async function openQuantized(
  store: WeightStore,
  calibration: TokenIds = defaultCalibration(store.config),
  onProgress?: (line: string) => void,
): Promise<QuantizedWeights> {
  const { config } = store
  const { matrices, tensors, smoothing, bytes } = quantizedLayout(config)
  const file = join(dirname(store.file), 'weights.q8')
  const what = `${QUANTISATION}, by ${sha256(JSON.stringify(calibration))}`
  const record = { path: `${file}.json`, content: what }
  // Nothing else tells whether these bytes are those of the model, so a record that others can write does not count.
  if (!isOwn(record.path) || recordedDigest(record, () => file, fileDigest) === undefined) {
    onProgress?.(`quantising weights to 8 bits (once, ${Math.ceil(bytes / 1e6)} MB)`)
    const beside = `${file}.${process.pid}.tmp`
    try {
      await write(store, calibration, beside)
      renameSync(beside, file)
      recordDigest(record, file, fileDigest(file))
    } catch (error) {
      rmSync(beside, { force: true })
      throw writeProblem(dirname(file), error)
    }
  }
  const levels = await activationLevels()
  return { file, matrices, tensors, smoothing: readFloats(file, smoothing), levels, what }
}

/** For a model without a tokenizer. */
function defaultCalibration({ vocab }: ModelConfig): TokenIds {
  return Array.from({ length: Math.min(vocab, 512) }, (_, i) => i)
}

async function write(store: WeightStore, tokens: TokenIds, path: string): Promise<void> {
  const { config } = store
  const layout = quantizedLayout(config)
  const descriptor = openSync(path, 'w')
  const put = ({ offset }: ByteRange, { buffer, byteOffset, byteLength }: Float32Array | Int8Array) =>
    writeAll(descriptor, new Uint8Array(buffer, byteOffset, byteLength), offset)
  const calibration = await Calibration.open(config, tokens)
  try {
    ftruncateSync(descriptor, layout.bytes)
    calibration.begin(store)
    for (let l = 0; l < config.layers; l++) {
      const weights = new Map(layerNames(config, l).map((name) => [name, store.read(name)]))
      const largest = await calibration.run(l, weights)
      const projections = new Map(PROJECTIONS.map((projection) => [projection, weights.get(`l${l}.${projection}`)!]))
      const smoothing = new Map<string, Float32Array>()
      for (const [projection, factors] of layerSmoothing(config, largest, projections)) {
        smoothing.set(`l${l}.${projection}`, factors)
        put(layout.smoothing.get(`l${l}.${projection}`)!, factors)
      }
      for (const [name, values] of weights) {
        const matrix = layout.matrices.get(name)
        if (matrix) {
          const output = outputFactors(smoothing, name)
          const made = quantizeMatrix(values, matrix.outputs, inputFactors(config, smoothing, name), output)
          put(matrix.values, made.values)
          put(matrix.scales, made.scales)
        } else put(layout.tensors.get(name)!, values.map(divisor(smoothing, name)))
      }
    }
    const norm = store.read('norm')
    const factors = calibration.headFactors(norm, store)
    put(
      layout.tensors.get('norm')!,
      norm.map((value, i) => value / factors[i]),
    )
    if (config.tiedHead) put(layout.tensors.get(EMBED_DIVISOR)!, factors)
    for (const name of new Set(['embed', headName(config)])) {
      const { inputs, outputs, values, scales } = layout.matrices.get(name)!
      const made = { values: new Int8Array(inputs * outputs), scales: new Float32Array(outputs) }
      const slab = Math.floor(CHUNK / inputs)
      for (let from = 0; from < outputs; from += slab) {
        const rows = new Float32Array(Math.min(slab, outputs - from) * inputs)
        store.readInto(name, rows, from * inputs)
        quantizeRowsInto(rows, from, name === headName(config) ? factors : factors.map(() => 1), made)
      }
      put(values, made.values)
      put(scales, made.scales)
    }
  } finally {
    closeSync(descriptor)
    await calibration.close()
  }
}

/** How a norm or a bias is divided where a projection reads its channels smoothed, or writes them so. */
function divisor(smoothing: Smoothing, name: string): (value: number, i: number) => number {
  const [layer, part] = name.split('.')
  const factors = name.endsWith('.bias')
    ? outputFactors(smoothing, `${layer}.${part}`)
    : smoothing.get(`${layer}.${SMOOTHED_NORMS[part]}`)
  return factors ? (value, i) => value / factors[i] : (value) => value
}

function layerNames(config: ModelConfig, l: number): string[] {
  return [...weightShapes(config).keys()].filter((name) => name.startsWith(`l${l}.`))
}

/** The way of a few short texts through the exact layers. */
class Calibration {
  private constructor(
    private readonly config: ModelConfig,
    private readonly session: InferenceSession,
    private readonly ids: readonly number[],
    /** Tokens of one text. */
    private readonly length: number,
  ) {}

  private x: Tensor | undefined

  static async open(config: ModelConfig, tokens: TokenIds): Promise<Calibration> {
    const length = Math.min(TOKENS, tokens.length)
    const ids = Array.from(tokens).slice(0, tokens.length - (tokens.length % length))
    const session = await InferenceSession.create(buildObservedGraph(config, 0, { maxPositions: length }), {
      enableMemPattern: false,
      enableCpuMemArena: false,
      logSeverityLevel: 3,
    })
    return new Calibration(config, session, ids, length)
  }

  /** The tokens' rows of a table. */
  private rows(store: WeightStore, name: string): Float32Array {
    const { hidden } = this.config
    const x = new Float32Array(this.ids.length * hidden)
    this.ids.forEach((id, row) => {
      store.readInto(name, x.subarray(row * hidden, (row + 1) * hidden), id * hidden)
    })
    return x
  }

  begin(store: WeightStore): void {
    this.x = floats(this.rows(store, 'embed'), [this.ids.length, this.config.hidden])
  }

  /** Of the head's inputs, the last layer's outputs after the norm; the head's weights are known by the tokens' rows. */
  headFactors(norm: Float32Array, store: WeightStore): Float32Array {
    const { hidden, normEps } = this.config
    const x = f32(this.x!)
    const head = this.rows(store, headName(this.config))
    const activation = new Float32Array(hidden)
    const weight = new Float32Array(hidden)
    for (let from = 0; from < x.length; from += hidden) {
      let square = 0
      for (let i = 0; i < hidden; i++) square += x[from + i] ** 2
      const inverse = 1 / Math.sqrt(square / hidden + normEps)
      for (let i = 0; i < hidden; i++) {
        activation[i] = Math.max(activation[i], Math.abs(x[from + i] * inverse * norm[i]))
        weight[i] = Math.max(weight[i], Math.abs(head[from + i]))
      }
    }
    return smoothingFactors(activation, weight)
  }

  /** One layer further; gives the largest magnitudes of the inputs of q, o, gate and down. */
  async run(l: number, weights: ReadonlyMap<string, Float32Array>): Promise<Map<Projection, Float32Array>> {
    const shapes = weightShapes(this.config)
    const U = this.ids.length / this.length
    const feeds: Feeds = {
      ...emptyPrefixes({ ...this.config, layers: 1 }, U),
      x: this.x!,
      positions: longs(
        this.ids.map((_, i) => i % this.length),
        [this.ids.length, 1],
      ),
      sizes: longs([U, 1, 1, this.length]),
    }
    for (const [name, data] of weights) feeds[name.replace(`l${l}.`, 'l0.')] = floats(data, shapes.get(name)!)
    const result = await this.session.run(feeds)
    this.x = result.y
    return new Map((['q', 'o', 'gate', 'down'] as const).map((p) => [p, f32(result[`largest.${p}`])]))
  }

  close(): Promise<void> {
    return this.session.release()
  }
}

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
