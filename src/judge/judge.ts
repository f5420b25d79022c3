// Opens the judge that a configuration names.
import type { LanguageModel } from '../model/contract.ts'
import { ScoreCache, type ScoreStore } from './cache.ts'
import type { JudgeConfig } from './config.ts'
import { likelihoodJudge } from './likelihood.ts'
import { listwiseJudge } from './listwise.ts'
import { pointwiseJudge } from './pointwise.ts'
import type { Judge } from './types.ts'

/**
 * A judge over the frozen base weights of `model`. With `cacheEntries` above 0 it keeps that many scores between calls,
 * with a `store` all that the store keeps; training does neither, so that a resumed run asks the model the very batches
 * that an uninterrupted one asks.
 */
export function createJudge(
  model: LanguageModel,
  config: JudgeConfig,
  options: { cacheEntries?: number; store?: ScoreStore } = {},
): Judge {
  const cache = options.store ?? new ScoreCache<readonly number[]>(options.cacheEntries ?? 0)
  switch (config.scorer) {
    case 'likelihood':
      return likelihoodJudge(model, config, cache)
    case 'pointwise':
      return pointwiseJudge(model, config, cache)
    case 'listwise':
      return listwiseJudge(model, config, cache)
  }
}
