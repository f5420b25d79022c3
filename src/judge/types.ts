// What a judge is: it scores the candidates of pools, in both directions at once (docs/method.md §3-5). The reward
// turns the scores into NDCG. judge.ts opens the judges that a configuration names; one of your own is any object of
// this type.

/** One query with the candidates that the judge scores for it. */
export interface Pool {
  query: string
  candidates: readonly string[]
  /** Determines the orders in which a listwise judge shows the candidates; equal seeds give equal orders. */
  seed: number
}

/** Pools of both directions, so that one score may serve both. */
export interface JudgeRequest {
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
 * [pool][order][candidate]: numbers, the higher the better. A pool is scored once for each shuffled order that a
 * listwise judge shows it in, and once where the order cannot matter. The NDCG of the orders is averaged, not their
 * ranks.
 */
export type PoolScores = number[][][]

/** Scores of a request's pools, in their order. */
export interface JudgeScores {
  forward: PoolScores
  backward: PoolScores
  /** Default: every candidate counts as a pair, and no token. */
  usage?: JudgeUsage
}

/**
 * What scores candidates: a frozen language model, or anything else. Training reads how the candidates of a pool
 * compare, never the size of a score; equal scores are ties. It must not change while a run trains, and the same
 * request must get the same scores, or a resumed run is not the run that was stopped. A judge that knows what words
 * are:
 *
 * ```ts
 * const words = (text: string) => [...new Set(text.toLowerCase().match(/\w+/g))]
 * const shared = ({ query, candidates }: Pool) =>
 *   [candidates.map((text) => words(text).filter((word) => words(query).includes(word)).length)]
 * const judge: Judge = {
 *   name: 'shared words',
 *   describe: () => ({ version: 1 }),
 *   score: async ({ forward, backward }) => ({ forward: forward.map(shared), backward: backward.map(shared) }),
 * }
 * ```
 */
export interface Judge {
  /** As messages call it. */
  readonly name: string
  /**
   * Whatever decides its scores, such as settings and digests: what a run's config.json records of it. JSON values
   * only.
   */
  describe(): Record<string, unknown>
  /**
   * Scores all pools, best in one go: a step of training is one call. Should throw a CancelledError once `signal`
   * aborts.
   */
  score(request: JudgeRequest, options?: JudgeOptions): Promise<JudgeScores>
}

export interface JudgeOptions {
  signal?: AbortSignal
  /** May be called now and then with the share of the call's work that is done, from 0 to 1. */
  onProgress?: (share: number) => void
}
