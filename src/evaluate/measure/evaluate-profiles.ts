// How well profiles identify users who were never trained on: NDCG in both directions with bootstrap intervals
// (docs/method.md §10). Used by validation, summary.json and the judge check.
import type { Judge, JudgeUsage } from '../../judge/types.ts'
import { scoreDirections } from '../../reward/directions.ts'
import { drawPools, type PoolUser } from '../../reward/pools.ts'
import { seedFrom, shuffled } from '../../util/random.ts'
import { bootstrapInterval, type Interval, mean, pairedDifference } from '../../util/stats.ts'

export interface EvaluationOptions {
  /** P, default 1. */
  positives?: number
  /** K, default 8. */
  negatives?: number
  /** Determines pools, orders and resamples; equal seeds and users give equal pools, so that evaluations are paired. */
  seed: number
  /** [user] profiles that stand for the other users in backward pools; default: `profiles`. */
  rivals?: readonly string[]
  /**
   * The mismatched-profile control: every user is represented by the profile of another user, who gives no candidate
   * to that user's pools. Its NDCG must be at chance. Needs at least 3 users.
   */
  mismatched?: boolean
  signal?: AbortSignal
}

export interface ProfileEvaluation {
  /** [user] in the order given. */
  users: { id: string; forward: number; backward: number }[]
  forward: Interval
  backward: Interval
  /** NDCG of a random order in these pools, mean over users. */
  chance: { forward: number; backward: number }
  usage: JudgeUsage
}

/**
 * NDCG of one profile a user, `profiles[i]` belonging to `users[i]`; an empty profile scores 0. Pools are drawn from
 * all users given. Throws BumpError for fewer than 2 users (3 with `mismatched`) or a user without held-out interactions.
 */
export async function evaluateProfiles(
  users: readonly PoolUser[],
  profiles: readonly string[],
  judge: Judge,
  options: EvaluationOptions,
): Promise<ProfileEvaluation> {
  if (profiles.length !== users.length) throw new RangeError(`${profiles.length} profiles for ${users.length} users`)
  const { positives = 1, negatives = 8, seed, rivals = profiles, signal } = options
  const donors = options.mismatched ? drawDonors(users.length, seedFrom('donors', seed)) : undefined
  const pools = drawPools(users, {
    positives,
    negatives,
    seed: ['evaluate', seed],
    excluded: donors && ((i) => donors[i]),
  })
  const entrants = pools.map((pool, i) => ({
    pool,
    profiles: [profiles[donors ? donors[i] : i]],
    rivals: pool.rivals.map((j) => rivals[j]),
  }))
  const { scores, usage } = await scoreDirections(entrants, judge, signal)
  const forward = scores.map(([profile]) => profile.forward)
  const backward = scores.map(([profile]) => profile.backward)
  return {
    users: users.map((user, i) => ({ id: user.id, forward: forward[i], backward: backward[i] })),
    forward: bootstrapInterval(forward, { seed: seedFrom('bootstrap', seed) }),
    backward: bootstrapInterval(backward, { seed: seedFrom('bootstrap', seed) }),
    chance: {
      forward: mean(pools.map((pool) => pool.chance.forward)),
      backward: mean(pools.map((pool) => pool.chance.backward)),
    },
    usage,
  }
}

/** What the profiles of `after` gain over those of `before`, paired by user: both must be of the same users. */
export function compareEvaluations(
  before: ProfileEvaluation,
  after: ProfileEvaluation,
  seed: number,
): { forward: Interval; backward: Interval } {
  if (before.users.some((user, i) => user.id !== after.users[i]?.id))
    throw new RangeError('the two evaluations are not of the same users')
  const difference = (direction: 'forward' | 'backward') =>
    pairedDifference(
      before.users.map((user) => user[direction]),
      after.users.map((user) => user[direction]),
      { seed: seedFrom('bootstrap', seed) },
    )
  return { forward: difference('forward'), backward: difference('backward') }
}

/** [user] another user for each, every one exactly once: a single cycle through all users. */
export function drawDonors(users: number, seed: number): number[] {
  const cycle = shuffled([...Array(users).keys()], seed)
  const donors = new Array<number>(users)
  cycle.forEach((user, place) => {
    donors[user] = cycle[(place + 1) % users]
  })
  return donors
}
