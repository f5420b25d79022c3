// Makes a model in 8 bits, once, into a file beside the flat one: layer by layer, a few texts are run through the exact
// weights to see how large the activations become (weights/smoothing.ts), then the layer is smoothed and quantised.
import { createHash } from 'node:crypto'
import { closeSync, ftruncateSync, openSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { PROJECTIONS, type Projection } from '../../model/contract.ts'
import { seedFrom, uniform } from '../../util/random.ts'
import { writeAll, writeProblem } from '../../util/writing.ts'
import { type ModelConfig, weightShapes } from '../model/config.ts'
import { buildObservedGraph } from '../model/layer-graphs.ts'
import type { ByteRange, QuantizedMatrix } from '../model/quantized.ts'
import { BinaryFile } from '../weights/binary-file.ts'
import { isOwn, recordDigest, recordedDigest } from '../weights/cached-file.ts'
import {
  isTable,
  QUANTISATION,
  quantizedLayout,
  quantizeMatrix,
  quantizeRowsInto,
} from '../weights/quantize.ts'
import { inputFactors, layerSmoothing, outputFactors, type Smoothing, SMOOTHED_NORMS } from '../weights/smoothing.ts'
import type { WeightStore } from '../weights/types.ts'
import { emptyPrefixes } from './core.ts'
import { InferenceSession, type Tensor } from './onnx-runtime.ts'
import { type Feeds, f32, floats, longs } from './tensors.ts'

const CHUNK = 1 << 24

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
}

/** The weights of a store in 8 bits: made the first time, reused from then on. Throws where they cannot be written. */
export async function openQuantized(store: WeightStore, onProgress?: (line: string) => void): Promise<QuantizedWeights> {
  const { config } = store
  const { matrices, tensors, smoothing, bytes } = quantizedLayout(config)
  const file = join(dirname(store.file), 'weights.q8')
  const record = { path: `${file}.json`, content: QUANTISATION }
  // Nothing else tells whether these bytes are those of the model, so a record that others can write does not count.
  if (!isOwn(record.path) || recordedDigest(record, () => file, fileDigest) === undefined) {
    onProgress?.(`quantising weights to 8 bits (once, ${Math.ceil(bytes / 1e6)} MB)`)
    const beside = `${file}.${process.pid}.tmp`
    try {
      await write(store, beside)
      renameSync(beside, file)
      recordDigest(record, file, fileDigest(file))
    } catch (error) {
      rmSync(beside, { force: true })
      throw writeProblem(dirname(file), error)
    }
  }
  return { file, matrices, tensors, smoothing: readFloats(file, smoothing) }
}

async function write(store: WeightStore, path: string): Promise<void> {
  const { config } = store
  const layout = quantizedLayout(config)
  const descriptor = openSync(path, 'w')
  const put = ({ offset }: ByteRange, { buffer, byteOffset, byteLength }: Float32Array | Int8Array) =>
    writeAll(descriptor, new Uint8Array(buffer, byteOffset, byteLength), offset)
  const calibration = await Calibration.open(config)
  try {
    ftruncateSync(descriptor, layout.bytes)
    for (const name of ['embed', 'head']) {
      const matrix = layout.matrices.get(name)
      if (!matrix || !isTable(config, name)) continue
      const rows = store.read(name)
      const made = { values: new Int8Array(rows.length), scales: new Float32Array(matrix.outputs) }
      quantizeRowsInto(rows, 0, matrix.inputs, made)
      put(matrix.values, made.values)
      put(matrix.scales, made.scales)
      if (name === 'embed') calibration.begin(rows)
    }
    put(layout.tensors.get('norm')!, store.read('norm'))
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

/** Random tokens' way through the layers. */
class Calibration {
  private constructor(
    private readonly config: ModelConfig,
    private readonly session: InferenceSession,
    private readonly ids: readonly number[],
  ) {}

  private x: Tensor | undefined

  static async open(config: ModelConfig): Promise<Calibration> {
    const next = uniform(seedFrom('calibration'))
    const env = process.env.CALIB
    const ids = env ? (JSON.parse(env) as number[]) : Array.from({ length: TEXTS * TOKENS }, () => Math.floor(next() * config.vocab))
    const bytes = buildObservedGraph(config, { maxPositions: TOKENS })
    const options: InferenceSession.SessionOptions = { enableMemPattern: false, enableCpuMemArena: false, logSeverityLevel: 3 }
    return new Calibration(config, await InferenceSession.create(bytes, options), ids)
  }

  /** `table`: the embedding, [vocab, hidden]. */
  begin(table: Float32Array): void {
    const { hidden } = this.config
    const x = new Float32Array(this.ids.length * hidden)
    this.ids.forEach((id, row) => {
      x.set(table.subarray(id * hidden, (id + 1) * hidden), row * hidden)
    })
    this.x = floats(x, [this.ids.length, hidden])
  }

  /** One layer further; gives the largest magnitudes of the inputs of q, o, gate and down. */
  async run(l: number, weights: ReadonlyMap<string, Float32Array>): Promise<Map<Projection, Float32Array>> {
    const shapes = weightShapes(this.config)
    const U = this.ids.length / TOKENS
    const feeds: Feeds = {
      ...emptyPrefixes({ ...this.config, layers: 1 }, U),
      x: this.x!,
      positions: longs(
        this.ids.map((_, i) => i % TOKENS),
        [this.ids.length, 1],
      ),
      sizes: longs([U, 1, 1, TOKENS]),
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
const TEXTS = 8
const TOKENS = 64

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
