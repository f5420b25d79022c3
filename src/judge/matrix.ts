// Judges that score one (profile, interaction) pair at a time: likelihood and pointwise. One sparse matrix of pairs
// serves both directions, read row-wise forward and column-wise backward.
import type { JudgeModel } from '../model/encoder.ts'
import { type ScoreStore, scoreKey } from './cache.ts'
import { describeJudge, type ScorerConfig } from './scorer.ts'
import type { Judge, JudgeOptions, JudgeRequest, JudgeScores, Pool } from './types.ts'

/** One cell of the matrix. */
export interface Pair {
  profile: string
  interaction: string
}

/** Key of a pair's score in a `ScoreStore`: `digest` is that of the judge's model. */
export function pairKey(config: ScorerConfig, digest: string, { profile, interaction }: Pair): string {
  return scoreKey(config.scorer, digest, config.maxProfileTokens, config.maxInteractionTokens, profile, interaction)
}

/** [pair] scores and the tokens they cost; all pairs in one model call. */
export type PairScorer = (
  pairs: readonly Pair[],
  options: JudgeOptions,
) => Promise<{ scores: number[]; tokens: number }>

/** A judge over a pair scorer: equal pairs are scored once, and kept for later calls as far as `store` keeps them. */
export function matrixJudge(
  model: JudgeModel,
  config: ScorerConfig,
  name: string,
  scorePairs: PairScorer,
  store: ScoreStore,
): Judge {
  return {
    name,
    describe: () => describeJudge(config, model),
    async score(request: JudgeRequest, options = {}): Promise<JudgeScores> {
      const known = new Map<string, number>()
      const missing = new Map<string, Pair>()
      const keysOf = (pool: Pool, pair: (candidate: string) => Pair): string[] =>
        pool.candidates.map((candidate) => {
          const cell = pair(candidate)
          const key = pairKey(config, model.info.digest, cell)
          if (known.has(key) || missing.has(key)) return key
          const stored = store.get(key)
          if (stored === undefined) missing.set(key, cell)
          else known.set(key, stored[0])
          return key
        })
      const forward = request.forward.map((pool) => keysOf(pool, (c) => ({ profile: pool.query, interaction: c })))
      const backward = request.backward.map((pool) => keysOf(pool, (c) => ({ profile: c, interaction: pool.query })))
      let tokens = 0
      if (missing.size > 0) {
        const fresh = await scorePairs([...missing.values()], options)
        tokens = fresh.tokens
        let i = 0
        for (const key of missing.keys()) {
          known.set(key, fresh.scores[i])
          store.set(key, [fresh.scores[i++]])
        }
      }
      const scoresOf = (keys: readonly string[]) => [keys.map((key) => known.get(key) ?? Number.NaN)]
      return {
        forward: forward.map(scoresOf),
        backward: backward.map(scoresOf),
        usage: { pairs: missing.size, tokens },
      }
    },
  }
}
