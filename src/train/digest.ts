// Digest of the data of a run: a resumed run must see the very users that it was started with.
import { createHash } from 'node:crypto'
import type { UserSplit } from '../logs/types.ts'

/** SHA-256 over every part's users in their order: ids, texts and times. */
export function dataDigest(split: UserSplit): string {
  const hash = createHash('sha256')
  for (const part of ['train', 'validation', 'test'] as const) {
    hash.update(part)
    for (const user of split[part]) {
      const texts = [user.history, user.heldOut].map((list) => list.map(({ text, time }) => [text, time ?? null]))
      hash.update(JSON.stringify([user.id, ...texts]))
    }
  }
  return hash.digest('hex')
}
