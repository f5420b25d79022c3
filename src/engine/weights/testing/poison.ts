// Damage that no listing shows.
import { closeSync, openSync, statSync, utimesSync, writeSync } from 'node:fs'

/** Changes one byte of a file and nothing else that a listing shows: neither size nor time of modification. */
export function poison(path: string): void {
  const { atime, mtime } = statSync(path)
  const descriptor = openSync(path, 'r+')
  writeSync(descriptor, Buffer.from([63]), 0, 1, 3)
  closeSync(descriptor)
  utimesSync(path, atime, mtime)
}
