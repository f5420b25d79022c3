// From pools to NDCG: asks the judge once for a whole batch, both directions together (METHOD.md §3-5).
import type { Judge, JudgeUsage, Pool } from '../judge/types.ts'
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

/** [entrant][profile] NDCG forward and backward, and what the judge's call cost. */
export async function scoreDirections(
  entrants: readonly Entrant[],
  judge: Judge,
  signal?: AbortSignal,
): Promise<{ scores: DirectionScores[][]; usage: JudgeUsage }> {
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
  const ranked =
    forward.length === 0
      ? { forward: [], backward: [], usage: { pairs: 0, tokens: 0 } }
      : await judge.rank({ forward, backward }, { signal })
  let nextForward = 0
  let nextBackward = 0
  const scores = entrants.map(({ pool, profiles, rivals }) =>
    profiles.map((profile) => {
      if (isEmptyProfile(profile)) return { forward: 0, backward: 0 }
      const ownFirst = [true, ...rivals.map(() => false)]
      return {
        forward: viewMean(ranked.forward[nextForward++], pool.relevant),
        backward: mean(pool.positives.map(() => viewMean(ranked.backward[nextBackward++], ownFirst))),
      }
    }),
  )
  return { scores, usage: ranked.usage }
}

/** NDCG averaged over the views of one pool; ranks are never averaged. */
function viewMean(views: readonly number[][], relevant: readonly boolean[]): number {
  return mean(views.map((scores) => ndcgFromScores(scores, relevant)))
}
