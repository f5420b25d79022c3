// Digests of the data of a run: a resumed run must see the very users that it was started with, and who evaluates its test
// users later must know whether they still have the interactions that they had.
import { createHash } from 'node:crypto'
import type { User } from '../logs/types.ts'
import type { UserLists } from '../logs/user-list.ts'
import { sha256 } from '../util/files.ts'

/** SHA-256 over every part's users in their order: ids, texts and times. */
export function dataDigest(lists: UserLists): string {
  const hash = createHash('sha256')
  for (const part of ['train', 'validation', 'test'] as const) {
    hash.update(part)
    for (const user of lists[part].listed) hash.update(lists[part].digested(user))
  }
  return hash.digest('hex')
}

/** SHA-256 over a user's history and held-out interactions: their texts and times, in their order. */
export function interactionsDigest({ history, heldOut }: User): string {
  return sha256(JSON.stringify([history, heldOut].map((part) => part.map(({ text, time }) => [text, time ?? null]))))
}
