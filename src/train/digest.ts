// Digest of the data of a run: a resumed run must see the very users that it was started with.
import { createHash } from 'node:crypto'
import type { UserLists } from '../logs/user-list.ts'

/** SHA-256 over every part's users in their order: ids, texts and times. */
export function dataDigest(lists: UserLists): string {
  const hash = createHash('sha256')
  for (const part of ['train', 'validation', 'test'] as const) {
    hash.update(part)
    for (const user of lists[part].listed) hash.update(lists[part].digested(user))
  }
  return hash.digest('hex')
}
