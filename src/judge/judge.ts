// Opens the judge that a configuration names. Its scorers are files of their own: likelihood.ts, pointwise.ts,
// listwise.ts, embedding.ts; several.ts puts judges together.
import { isEncoder, type JudgeModel } from '../model/encoder.ts'
import type { ServedAbility } from '../model/served.ts'
import { BumpError } from '../util/errors.ts'
import { guarded, orCancelled } from '../util/guarded.ts'
import { ScoreCache, type ScoreStore } from './cache.ts'
import { type AnyJudgeConfig, type JudgeConfig, SCORERS, singleJudges } from './config.ts'
import { type AnyJudge, judgeKeys, severalJudges, severalName } from './several.ts'
import type { Judge } from './types.ts'

/** Whether a judge reads with a sentence encoder; all others read with a language model. */
export function readsEncoder({ scorer }: Pick<JudgeConfig, 'scorer'>): boolean {
  return scorer === 'embedding'
}

/** What a server must be able to do for a judge that reads with a model on one. */
export function neededOfServer(config: JudgeConfig): ServedAbility {
  if (config.scorer === 'listwise' && config.decoder === 'permutation') return 'orders'
  return config.scorer === 'likelihood' ? 'continuations' : 'labels'
}

interface CreateJudgeOptions {
  cacheEntries?: number
  store?: ScoreStore
}

/**
 * A judge over the frozen base weights of `model`. With `cacheEntries` above 0 it keeps that many scores between calls,
 * with a `store` all that the store keeps; training does neither, so that a resumed run asks the model the very batches
 * that an uninterrupted one asks. Throws BumpError (`judge-unusable`) where the scorer cannot work with this model, as
 * the embedding scorer with a language model, or another with an encoder.
 */
export function createJudge(model: JudgeModel, config: JudgeConfig, options: CreateJudgeOptions = {}): Judge {
  if (isEncoder(model) !== readsEncoder(config))
    throw new BumpError(
      'judge-unusable',
      isEncoder(model)
        ? `${model.info.name} is a sentence encoder, which the ${config.scorer} scorer cannot read with: use the embedding scorer`
        : `the embedding scorer needs a sentence encoder, but ${model.info.name} is a language model: name one such as ` +
            'BAAI/bge-small-en-v1.5, or use another scorer',
    )
  return scorerOf(config).open(model, config, options.store ?? new ScoreCache(options.cacheEntries ?? 0))
}

/** The judge of a configuration, or the several of it: `models[i]` is what the i-th reads with. Throws as `createJudge`. */
export function createJudges(
  models: readonly JudgeModel[],
  config: AnyJudgeConfig,
  options: CreateJudgeOptions = {},
): AnyJudge {
  if (config.scorer !== 'several') return createJudge(models[0], config, options)
  const keys = judgeKeys(config.judges)
  const judges = config.judges.map((each, i) => [keys[i], createJudge(models[i], each, options)])
  return severalJudges(config.combine, Object.fromEntries(judges))
}

/** A judge of one's own, as bump asks it: what it throws is named as its own fault. */
export function ownJudge(judge: Judge): Judge {
  return {
    name: judge.name,
    describe: () => judge.describe(),
    score: (request, options) =>
      guarded(`the judge ${judge.name}`, options?.signal, () =>
        orCancelled(options?.signal, () => judge.score(request, options)),
      ),
  }
}

/** As results call the judge of a configuration: 'likelihood', 'listwise (permutation, 2 orders)'. */
export function judgeName(config: AnyJudgeConfig): string {
  const names = singleJudges(config).map((each) => scorerOf(each).name(each))
  return config.scorer === 'several' ? severalName(config.combine, names) : names[0]
}

/** A scorer that is given the options of its own. */
interface AnyScorer {
  name(config: JudgeConfig): string
  open(model: JudgeModel, config: JudgeConfig, store: ScoreStore): Judge
}

function scorerOf({ scorer }: JudgeConfig): AnyScorer {
  return SCORERS.find(({ config }) => config.shape.scorer.value === scorer)!
}
