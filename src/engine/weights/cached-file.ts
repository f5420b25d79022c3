// Which cached weights may be used without reading them again. A cache may be shared, or damaged: a file counts as
// unchanged while its size, times and inode are those of the seal that was taken when its content was last known, and
// only where nobody but this user can have written file and seal. Everything else is verified by its content first.
import { chmodSync, readFileSync, statSync } from 'node:fs'
import { z } from 'zod'
import { writeFileAtomic } from '../../util/files.ts'

/** Where the digest of a cached file is written down. */
export interface DigestRecord {
  path: string
  /** What the content is: the record of a file made in another way does not count. */
  content: string
}

/** What the file system says of a file; two seals of one file are equal while nobody has touched it. */
function sealOf(path: string): string {
  const { size, mtimeNs, ctimeNs, ino } = statSync(path, { bigint: true })
  return [size, mtimeNs, ctimeNs, ino].join(' ')
}

/** Whether only this user (or root) can have written the file. Systems without user numbers are taken at their word. */
export function isOwn(path: string): boolean {
  const uid = process.getuid?.()
  const stat = statSync(path, { throwIfNoEntry: false })
  if (uid === undefined || stat === undefined) return stat !== undefined
  return (stat.uid === uid || stat.uid === 0) && (stat.mode & 0o022) === 0
}

/** Takes the right to write from others, whatever the umask gave them. */
function makeOwn(path: string): void {
  if (process.getuid !== undefined && statSync(path).uid === process.getuid()) chmodSync(path, 0o644)
}

const recordSchema = z.object({ content: z.string(), digest: z.string().regex(/^[0-9a-f]{64}$/), seal: z.string() })

/**
 * The digest on record for a file, if the file still has that content: by its seal, or, where the seal does not hold,
 * by `digestOf`, which reads the file. Undefined where there is no such record or file.
 * @param fileOf where the file of a digest lies
 */
export function recordedDigest(
  record: DigestRecord,
  fileOf: (digest: string) => string,
  digestOf: (path: string) => string,
): string | undefined {
  try {
    const { content, digest, seal } = recordSchema.parse(JSON.parse(readFileSync(record.path, 'utf8')))
    if (content !== record.content) return undefined
    const path = fileOf(digest)
    if (isOwn(path) && isOwn(record.path) && sealOf(path) === seal) return digest
    if (digestOf(path) !== digest) return undefined
    try {
      recordDigest(record, path, digest)
    } catch {
      // A cache that may only be read: the content is verified again the next time.
    }
    return digest
  } catch {
    return undefined
  }
}

/** Writes down the digest of a file whose content is known. */
export function recordDigest({ path: recordPath, content }: DigestRecord, path: string, digest: string): void {
  makeOwn(path)
  writeFileAtomic(recordPath, JSON.stringify({ content, digest, seal: sealOf(path) }))
  makeOwn(recordPath)
}
