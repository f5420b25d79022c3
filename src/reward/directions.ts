// From pools to scores and NDCG: asks the judge once for a whole batch, both directions together (docs/method.md §3-5).
import type { Judge, JudgeUsage, Pool, RankRequest } from '../judge/types.ts'
import { mean } from '../util/stats.ts'
import { isEmptyProfile } from './guards.ts'
import { ndcgFromScores } from './ndcg.ts'
import type { UserPool } from './pools.ts'

/** NDCG of one profile in both directions. */
export interface DirectionScores {
  forward: number
  backward: number
}

/** Profiles of one user against the user's pools. */
export interface Entrant {
  pool: UserPool
  /** [G] the user's profiles. Empty ones score 0 without asking the judge. */
  profiles: readonly string[]
  /** [K] the profiles of the pool's rivals, in their order. */
  rivals: readonly string[]
}

/** What the judge made of one profile's pools: scores, the higher the better. */
export interface DirectionViews {
  /** [view][candidate], candidates as `pool.interactions`. */
  forward: number[][]
  /** [positive][view][candidate], the own profile first, then the rivals'. */
  backward: number[][][]
}

/** The pools of all profiles that are not empty, in the order of entrants, profiles and positives. */
export function entrantPools(entrants: readonly Entrant[]): RankRequest {
  const forward: Pool[] = []
  const backward: Pool[] = []
  for (const { pool, profiles, rivals } of entrants) {
    for (const profile of profiles) {
      if (isEmptyProfile(profile)) continue
      forward.push({ query: profile, candidates: pool.interactions, seed: pool.seed })
      for (const positive of pool.positives)
        backward.push({ query: positive, candidates: [profile, ...rivals], seed: pool.seed })
    }
  }
  return { forward, backward }
}

/** [entrant][profile] the judge's scores, undefined for an empty profile, and what the judge's call cost. */
export async function rankDirections(
  entrants: readonly Entrant[],
  judge: Judge,
  signal?: AbortSignal,
): Promise<{ views: (DirectionViews | undefined)[][]; usage: JudgeUsage }> {
  const request = entrantPools(entrants)
  const ranked =
    request.forward.length === 0
      ? { forward: [], backward: [], usage: { pairs: 0, tokens: 0 } }
      : await judge.rank(request, { signal })
  let nextForward = 0
  let nextBackward = 0
  const views = entrants.map(({ pool, profiles }) =>
    profiles.map((profile) =>
      isEmptyProfile(profile)
        ? undefined
        : {
            forward: ranked.forward[nextForward++],
            backward: pool.positives.map(() => ranked.backward[nextBackward++]),
          },
    ),
  )
  return { views, usage: ranked.usage }
}

/** [entrant][profile] NDCG forward and backward, and what the judge's call cost. */
export async function scoreDirections(
  entrants: readonly Entrant[],
  judge: Judge,
  signal?: AbortSignal,
): Promise<{ scores: DirectionScores[][]; usage: JudgeUsage }> {
  const { views, usage } = await rankDirections(entrants, judge, signal)
  const scores = entrants.map(({ pool }, e) =>
    views[e].map((profile) => directionScores(profile, pool, ndcgFromScores)),
  )
  return { scores, usage }
}

/**
 * One number a direction from the judge's scores: `metric` of each view and query, averaged; ranks are never averaged.
 * 0 for an empty profile (no views).
 */
export function directionScores(
  views: DirectionViews | undefined,
  pool: UserPool,
  metric: (scores: readonly number[], relevant: readonly boolean[]) => number,
): DirectionScores {
  if (!views) return { forward: 0, backward: 0 }
  const over = (looks: readonly number[][], relevant: readonly boolean[]) =>
    mean(looks.map((scores) => metric(scores, relevant)))
  return {
    forward: over(views.forward, pool.relevant),
    backward: mean(
      views.backward.map((looks) =>
        over(
          looks,
          looks[0].map((_, candidate) => candidate === 0),
        ),
      ),
    ),
  }
}
