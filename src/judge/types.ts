// What a judge is: it scores the candidates of pools, in both directions at once (docs/method.md §3-5). The reward turns
// the scores into NDCG.
import type { JudgeConfig } from './config.ts'

/** One query with the candidates that the judge ranks for it. */
export interface Pool {
  query: string
  candidates: readonly string[]
  /** Determines the orders in which a listwise judge shows the candidates; equal seeds give equal orders. */
  seed: number
}

/** Pools of both directions, so that one score may serve both. */
export interface RankRequest {
  /** Query: a profile; candidates: interactions. */
  forward: readonly Pool[]
  /** Query: an interaction; candidates: profiles. */
  backward: readonly Pool[]
}

/** What a call cost. */
export interface JudgeUsage {
  /** Query-candidate pairs that the model judged: repeated and cached pairs count once, each shown order counts. */
  pairs: number
  /** Tokens given to the model or sampled from it, before the provider shares common prefixes. */
  tokens: number
}

/**
 * [pool][view][candidate]: scores, the higher the better. A view is one look at the pool: one for each shuffled order
 * of a listwise judge, a single one where the order cannot matter. The NDCG of the views is averaged, not their ranks.
 */
type PoolScores = number[][][]

export interface RankResult {
  forward: PoolScores
  backward: PoolScores
  usage: JudgeUsage
}

/** The frozen language model that ranks. */
export interface Judge {
  readonly config: JudgeConfig
  /** Scores all pools in as few model calls as the scorer allows. Throws BumpError where a prompt does not fit the model. */
  rank(request: RankRequest, options?: { signal?: AbortSignal }): Promise<RankResult>
}
