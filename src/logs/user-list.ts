// Users as training takes them: lists of which only what a batch needs is read.
import type { User } from './types.ts'

/** A user of a list, not read. */
export interface ListedUser {
  readonly id: string
}

/** Users in an order. */
export interface UserList {
  readonly listed: readonly ListedUser[]
  /** Reads users of this list, and gives them in the order of `users`. */
  load(users: readonly ListedUser[]): Promise<User[]>
  /** What digests are made of: JSON of [id, history, held-out], an interaction being [text, time or null]. */
  digested(user: ListedUser): string
}

/** Users split by user, not read. */
export type UserLists = Record<'train' | 'validation' | 'test', UserList>
