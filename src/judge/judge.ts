// Opens the judge that a configuration names. Its scorers are files of their own: likelihood.ts, pointwise.ts,
// listwise.ts.
import type { LanguageModel } from '../model/contract.ts'
import { guarded } from '../util/guarded.ts'
import { ScoreCache, type ScoreStore } from './cache.ts'
import { type JudgeConfig, SCORERS } from './config.ts'
import type { Judge } from './types.ts'

/**
 * A judge over the frozen base weights of `model`. With `cacheEntries` above 0 it keeps that many scores between calls,
 * with a `store` all that the store keeps; training does neither, so that a resumed run asks the model the very batches
 * that an uninterrupted one asks. Throws BumpError (`judge-unusable`) where the scorer cannot work with this model.
 */
export function createJudge(
  model: LanguageModel,
  config: JudgeConfig,
  options: { cacheEntries?: number; store?: ScoreStore } = {},
): Judge {
  return scorerOf(config).open(model, config, options.store ?? new ScoreCache(options.cacheEntries ?? 0))
}

/** A judge of one's own, as bump asks it: what it throws is named as its own fault. */
export function ownJudge(judge: Judge): Judge {
  return {
    name: judge.name,
    describe: () => judge.describe(),
    score: (request, options) =>
      guarded(`the judge ${judge.name}`, options?.signal, () => judge.score(request, options)),
  }
}

/** As results call the judge of a configuration: 'likelihood', 'listwise (permutation, 2 orders)'. */
export function judgeName(config: JudgeConfig): string {
  return scorerOf(config).name(config)
}

/** A scorer that is given the options of its own. */
interface AnyScorer {
  name(config: JudgeConfig): string
  open(model: LanguageModel, config: JudgeConfig, store: ScoreStore): Judge
}

function scorerOf({ scorer }: JudgeConfig): AnyScorer {
  return SCORERS.find(({ config }) => config.shape.scorer.value === scorer)!
}
