// Whether a disk has room for what is about to be written: asked before hours of download, not in the middle.
import { existsSync, statfsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { BumpError } from './errors.ts'

/** Bytes that this user may write where `folder` is or will be; undefined where the system does not say. */
export function freeSpace(folder: string): number | undefined {
  let there = resolve(folder)
  while (!existsSync(there) && dirname(there) !== there) there = dirname(there)
  try {
    const { bavail, bsize } = statfsSync(there)
    return bavail * bsize
  } catch {
    return undefined
  }
}

/**
 * Throws a BumpError where the disk of `folder`, which need not exist yet, has fewer bytes free than `bytes`.
 * @param what names the work, as the subject of "needs"
 */
export function requireSpace(folder: string, bytes: number, what: string): void {
  const free = freeSpace(folder)
  if (free === undefined || free >= bytes) return
  throw new BumpError(
    'download-failed',
    `${folder}: ${what} needs ${Math.ceil(bytes / 1e6)} MB, the disk has ${Math.floor(free / 1e6)} MB free. ` +
      'Free some space, or set BUMP_CACHE to a folder on another disk.',
  )
}
