// How well profiles identify users who were never trained on: NDCG in both directions with bootstrap intervals
// (docs/method.md §10). The one evaluator: of validation, the final test and the judge check.
import type { AnyJudge } from '../../judge/several.ts'
import type { JudgeUsage } from '../../judge/types.ts'
import { type DirectionNdcg, ndcgOfProfiles } from '../../reward/bidirectional.ts'
import { drawPools, type PoolUser } from '../../reward/pools.ts'
import { seedFrom } from '../../util/random.ts'
import { bootstrapInterval, type Interval, mean } from '../../util/stats.ts'
import { mismatchedWith } from './controls.ts'

export interface EvaluationOptions {
  /** P, default 1. */
  positives?: number
  /** K, default 8. */
  negatives?: number
  /** Determines pools, orders and resamples; equal seeds and users give equal pools, so that evaluations are paired. */
  seed: number
  /** [user] what stands for the other users in backward pools; default: `profiles`. */
  others?: readonly string[]
  /**
   * The mismatched-profile control: every user is represented by the profile of another user, who gives no candidate
   * to that user's pools. Its NDCG must be at chance. Needs at least 3 users.
   */
  mismatched?: boolean
  signal?: AbortSignal
  /** Called now and then with the share of the judging that is done. */
  onProgress?: (share: number) => void
}

export interface ProfileEvaluation {
  /** [user] in the order given. */
  users: { id: string; forward: number; backward: number }[]
  /** By each of several judges, [user]; empty for one judge. */
  byJudge: Record<string, DirectionNdcg[]>
  forward: Interval
  backward: Interval
  /** NDCG of a random order in these pools, mean over users. */
  chance: { forward: number; backward: number }
  usage: JudgeUsage
}

/**
 * NDCG of one profile a user, `profiles[i]` belonging to `users[i]`; an empty profile scores 0. Pools are drawn from
 * all users given. Throws BumpError (`too-few-users`) for fewer than 2 users (3 with `mismatched`) or a user without
 * held-out interactions.
 */
export async function evaluateProfiles(
  users: readonly PoolUser[],
  profiles: readonly string[],
  judge: AnyJudge,
  options: EvaluationOptions,
): Promise<ProfileEvaluation> {
  if (profiles.length !== users.length) throw new RangeError(`${profiles.length} profiles for ${users.length} users`)
  const { positives = 1, negatives = 8, seed, others = profiles, signal, onProgress } = options
  const mismatch = options.mismatched ? mismatchedWith(users.length, seed) : undefined
  const pools = drawPools(users, {
    positives,
    negatives,
    seed: ['evaluate', seed],
    excluded: mismatch && ((i) => mismatch[i]),
  })
  const pooled = pools.map((pool, i) => ({
    pool,
    profiles: [profiles[mismatch ? mismatch[i] : i]],
    others: pool.others.map((j) => others[j]),
  }))
  const { ndcg, byJudge, usage } = await ndcgOfProfiles(pooled, judge, { signal, onProgress })
  const forward = ndcg.map(([profile]) => profile.forward)
  const backward = ndcg.map(([profile]) => profile.backward)
  return {
    users: users.map((user, i) => ({ id: user.id, forward: forward[i], backward: backward[i] })),
    byJudge: Object.fromEntries(
      Object.entries(byJudge).map(([name, each]) => [name, each.map(([profile]) => profile)]),
    ),
    forward: bootstrapInterval(forward, { seed: seedFrom('bootstrap', seed) }),
    backward: bootstrapInterval(backward, { seed: seedFrom('bootstrap', seed) }),
    chance: {
      forward: mean(pools.map((pool) => pool.chance.forward)),
      backward: mean(pools.map((pool) => pool.chance.backward)),
    },
    usage,
  }
}
