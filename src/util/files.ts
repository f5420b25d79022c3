// Files that are never seen half written: written beside and renamed.
import { createHash } from 'node:crypto'
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { discard } from './writing.ts'

/** Writes a file beside its place and renames it, so that a reader sees the old or the new content, never a part. */
export function writeFileAtomic(path: string, content: string | Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true })
  const beside = `${path}.${process.pid}.tmp`
  try {
    writeFileSync(beside, content)
    renameSync(beside, path)
  } catch (error) {
    discard(beside)
    throw Object.assign(error as NodeJS.ErrnoException, { path })
  }
}

/** Hexadecimal SHA-256 of text or bytes. */
export function sha256(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex')
}

/** Folder of everything bump caches (converted weights, graphs, hub downloads): $BUMP_CACHE or ~/.cache/bump. */
export function cacheFolder(...parts: string[]): string {
  return join(process.env.BUMP_CACHE ?? join(homedir(), '.cache', 'bump'), ...parts)
}
