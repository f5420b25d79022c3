// From a weight source to the content of the flat file, piece by piece in the file's order: dequantised, turned, and
// checked. Of large models this is done in threads beside the one that writes. Hashing takes about half as long: it is
// done where less else is to do, by the thread that writes exact weights (open-weights.ts), and by the thread that
// converts where weights are quantised (runtime/prepare-quantized.ts).
import { createHash } from 'node:crypto'
import { availableParallelism } from 'node:os'
import type { Worker } from 'node:worker_threads'
import { BumpError } from '../../util/errors.ts'
import { type ErrorRecord, revivedError, startThread } from '../../util/thread.ts'
import { type ModelConfig, weightShapes } from '../model/config.ts'
import { isProjection } from './hf-names.ts'
import type { SourceTensor, WeightSource } from './source.ts'
import type { TensorRange } from './types.ts'

/** Elements of a piece where a tensor keeps its orientation. */
const SLAB = 1 << 22
/** Rows that are turned at once: they stay in the cache. */
const ROWS = 32
/** Buffers on their way to a thread and back. */
const BUFFERS = 2
/** Below, a thread takes longer to start than it saves. */
const LARGE = 256e6

/** A part of a tensor: all of a projection, which is turned, else some rows. */
export interface Piece {
  name: string
  /** Elements before it in its tensor. */
  from: number
  elements: number
  /** Bytes before it in the flat file. */
  offset: number
}

/** What a thread is started with. */
export interface ConvertStart {
  path: string
  pieces: readonly Piece[]
  /** Whether it takes the digest of all pieces. */
  hashes: boolean
}

/** A buffer with the next piece, and with the last one the digest; or what went wrong. */
export type ConvertReply = { buffer: ArrayBuffer; digest?: string } | { error: ErrorRecord }

/** SHA-256 over the configuration and the content of a flat file, whose pieces are added in its order. */
export class ContentHash {
  private readonly hash
  private readonly shapes

  constructor(config: ModelConfig) {
    this.hash = createHash('sha256').update(JSON.stringify(config))
    this.shapes = weightShapes(config)
  }

  add({ name, from }: Piece, values: Float32Array): void {
    if (from === 0) this.hash.update(`${name}[${this.shapes.get(name)}]`)
    this.hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
  }

  digest(): string {
    return this.hash.digest('hex')
  }
}

/** The pieces of a flat file, in its order. */
export function piecesOf(tensors: ReadonlyMap<string, TensorRange>): Piece[] {
  return [...tensors].flatMap(([name, { dims, offset, length }]) => {
    const all = length / 4
    const row = dims.at(-1)!
    const size = isProjection(name) ? all : Math.max(1, Math.floor(SLAB / row)) * row
    return Array.from({ length: Math.ceil(all / size) }, (_, i) => {
      const from = i * size
      return { name, from, elements: Math.min(size, all - from), offset: offset + from * 4 }
    })
  })
}

/** Exponents of all ones are those of NaN and infinity. */
function allFinite(values: Float32Array): boolean {
  const bits = new Int32Array(values.buffer, values.byteOffset, values.length)
  for (let i = 0; i < bits.length; i++) if ((bits[i] & 0x7f800000) === 0x7f800000) return false
  return true
}

/** Fills `out` with a piece. `model` is what an error names. Throws BumpError where a value is not finite. */
export function fillPiece(model: string, source: WeightSource, { name, from }: Piece, out: Float32Array): void {
  const tensor = source.tensors.get(name)!
  const check = (values: Float32Array): void => {
    if (allFinite(values)) return
    throw new BumpError(
      'model-unusable',
      `${model}: the weight ${name} holds values that are not finite numbers. Download or write the model again.`,
    )
  }
  if (isProjection(name)) fillTurned(tensor, out, check)
  else {
    tensor.fill(from, out)
    check(out)
  }
}

/** [outputs, inputs] as [inputs, outputs], some rows at a time. */
function fillTurned({ dims, fill }: SourceTensor, out: Float32Array, check: (values: Float32Array) => void): void {
  const [rows, columns] = dims
  const slab = new Float32Array(ROWS * columns)
  for (let first = 0; first < rows; first += ROWS) {
    const count = Math.min(ROWS, rows - first)
    const values = slab.subarray(0, count * columns)
    fill(first * columns, values)
    check(values)
    turnRows(values, columns, out, rows, first)
  }
}

/**
 * Puts whole rows of `columns` values into `out`, whose rows have `rows` values, as its columns from `first` on. Eight
 * rows go at once, a cache line of each at a time: half as slow again without.
 */
function turnRows(values: Float32Array, columns: number, out: Float32Array, rows: number, first: number): void {
  const count = values.length / columns
  const eights = count - (count % 8)
  for (let c0 = 0; c0 < columns; c0 += 16) {
    const end = Math.min(columns, c0 + 16)
    for (let r = 0; r < eights; r += 8)
      for (let c = c0; c < end; c++) {
        const to = c * rows + first + r
        const at = r * columns + c
        out[to] = values[at]
        out[to + 1] = values[at + columns]
        out[to + 2] = values[at + 2 * columns]
        out[to + 3] = values[at + 3 * columns]
        out[to + 4] = values[at + 4 * columns]
        out[to + 5] = values[at + 5 * columns]
        out[to + 6] = values[at + 6 * columns]
        out[to + 7] = values[at + 7 * columns]
      }
    for (let r = eights; r < count; r++)
      for (let c = c0; c < end; c++) out[c * rows + first + r] = values[r * columns + c]
  }
}

/**
 * All pieces of a source, which was opened from `path`, with their values; those of one piece are good until the next
 * is asked for. Throws what filling them throws.
 * @param onDigest gets the ContentHash of all pieces with the last one
 */
export function converted(
  path: string,
  source: WeightSource,
  pieces: readonly Piece[],
  onDigest?: (digest: string) => void,
): AsyncGenerator<[piece: Piece, values: Float32Array]> {
  const bytes = pieces.reduce((sum, { elements }) => sum + elements * 4, 0)
  if (bytes < LARGE) return convertedHere(path, source, pieces, onDigest)
  // Pieces are hashed one after the other.
  const threads = onDigest ? 1 : Math.max(1, Math.min(2, availableParallelism() - 1))
  return convertedBeside(path, pieces, threads, onDigest)
}

export async function* convertedHere(
  path: string,
  source: WeightSource,
  pieces: readonly Piece[],
  onDigest?: (digest: string) => void,
): AsyncGenerator<[piece: Piece, values: Float32Array]> {
  const hash = onDigest && new ContentHash(source.config)
  const buffer = new Float32Array(largestOf(pieces))
  for (const piece of pieces) {
    const values = buffer.subarray(0, piece.elements)
    fillPiece(path, source, piece, values)
    hash?.add(piece, values)
    if (hash && piece === pieces.at(-1)) onDigest?.(hash.digest())
    yield [piece, values]
  }
}

/** Each of `count` threads makes every count-th piece; a single one may hash them. */
export async function* convertedBeside(
  path: string,
  pieces: readonly Piece[],
  count: number,
  onDigest?: (digest: string) => void,
): AsyncGenerator<[piece: Piece, values: Float32Array]> {
  const threads = Array.from(
    { length: count },
    (_, t) =>
      new ConvertThread({ path, pieces: pieces.filter((_, i) => i % count === t), hashes: onDigest !== undefined }),
  )
  try {
    for (const [i, piece] of pieces.entries()) {
      const thread = threads[i % count]
      const { buffer, digest } = await thread.next()
      if (digest !== undefined) onDigest?.(digest)
      yield [piece, new Float32Array(buffer, 0, piece.elements)]
      thread.giveBack(buffer)
    }
  } finally {
    for (const thread of threads) thread.end()
  }
}

function largestOf(pieces: readonly Piece[]): number {
  return pieces.reduce((most, { elements }) => Math.max(most, elements), 0)
}

/** The caller's side of convert-thread.ts: buffers go there empty and come back filled, in the order of the pieces. */
class ConvertThread {
  private readonly thread: Worker
  private readonly filled: { buffer: ArrayBuffer; digest?: string }[] = []
  private failed: Error | undefined
  private wake = () => {}

  constructor(start: ConvertStart) {
    this.thread = startThread(import.meta.url, 'convert-thread', start satisfies ConvertStart)
    this.thread.on('message', (reply: ConvertReply) => {
      if ('error' in reply) this.failed ??= revivedError(reply.error)
      else this.filled.push(reply)
      this.wake()
    })
    this.thread.on('error', (error) => {
      this.failed ??= error
      this.wake()
    })
    for (let i = 0; i < BUFFERS; i++) this.giveBack(new ArrayBuffer(largestOf(start.pieces) * 4))
  }

  async next(): Promise<{ buffer: ArrayBuffer; digest?: string }> {
    while (this.filled.length === 0) {
      if (this.failed) throw this.failed
      await new Promise<void>((resolve) => {
        this.wake = resolve
      })
    }
    return this.filled.shift()!
  }

  giveBack(buffer: ArrayBuffer): void {
    this.thread.postMessage(buffer, [buffer])
  }

  end(): void {
    void this.thread.terminate()
  }
}
