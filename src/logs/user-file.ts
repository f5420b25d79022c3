// The interactions of an opened log in a file that single users are read from at once: for lists of users too many for
// memory. The file has no name, so it leaves with the process, however that ends.
import { closeSync, openSync, readSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { sqlString } from './database.ts'
import type { LogDataset } from './dataset.ts'
import { interactionJson, unquotedCsv } from './digest.ts'
import { stagingFolder } from './staging-folder.ts'
import type { Interaction } from './types.ts'
import { metadataOf } from './users.ts'

/** A user of the file. */
export interface FileUser {
  id: string
  /** Interactions. */
  count: number
  /** Where they stand. */
  at: number
  bytes: number
  /** False only where no two texts are equal once normalised, by either rule of normalise.ts. */
  mayRepeat: boolean
}

const READ_BYTES = 4 * 2 ** 20
const [LINE_END, QUOTE, BACKSLASH, LETTER_U, FIRST_NOT_ASCII] = [0x0a, 0x22, 0x5c, 0x75, 0x80]
/** Between an interaction and its metadata: JSON has no such character. */
const METADATA = '\x01'
/** Where the text of a line begins. */
const TEXT = '["'.length

/** An interaction is a line: JSON of [text, time or null], and its metadata. */
export class UserFile {
  private constructor(
    private readonly file: number,
    private readonly dataset: LogDataset,
  ) {}

  /** Writes the interactions of a log in its order. */
  static async write(dataset: LogDataset): Promise<UserFile> {
    const folder = stagingFolder()
    const path = join(folder, 'users')
    try {
      // Line breaks in JSON stand between values only.
      const metadata = `translate(metadata, '\n\r${METADATA}', '   ')`
      await dataset.query(
        `COPY (SELECT ${interactionJson()}, ${metadata} FROM interactions) TO ${sqlString(path)}
         ${unquotedCsv(METADATA)}`,
      )
      return new UserFile(openSync(path, 'r'), dataset)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }

  /** All users in the order of the log, which must still be open. */
  async *users(): AsyncGenerator<FileUser> {
    const lines = this.scanned()
    let at = 0
    const grouped = 'SELECT user_id, count(*)::DOUBLE FROM interactions GROUP BY user_id ORDER BY user_id'
    for await (const chunk of this.dataset.rows(grouped))
      for (const [id, count] of chunk as [string, number][]) {
        const keys = new Set<number | undefined>()
        let bytes = 0
        for (let line = 0; line < count; line++) {
          const { value, done } = lines.next()
          if (done) throw new TypeError('the file of interactions has fewer than the log')
          keys.add(value.key)
          bytes += value.bytes
        }
        yield { id, count, at, bytes, mayRepeat: keys.has(undefined) || keys.size < count }
        at += bytes
      }
  }

  /** JSON of [text, time or null] of each interaction of a user, oldest first. */
  digested(user: Pick<FileUser, 'at' | 'bytes'>): string[] {
    return this.lines(user).map((line) => line.slice(0, line.indexOf(METADATA)))
  }

  /** The interactions of a user, oldest first. */
  interactions(user: Pick<FileUser, 'at' | 'bytes'>): Interaction[] {
    return this.lines(user).map((line) => {
      const end = line.indexOf(METADATA)
      const [text, time] = JSON.parse(line.slice(0, end)) as [string, number | null]
      return { text, time: time ?? undefined, metadata: metadataOf(line.slice(end + METADATA.length)) }
    })
  }

  close(): void {
    closeSync(this.file)
  }

  /** The lines of the file: their bytes, and the keys of their texts. */
  private *scanned(): Generator<{ bytes: number; key: number | undefined }> {
    let chunk = Buffer.alloc(READ_BYTES)
    // How much of the chunk is filled, and where it stands in the file.
    let [length, at] = [0, 0]
    for (let read = 1; read > 0; ) {
      if (length === chunk.length) chunk = Buffer.concat([chunk, Buffer.alloc(chunk.length)])
      read = readSync(this.file, chunk, length, chunk.length - length, at + length)
      length += read
      let next = 0
      for (let end = lineEnd(next); end >= 0; end = lineEnd(next)) {
        yield { bytes: end + 1 - next, key: keyOf(chunk, next + TEXT) }
        next = end + 1
      }
      chunk.copyWithin(0, next, length)
      length -= next
      at += next
    }
    function lineEnd(from: number): number {
      const end = chunk.indexOf(LINE_END, from)
      return end < length ? end : -1
    }
  }

  private lines({ at, bytes }: Pick<FileUser, 'at' | 'bytes'>): string[] {
    const buffer = Buffer.allocUnsafe(bytes)
    for (let read = 0; read < bytes; ) {
      const count = readSync(this.file, buffer, read, bytes - read, at + read)
      if (count === 0) throw new TypeError('the file of interactions is shorter than the log')
      read += count
    }
    return buffer.toString('utf8', 0, bytes - 1).split('\n')
  }
}

/** What a character of ASCII is in a key: letters in lower case and digits themselves, all others 0. */
const FOLDED = Uint8Array.from({ length: FIRST_NOT_ASCII }, (_, code) =>
  /[a-z0-9]/i.test(String.fromCharCode(code)) ? String.fromCharCode(code).toLowerCase().charCodeAt(0) : 0,
)

/**
 * A key that is equal where `duplicateKey` is, for a text of ASCII characters: what is folded in them is letters' case
 * and what is neither letter nor digit. Undefined for other texts. `at`: where the text begins, which is written in JSON.
 */
function keyOf(bytes: Uint8Array, at: number): number | undefined {
  let hash = 0x811c9dc5
  for (let i = at; bytes[i] !== QUOTE; i++) {
    const byte = bytes[i]
    if (byte >= FIRST_NOT_ASCII) return undefined
    // Escapes stand for characters that are neither letters nor digits.
    if (byte === BACKSLASH) i += bytes[i + 1] === LETTER_U ? 5 : 1
    else if (FOLDED[byte] > 0) hash = Math.imul(hash ^ FOLDED[byte], 0x01000193)
  }
  return hash
}
