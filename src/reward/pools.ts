// Draws the candidate pools of a batch of users (docs/method.md §3-4). Pure and seeded; no model is asked here.
import { normaliseText } from '../logs/normalise.ts'
import { BumpError } from '../util/errors.ts'
import { seedFrom, shuffled } from '../util/random.ts'
import type { HardExamples } from './hard-examples.ts'
import { chanceNdcg } from './ndcg.ts'

/** What pools need of a user. */
export interface PoolUser {
  id: string
  /** Texts of the held-out interactions, at least one. */
  heldOut: readonly string[]
}

/** The pools of one user; all rollouts of the user share them. */
export interface UserPool {
  /** [P] held-out interactions of the user: positives forward, queries backward. */
  positives: string[]
  /** [P + K] forward candidates, the positives first. */
  interactions: string[]
  /** [P + K] true for the positives and for another user's interaction of the same normalised text. */
  relevant: boolean[]
  /** [K] indices of the other users whose profiles stand beside the user's own, backward. */
  others: number[]
  /** NDCG of a random order, forward and backward. */
  chance: { forward: number; backward: number }
  /** Determines the orders in which a listwise judge shows the pools. */
  seed: number
}

export interface PoolOptions {
  /** P. */
  positives: number
  /** K. Where the batch has fewer others, their number is the effective K. */
  negatives: number
  /** Named parts of the seed: run, purpose, step. */
  seed: readonly (string | number)[]
  /** A user (by index) who gives user i neither interactions nor a profile. */
  excluded?: (i: number) => number | undefined
  /** Chooses positives and the others' profiles, in place of chance; knows all users. */
  hardExamples?: HardExamples
}

/**
 * [user] pools. Each user has K others: one profile of each backward, and forward one held-out interaction of each
 * (more only where there are fewer than K others). No interaction text comes twice among the negatives.
 * Throws BumpError where a user has no held-out interaction, or no other user to be told from.
 */
export function drawPools(users: readonly PoolUser[], options: PoolOptions): UserPool[] {
  return users.map((user, i) => {
    if (user.heldOut.length === 0)
      throw new BumpError(
        'too-few-users',
        `user ${user.id} has no held-out interaction: hold out at least one interaction a user`,
      )
    const part = (purpose: string, other = user.id) => seedFrom(...options.seed, user.id, purpose, other)
    const excluded = options.excluded?.(i)
    const drawn = shuffled(
      [...users.keys()].filter((j) => j !== i && j !== excluded),
      part('others'),
    )
    if (drawn.length === 0)
      throw new BumpError(
        'too-few-users',
        `user ${user.id} has no other user to be told from: the reward needs at least ${excluded === undefined ? 2 : 3} users in a batch`,
      )
    const { hardExamples } = options
    const heldOut = shuffled(user.heldOut, part('positives'))
    const positives = (hardExamples?.hardestFirst(user.id, heldOut) ?? heldOut).slice(0, options.positives)
    const offered = drawn.map((j) => shuffled(users[j].heldOut, part('negatives', users[j].id)))
    const negatives = distinctTexts(offered, options.negatives)
    const interactions = [...positives, ...negatives]
    const own = new Set(positives.map(normaliseText))
    const relevant = interactions.map((text) => own.has(normaliseText(text)))
    const rivals = hardExamples?.rivals(user.id, drawn, (j) => users[j].id) ?? drawn
    const others = rivals.slice(0, options.negatives)
    const hits = relevant.filter(Boolean).length
    return {
      positives,
      interactions,
      relevant,
      others,
      chance: {
        forward: chanceNdcg(hits, interactions.length - hits),
        backward: chanceNdcg(1, others.length),
      },
      seed: part('orders'),
    }
  })
}

/** Up to `count` texts: the first of each list, then the second of each, …; no normalised text twice. */
function distinctTexts(lists: readonly (readonly string[])[], count: number): string[] {
  const seen = new Set<string>()
  const out: string[] = []
  const longest = Math.max(...lists.map((list) => list.length))
  for (let round = 0; round < longest; round++) {
    for (const list of lists) {
      if (out.length === count) return out
      if (round >= list.length) continue
      const key = normaliseText(list[round])
      if (seen.has(key)) continue
      seen.add(key)
      out.push(list[round])
    }
  }
  return out
}
