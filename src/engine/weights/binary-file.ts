// Random access to a weight file: bounded reads at a position, so that a file is never loaded whole.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { BumpError } from '../../util/errors.ts'

const MOST_AT_ONCE = 1 << 30

/** Fills `bytes` with what a file holds from `offset` on. Throws a BumpError as BinaryFile does. */
export function readRange(path: string, { offset }: { offset: number }, bytes: Uint8Array): void {
  const file = new BinaryFile(path)
  try {
    file.readInto(bytes, offset)
  } finally {
    file.close()
  }
}

/** A file opened for reading at any position. */
export class BinaryFile {
  readonly path: string
  readonly size: number
  private readonly descriptor: number

  /** Throws a BumpError where the file is missing, unreadable or not a file. */
  constructor(path: string) {
    this.path = path
    try {
      this.descriptor = openSync(path, 'r')
    } catch (cause) {
      const code = (cause as NodeJS.ErrnoException).code
      const why =
        code === 'ENOENT' ? 'the file does not exist' : code === 'EACCES' ? 'permission denied' : String(cause)
      throw new BumpError('model-unusable', `${path}: cannot be opened: ${why}. Check the path.`, { cause })
    }
    const stat = fstatSync(this.descriptor)
    if (!stat.isFile()) {
      closeSync(this.descriptor)
      throw new BumpError('model-unusable', `${path}: is not a file. Name a weight file or a model folder.`)
    }
    this.size = stat.size
  }

  /** Bytes [offset, offset + length) as a private copy. Throws a BumpError past the end of the file. */
  read(offset: number, length: number): Uint8Array<ArrayBuffer> {
    if (offset < 0 || length < 0 || offset + length > this.size)
      throw new BumpError(
        'model-unusable',
        `${this.path}: truncated: bytes ${offset} to ${offset + length} are needed, the file has ${this.size}. ` +
          'Download or copy it again.',
      )
    const bytes = new Uint8Array(length)
    this.readInto(bytes, offset)
    return bytes
  }

  /** Fills `bytes` from the position. */
  readInto(bytes: Uint8Array, offset: number): void {
    for (let done = 0; done < bytes.length; ) {
      const got = readSync(this.descriptor, bytes, done, Math.min(bytes.length - done, MOST_AT_ONCE), offset + done)
      if (got === 0)
        throw new BumpError(
          'model-unusable',
          `${this.path}: ended at byte ${offset + done} while it was read. Copy it again.`,
        )
      done += got
    }
  }

  close(): void {
    closeSync(this.descriptor)
  }
}
