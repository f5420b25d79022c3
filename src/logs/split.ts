// The split (docs/method.md §2), pure: each user's interactions into history and held-out, then users into parts.
import { seedFrom } from '../util/random.ts'
import { duplicateKey } from './normalise.ts'
import type { Interaction, User } from './types.ts'

/** Users with fewer interactions are skipped, where nobody says otherwise: by training and by every look before it. */
export const DEFAULT_MIN_INTERACTIONS = 4

export interface UserSplitOptions {
  /** P: interactions held out per user. */
  heldOut: number
  /** Users with fewer interactions are skipped. */
  minInteractions: number
  /** Only the latest so many of the history are kept. */
  maxHistory?: number
}

export interface PartOptions {
  /** Share of the users (below 1) or number of users. */
  validation: number
  test: number
  seed: number
}

export type SkipReason = 'too-few-interactions' | 'held-out-repeats-history'

/** A user cut in time, or why there is nothing to learn from this user. */
export type SplitResult =
  | {
      user: User /** Late interactions dropped because they repeat an earlier or another held-out one. */
      dropped: number
    }
  | { skipped: SkipReason; detail: string }

/**
 * Interactions oldest first. An interaction without a time stays right after the one before it; equal times keep
 * their order.
 */
export function chronological(interactions: readonly Interaction[]): Interaction[] {
  let last = Number.NEGATIVE_INFINITY
  const keyed = interactions.map((interaction) => {
    last = interaction.time ?? last
    return { interaction, key: last }
  })
  return keyed.sort((a, b) => (a.key === b.key ? 0 : a.key < b.key ? -1 : 1)).map(({ interaction }) => interaction)
}

/** Users with fewer interactions are skipped. One whose texts never repeat each other is not, with as many. */
export const neededInteractions = ({ minInteractions, heldOut }: UserSplitOptions) =>
  Math.max(minInteractions, heldOut + 1)

/**
 * Cuts one user's interactions: the held-out set is taken from the end. A late interaction whose text also stands
 * in what comes before it would leak and is dropped, as is a repeat inside the held-out set; the cut then moves back
 * until P are left, but never beyond the middle of the user's interactions, nor beyond the last P where these are more.
 * Repeats are looked for in the whole
 * history, whatever `maxHistory` keeps of it, so that the held-out set does not depend on it.
 */
export function splitUser(id: string, interactions: readonly Interaction[], options: UserSplitOptions): SplitResult {
  const { heldOut: wanted, maxHistory = Number.POSITIVE_INFINITY } = options
  const needed = neededInteractions(options)
  if (interactions.length < needed) {
    return { skipped: 'too-few-interactions', detail: `${interactions.length} of at least ${needed}` }
  }
  const ordered = chronological(interactions)
  const keys = ordered.map(({ text }) => duplicateKey(text))
  const firstSeen = new Map<string, number>()
  keys.forEach((key, index) => {
    if (!firstSeen.has(key)) firstSeen.set(key, index)
  })
  // Only the first of equal texts can be held out: every later one repeats something before it.
  const usable = (index: number) => firstSeen.get(keys[index]) === index
  const earliest = Math.max(1, Math.min(ordered.length - wanted, Math.ceil(ordered.length / 2)))
  let cut = ordered.length
  const held: number[] = []
  while (held.length < wanted && cut > earliest) {
    cut--
    if (usable(cut)) held.unshift(cut)
  }
  if (held.length === 0) {
    return {
      skipped: 'held-out-repeats-history',
      detail: `each of the last ${ordered.length - cut} interactions repeats an earlier text`,
    }
  }
  const history = ordered.slice(Math.max(0, cut - maxHistory), cut)
  const user: User = { id, history, heldOut: held.map((index) => ordered[index]) }
  return { user, dropped: ordered.length - cut - held.length }
}

/**
 * Users into train, validation and test. Users are ordered by a hash of (seed, id): neither the order of the input
 * nor other users matter to it. Test is taken from one end of that order and validation from the other, so that a
 * user added later moves at most the users at the two borders. Each part is in that order.
 */
export function splitUsers<U extends { id: string }>(
  users: readonly U[],
  options: PartOptions,
): Record<'train' | 'validation' | 'test', U[]> {
  const hashed = users.map((user) => ({ user, hash: seedFrom('split', options.seed, user.id) }))
  hashed.sort((a, b) => a.hash - b.hash || (a.user.id < b.user.id ? -1 : a.user.id > b.user.id ? 1 : 0))
  const ordered = hashed.map(({ user }) => user)
  const test = Math.min(countOf(options.test, ordered.length), ordered.length)
  const validation = Math.min(countOf(options.validation, ordered.length), ordered.length - test)
  return {
    test: ordered.slice(0, test),
    train: ordered.slice(test, ordered.length - validation),
    validation: ordered.slice(ordered.length - validation),
  }
}

function countOf(share: number, users: number): number {
  return share < 1 ? Math.round(share * users) : Math.floor(share)
}
