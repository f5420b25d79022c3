// Bytes of a log file -> decoded text, as a stream: decompressed, UTF-16 and byte-order marks understood, stray bytes of
// other encodings repaired and counted, damaged compression reported. First stage of reading text formats.
import { isUtf8 } from 'node:buffer'
import { createReadStream } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { BumpError } from '../util/errors.ts'
import { unpackedLimit } from '../util/unpacked.ts'
import { compressionOf, DamagedCompression, decompressed } from './decompress.ts'
import type { IssueLog } from './issues.ts'

/** A local file, and the name under which the user knows it. */
export interface LogFile {
  path: string
  name: string
}

const SNIFF_BYTES = 64 * 1024
const windows1252 = new TextDecoder('windows-1252')

const MAGICS: [string, number[]][] = [
  ['zip', [0x50, 0x4b, 0x03, 0x04]],
  ['bzip2', [0x42, 0x5a, 0x68]],
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a]],
  ['7z', [0x37, 0x7a, 0xbc, 0xaf]],
]

/**
 * The first bytes of a file, decompressed: enough to tell its format. Empty for an empty file. Throws `DamagedCompression` where
 * not even these can be had, and `BumpError` for other compressions.
 */
export async function sniffBytes(file: LogFile): Promise<Buffer> {
  const start = await firstBytes(file.path)
  for (const [name, magic] of MAGICS) {
    if (magic.every((byte, i) => start[i] === byte)) {
      throw new BumpError(
        'logs-unusable',
        `${file.name} is compressed with ${name}: unpack it first, or compress it with gzip or zstd`,
      )
    }
  }
  if (compressionOf(start) === undefined) return start
  const parts: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of decompressed(() => createReadStream(file.path), start, file.name)) {
      parts.push(chunk)
      size += chunk.length
      if (size >= SNIFF_BYTES) break
    }
  } catch (error) {
    // Damage further on is reported when the file is read in full.
    if (size === 0) throw error
  }
  return Buffer.concat(parts).subarray(0, SNIFF_BYTES)
}

async function firstBytes(path: string): Promise<Buffer> {
  const handle = await open(path)
  try {
    const buffer = Buffer.alloc(SNIFF_BYTES)
    const { bytesRead } = await handle.read(buffer, 0, SNIFF_BYTES, 0)
    return buffer.subarray(0, bytesRead)
  } finally {
    await handle.close()
  }
}

/** Control characters that no text has: neither white space nor escape. */
const isControl = (byte: number) => byte < 0x20 && !(byte >= 0x08 && byte <= 0x0d) && byte !== 0x1b

/**
 * The encoding that the first bytes show: by mark, or by where the zero bytes stand. Text has few control characters.
 */
export function encodingOf(start: Buffer): 'utf-8' | 'utf-16le' | 'utf-16be' | 'binary' {
  // With two zeros after it, the mark of UTF-16 is that of UTF-32.
  if (start[0] === 0xff && start[1] === 0xfe) return start[2] === 0 && start[3] === 0 ? 'binary' : 'utf-16le'
  if (start[0] === 0xfe && start[1] === 0xff) return 'utf-16be'
  const sample = start.subarray(0, 1024)
  let even = 0
  let odd = 0
  for (let i = 0; i < sample.length; i++) if (sample[i] === 0) i % 2 === 0 ? even++ : odd++
  if (odd > sample.length * 0.3 && even < sample.length * 0.05) return 'utf-16le'
  if (even > sample.length * 0.3 && odd < sample.length * 0.05) return 'utf-16be'
  const controls = sample.reduce((count, byte) => count + (isControl(byte) ? 1 : 0), 0)
  return even + odd > sample.length * 0.02 || controls > sample.length * 0.05 ? 'binary' : 'utf-8'
}

/** Streams the text of a file without its byte-order mark; issues go to `issues` with the line they were seen in. */
export async function* textBlocks(file: LogFile, issues: IssueLog): AsyncGenerator<string> {
  const start = await firstBytes(file.path)
  const unpacked = decompressed(() => createReadStream(file.path, { highWaterMark: 256 * 1024 }), start, file.name)
  const bytes = compressionOf(start) === undefined ? unpacked : bounded(unpacked, file)
  let line = 1
  try {
    const encoding = encodingOf(await sniffBytes(file))
    const texts = encoding.startsWith('utf-16')
      ? utf16(bytes, encoding)
      : utf8(bytes, (ahead) =>
          issues.add('encoding', `${file.name}:${line + ahead}`, 'bytes that are not UTF-8, read as Windows-1252'),
        )
    let first = true
    for await (const text of texts) {
      const block: string = first && text.charCodeAt(0) === 0xfeff ? text.slice(1) : text
      first = false
      if (block === '') continue
      yield block
      for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) line++
    }
  } catch (error) {
    if (!(error instanceof DamagedCompression)) throw error
    issues.add(
      'truncated-file',
      `${file.name}:${line}`,
      `the compressed data end or are damaged here (${error.message})`,
    )
  }
}

/** Throws BumpError once more comes out of a packed file than any honest one holds. */
async function* bounded(unpacked: AsyncIterable<Buffer>, { path, name }: LogFile): AsyncGenerator<Buffer> {
  const limit = unpackedLimit((await stat(path)).size)
  let size = 0
  for await (const chunk of unpacked) {
    size += chunk.length
    if (size > limit)
      throw new BumpError(
        'logs-unusable',
        `${name} unpacks to over 200 times its size: it may be made to fill the disk. Unpack it yourself if it is not`,
      )
    yield chunk
  }
}

async function* utf16(bytes: AsyncIterable<Buffer>, encoding: string): AsyncGenerator<string> {
  const decoder = new TextDecoder(encoding, { ignoreBOM: true })
  for await (const chunk of bytes) yield decoder.decode(chunk, { stream: true })
  yield decoder.decode()
}

/** `onRepair` gets the number of line breaks between the start of the block and the repaired bytes. */
async function* utf8(bytes: AsyncIterable<Buffer>, onRepair: (linesAhead: number) => void): AsyncGenerator<string> {
  let rest: Buffer = Buffer.alloc(0)
  for await (const chunk of bytes) {
    const buffer = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    const end = completeEnd(buffer)
    rest = buffer.subarray(end)
    const block = buffer.subarray(0, end)
    yield isUtf8(block) ? block.toString('utf8') : repaired(block, onRepair)
  }
  if (rest.length > 0) yield repaired(rest, onRepair)
}

/** Where the last complete UTF-8 character of the buffer ends. */
function completeEnd(buffer: Buffer): number {
  for (let back = 1; back <= Math.min(3, buffer.length); back++) {
    const byte = buffer[buffer.length - back]
    if (byte >= 0xc0) return sequenceLength(byte) > back ? buffer.length - back : buffer.length
    if (byte < 0x80) break
  }
  return buffer.length
}

const sequenceLength = (lead: number) => (lead >= 0xf0 && lead < 0xf8 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1)

/** Valid runs as UTF-8, every other byte as Windows-1252; one call of `onRepair` a line. */
function repaired(block: Buffer, onRepair: (linesAhead: number) => void): string {
  let out = ''
  let lines = 0
  let reported = -1
  let at = 0
  while (at < block.length) {
    const start = at
    while (at < block.length) {
      const length = sequenceLength(block[at])
      if (block[at] < 0x80) {
        if (block[at] === 0x0a) lines++
        at++
      } else if (length > 1 && at + length <= block.length && isUtf8(block.subarray(at, at + length))) at += length
      else break
    }
    out += block.toString('utf8', start, at)
    if (at < block.length) {
      out += windows1252.decode(block.subarray(at, at + 1))
      at++
      if (reported !== lines) onRepair(lines)
      reported = lines
    }
  }
  return out
}
