// Writing large files: all bytes written, and errors of the disk that say what to do.
import { rmSync, writeSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { BumpError } from './errors.ts'

/** Writes all bytes at a position (default: after the last write). */
export function writeAll(descriptor: number, bytes: Uint8Array, position?: number): void {
  for (let done = 0; done < bytes.length; )
    done += writeSync(
      descriptor,
      bytes,
      done,
      Math.min(bytes.length - done, 1 << 30),
      position === undefined ? null : position + done,
    )
}

/** The same, while this thread does something else. */
export async function writeAllBeside(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; )
    done += (await file.write(bytes, done, Math.min(bytes.length - done, 1 << 30), position + done)).bytesWritten
}

/** What to tell the user when a file cannot be written; other errors are given back as they are. */
export function writeProblem(path: string, cause: unknown): unknown {
  const code = (cause as NodeJS.ErrnoException).code
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new BumpError('file-unusable', `${path}: the disk is full. Free some space, or choose another place.`, {
      cause,
    })
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS')
    return new BumpError(
      'file-unusable',
      `${path}: cannot be written (${code}). Check its permissions or choose another place.`,
      {
        cause,
      },
    )
  if (code === 'ENOTDIR' || code === 'EEXIST' || code === 'EISDIR')
    return new BumpError('file-unusable', `${path}: cannot be written: a file or folder is in the way (${code}).`, {
      cause,
    })
  return cause
}

/** Removes what a failed write left behind; that it cannot be removed must not hide the first error. */
export function discard(path: string): void {
  try {
    rmSync(path, { force: true })
  } catch {}
}
