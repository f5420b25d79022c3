// A sentence encoder on ONNX Runtime: token ids in, one vector a text out. Like the engine of a language model it runs in
// a worker thread (model/onnx/encoder-worker.ts).
import { readdirSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { basename, dirname, join } from 'node:path'
import type { TokenIds } from '../../model/contract.ts'
import { BumpError, CancelledError } from '../../util/errors.ts'
import { sha256 } from '../../util/files.ts'
import { InferenceSession } from '../runtime/onnx-runtime.ts'
import { f32, longs } from '../runtime/tensors.ts'
import { buildBertGraph } from './bert-graph.ts'
import type { EncoderSettings } from './settings.ts'

/** Tokens of one run, padding included: bounds its memory, and the time between two reports. */
const BATCH_TOKENS = 4096

/** What an ONNX file of an encoder may ask for, and what is given. */
const INPUTS = ['input_ids', 'attention_mask', 'token_type_ids']

export class EncoderEngine {
  private constructor(
    /** Path of the weights, for messages. */
    private readonly file: string,
    private readonly session: InferenceSession,
    private readonly settings: EncoderSettings,
    private readonly output: string,
    readonly info: { digest: string },
  ) {}

  /**
   * Opens the encoder of a folder and tries it. Throws BumpError (`model-unusable`) where its weights are damaged, or are
   * not those of the model that its settings describe.
   */
  static async open(
    folder: string,
    settings: EncoderSettings,
    { threads = availableParallelism() }: { threads?: number } = {},
  ): Promise<EncoderEngine> {
    const file = settings.onnx ?? folder
    const weights = settings.onnx ? onnxFiles(settings.onnx) : [buildBertGraph(folder, settings.shape)]
    const options = {
      intraOpNumThreads: threads,
      enableMemPattern: false,
      enableCpuMemArena: false,
      logSeverityLevel: 4,
    } as const
    // By its path, so that weights beside an ONNX file are looked for in its own folder alone.
    const loading = settings.onnx
      ? InferenceSession.create(settings.onnx, options)
      : InferenceSession.create(weights[0], options)
    const session = await loading.catch((error: Error) => {
      throw unusable(file, `ONNX Runtime cannot load it (${reasonIn(error)})`)
    })
    const foreign = session.inputNames.filter((name) => !INPUTS.includes(name))
    if (foreign.length > 0) throw unusable(file, `it asks for the input ${foreign[0]}`)
    const output = session.outputNames.find((name) => name === 'last_hidden_state') ?? session.outputNames[0]
    const parts = [...weights, readFileSync(join(folder, 'tokenizer.json'))].map(sha256)
    const digest = sha256(JSON.stringify([parts, { ...settings, onnx: undefined }]))
    const engine = new EncoderEngine(file, session, settings, output, { digest })
    await engine.run([[0]]).catch((error: Error) => {
      throw BumpError.isInstance(error) ? error : unusable(file, `it does not run (${reasonIn(error)})`)
    })
    return engine
  }

  /**
   * [text] a vector of length 1 of each: of a text in several parts, the mean of theirs, weighted by their tokens. Parts
   * of like length run together. Throws CancelledError where `cancelled` says so.
   */
  async encode(
    texts: readonly (readonly TokenIds[])[],
    cancelled: () => boolean,
    onProgress?: (share: number) => void,
  ): Promise<Float32Array[]> {
    const parts = texts.flat()
    const order = parts.map((_, i) => i).sort((a, b) => parts[b].length - parts[a].length)
    const vectors = new Array<Float32Array>(parts.length)
    for (let at = 0; at < order.length; ) {
      if (cancelled()) throw new CancelledError()
      const batch = order.slice(at, at + Math.max(1, Math.floor(BATCH_TOKENS / parts[order[at]].length)))
      const encoded = await this.run(batch.map((i) => parts[i]))
      batch.forEach((i, k) => {
        vectors[i] = encoded[k]
      })
      at += batch.length
      onProgress?.(at / order.length)
    }
    let next = 0
    return texts.map((own) => {
      if (own.length === 1) return vectors[next++]
      return unitVector(weightedSum(own.map(({ length }) => [length, vectors[next++]])))
    })
  }

  /** [part][hidden], each of length 1; padded to the longest. */
  private async run(parts: readonly TokenIds[]): Promise<Float32Array[]> {
    const { file, settings, output } = this
    const { pooling } = settings
    const { hidden } = settings.shape
    const length = Math.max(...parts.map((ids) => ids.length))
    const dims = [parts.length, length]
    const padded = (value: (ids: TokenIds, place: number) => number) =>
      longs(
        parts.flatMap((ids) => Array.from({ length }, (_, i) => (i < ids.length ? value(ids, i) : 0))),
        dims,
      )
    const feeds = {
      input_ids: padded((ids, i) => ids[i]),
      attention_mask: padded(() => 1),
      token_type_ids: padded(() => 0),
    }
    const asked = Object.entries(feeds).filter(([name]) => this.session.inputNames.includes(name))
    const tokens = (await this.session.run(Object.fromEntries(asked)))[output]
    const shape = [...dims, hidden]
    if (tokens.type !== 'float32' || tokens.dims.join() !== shape.join())
      throw unusable(
        file,
        `its output ${output} is ${tokens.type} [${tokens.dims.join(', ')}], config.json asks for float32 [${shape.join(', ')}]`,
      )
    const data = f32(tokens)
    return parts.map((ids, t) => {
      const row = (i: number) => data.subarray((t * length + i) * hidden, (t * length + i + 1) * hidden)
      const vector = unitVector(pooling === 'cls' ? row(0) : weightedSum(ids.map((_, i) => [1, row(i)])))
      if (vector.some(Number.isNaN)) throw unusable(file, 'its vectors are not numbers')
      return vector
    })
  }
}

/** The contents of an ONNX file, and of files that hold weights for it. */
function onnxFiles(path: string): Uint8Array[] {
  const names = readdirSync(dirname(path)).filter((name) => name.startsWith(basename(path)))
  return names.sort().map((name) => readFileSync(join(dirname(path), name)))
}

const reasonIn = ({ message }: Error): string => message.split('\n')[0].slice(0, 200)

function weightedSum(terms: readonly [weight: number, vector: Float32Array][]): Float64Array {
  const total = new Float64Array(terms[0][1].length)
  for (const [weight, vector] of terms) for (let i = 0; i < total.length; i++) total[i] += weight * vector[i]
  return total
}

/** The vector of length 1 in the direction of another; zeros stay zeros. */
function unitVector(vector: Float32Array | Float64Array): Float32Array {
  let squares = 0
  for (const value of vector) squares += value * value
  const length = Math.sqrt(squares) || 1
  return Float32Array.from(vector, (value) => value / length)
}

function unusable(file: string, problem: string): BumpError {
  return new BumpError('model-unusable', `${file}: not a usable encoder: ${problem}. Download or export it again.`)
}
