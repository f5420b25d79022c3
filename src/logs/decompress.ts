// Compressed bytes -> bytes, chunk by chunk: gzip and zstd, also with the long windows that dumps of forums have.
import type { Transform } from 'node:stream'
import zlib from 'node:zlib'
import { Decompress } from 'fzstd'
import { BumpError } from '../util/errors.ts'

/** Thrown where a compressed file ends too early or holds what is no compressed data. */
export class DamagedCompression extends Error {}

/** What an error makes zlib lose is the output of one write: small ones save what stands before the damage. */
const STEP = 8 * 1024

/** How a file is compressed, by its first bytes; undefined where it is not, or not so that it can be read. */
export function compressionOf(start: Buffer): 'gzip' | 'zstd' | undefined {
  if (start[0] === 0x1f && start[1] === 0x8b) return 'gzip'
  return start.length >= 4 && start.readUInt32LE(0) === 0xfd2fb528 ? 'zstd' : undefined
}

/**
 * The bytes of a file that begins with `start`, which `open` opens. Throws `DamagedCompression` where they break off,
 * after all that came before, and BumpError for zstd that this version of Node cannot read.
 */
export async function* decompressed(
  open: () => AsyncIterable<Buffer>,
  start: Buffer,
  name: string,
): AsyncGenerator<Buffer> {
  const compression = compressionOf(start)
  if (compression === undefined) yield* open()
  else if (compression === 'gzip')
    yield* through(open(), zlib.createGunzip(), 'bytes after the end of what is compressed')
  else if (windowOf(start) <= FZSTD_WINDOW) yield* withFzstd(open())
  else yield* withLongWindow(open, start, name)
}

/** Node has zstd from 22.15 on, with windows of any length, but reads the first frame of a file only. */
async function* withLongWindow(open: () => AsyncIterable<Buffer>, start: Buffer, name: string): AsyncGenerator<Buffer> {
  // Node's types here are those of an older version.
  const { createZstdDecompress, constants } = zlib as unknown as {
    createZstdDecompress?: (options: { params: Record<number, number> }) => Inflating
    constants: Record<string, number>
  }
  const cure = `zstd -d --long=31 ${name}`
  if (createZstdDecompress === undefined) {
    throw new BumpError(
      'logs-unusable',
      `${name} is compressed with zstd and a window of 2^${windowOf(start)} bytes, which needs Node 22.15 or newer: ` +
        `use that, or unpack it first: ${cure}`,
    )
  }
  const stream = createZstdDecompress({ params: { [constants.ZSTD_d_windowLogMax]: MAX_WINDOW } })
  yield* through(open(), stream, `several frames of zstd; unpack it first: ${cure}`)
}

/** Logarithms of the longest windows that are read: the format's own, and what may be held in JavaScript. */
const [MAX_WINDOW, FZSTD_WINDOW] = [31, 27]

/** Logarithm of the window that a zstd frame declares; 0 where the frame is its own window (RFC 8878, 3.1.1.1). */
function windowOf(start: Buffer): number {
  const isSingleSegment = ((start[4] ?? 0) & 0x20) !== 0
  return isSingleSegment ? 0 : 10 + ((start[5] ?? 0) >> 3)
}

async function* withFzstd(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const ready: Buffer[] = []
  let ended = false
  const stream = new Decompress((chunk, final) => {
    if (chunk.length > 0) ready.push(Buffer.from(chunk))
    ended = final ?? false
  })
  const push = (bytes: Uint8Array, final: boolean) => {
    try {
      stream.push(bytes, final)
    } catch (error) {
      return error instanceof Error ? error.message : String(error)
    }
    return undefined
  }
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; at += STEP) {
      const failure = push(chunk.subarray(at, at + STEP), false)
      yield* ready.splice(0)
      if (failure !== undefined) throw new DamagedCompression(failure)
    }
  }
  const failure = push(new Uint8Array(0), true)
  yield* ready.splice(0)
  if (failure !== undefined || !ended) throw new DamagedCompression(failure ?? 'unexpected end of file')
}

/** A stream of zlib; `bytesWritten`: those of its input that it took. */
type Inflating = Transform & { bytesWritten: number }

/**
 * Decompresses so that everything before the damage is delivered before the error. `tail`: what bytes are that the
 * stream does not take any more, other than the zeros that tapes and blocks are filled up with.
 */
async function* through(source: AsyncIterable<Buffer>, stream: Inflating, tail: string): AsyncGenerator<Buffer> {
  const ready: Buffer[] = []
  let [given, ended] = [0, false]
  let failure: Error | undefined
  stream.on('data', (chunk: Buffer) => ready.push(chunk))
  // After an error no callback of a write comes any more: whoever waits is told here.
  let wake = () => {}
  stream.on('error', (error) => {
    failure = error
    wake()
  })
  stream.on('end', () => {
    ended = true
    wake()
  })
  const until = (start: (done: () => void) => void) =>
    new Promise<void>((resolve) => {
      wake = resolve
      start(resolve)
    })
  try {
    for await (const chunk of source) {
      for (let at = 0; at < chunk.length; at += STEP) {
        const step = chunk.subarray(at, at + STEP)
        if (!ended) await until((done) => stream.write(step, () => done()))
        yield* ready.splice(0)
        if (failure !== undefined) throw new DamagedCompression(failure.message)
        if (step.subarray(Math.max(0, stream.bytesWritten - given)).some((byte) => byte !== 0))
          throw new DamagedCompression(tail)
        given += step.length
      }
    }
    if (!ended) await until(() => stream.end())
    yield* ready.splice(0)
    if (failure !== undefined) throw new DamagedCompression(failure.message)
  } finally {
    stream.destroy()
  }
}
