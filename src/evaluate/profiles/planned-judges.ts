// Which judges a comparison of profiles has, before a model is opened: those that the options name, else those that the
// first run was trained with.
import {
  type JudgeConfig,
  type JudgeConfigInput,
  judgeConfigSchema,
  sameJudge,
  servedModelOf,
  singleJudges,
} from '../../judge/config.ts'
import { readsEncoder } from '../../judge/judge.ts'
import { isEncoder, type JudgeModel } from '../../model/encoder.ts'
import type { TrainConfig } from '../../train/config.ts'
import { BumpError } from '../../util/errors.ts'
import type { ProfileSources } from './collect.ts'
import { nameOf } from './models.ts'

export interface JudgeChoice {
  /**
   * The judge's model, opened, or its name; default: that of the first run, else `model`. The embedding scorer's is an
   * encoder.
   */
  judgeModel?: JudgeModel | string
  /** In place of `judgeModel`: the name of a model on the server that judges. */
  servedJudge?: string
  /** How the judge scores; default: an opened encoder by embedding, else as the first run's, else by likelihood. */
  scorer?: JudgeConfig['scorer']
  /** How the listwise scorer answers. */
  decoder?: Extract<JudgeConfig, { scorer: 'listwise' }>['decoder']
  /**
   * Several judges, in place of `judgeModel`, `scorer` and `decoder`: tables of each. Default: every judge of the first
   * run. A judge that names no model reads with that of the run.
   */
  judges?: readonly JudgeConfigInput[]
}

/** A judge with what it reads with. */
export interface PlannedJudge {
  config: JudgeConfig
  model: JudgeModel | string
}

type Choosing = JudgeChoice & Partial<Pick<ProfileSources, 'model'>> & { runs?: readonly string[] }

/**
 * The judges that the options name, else those of the first run. Throws BumpError (`invalid-options`) where the options
 * do not belong together.
 */
export function judgesOf(options: Choosing, config: TrainConfig): PlannedJudge[] {
  const own = singleJudges(config.judge)
  const { judges, scorer, decoder, judgeModel, servedJudge } = options
  const wrong = (message: string) => new BumpError('invalid-options', message)
  if (judgeModel !== undefined && servedJudge !== undefined) throw wrong('name one judge: judgeModel, or servedJudge')
  if (judges) {
    if ([scorer, decoder, judgeModel, servedJudge].some((option) => option !== undefined))
      throw wrong('judges say what they read with and how: leave out judgeModel, servedJudge, scorer and decoder')
    const named = judges.map((input) => namedJudge(input, options, config))
    const twice = named.some(({ config: judge }, i) => named.slice(0, i).some((each) => sameJudge(each.config, judge)))
    if (judges.length === 0 || twice) throw wrong('judges: name at least one judge, and none twice')
    return named
  }
  if ([scorer, decoder, judgeModel, servedJudge].every((option) => option === undefined))
    return own.map((judge) => judgeOf(options, judge, config))
  return [judgeOf(options, own.find((judge) => judge.scorer === scorer) ?? own[0], config)]
}

/** One of `judges`, with what it reads with. */
function namedJudge(input: JudgeConfigInput, { runs = [], model }: Choosing, config: TrainConfig): PlannedJudge {
  const { data: judge, error } = judgeConfigSchema.safeParse(input)
  if (!judge) throw new BumpError('invalid-options', `judges: ${error.issues.map(({ message }) => message).join('; ')}`)
  const served = servedModelOf(judge)
  if (served !== undefined) return { model: served, config: { ...judge, ...budgetsOf(judge, config) } }
  const recorded = singleJudges(config.judge).find((each) => !readsEncoder(each))?.model
  const reader = judge.model ?? recorded ?? (runs.length > 0 ? config.model : model)
  if (reader === undefined)
    throw new BumpError('invalid-options', `judges: name the model that the ${judge.scorer} scorer reads with`)
  return { model: reader, config: { ...judge, ...budgetsOf(judge, config), model: nameOf(reader) } }
}

/** What a judge reads with, and how it scores; `own`: that of the first run. */
function judgeOf(options: Choosing, own: JudgeConfig, config: TrainConfig): PlannedJudge {
  const { judgeModel: given, servedJudge, runs = [], model } = options
  const opened = given !== undefined && typeof given !== 'string'
  const scorer = opened && isEncoder(given) ? (options.scorer ?? 'embedding') : options.scorer
  const encodes = readsEncoder({ scorer: scorer ?? own.scorer })
  if (encodes && servedJudge !== undefined)
    throw new BumpError(
      'invalid-options',
      'the embedding scorer reads with an encoder, which no server holds: name another scorer',
    )
  // The run's own judge, where it is of the same kind, else the model that became its generator.
  const recorded = readsEncoder(own) === encodes ? own.model : undefined
  const served = servedJudge ?? (given === undefined && !encodes ? servedModelOf(own) : undefined)
  const reader = given ?? served ?? recorded ?? (encodes ? undefined : runs.length > 0 ? config.model : model)
  if (reader === undefined)
    throw new BumpError(
      'invalid-options',
      'the embedding scorer needs an encoder: name it as the judge model, such as BAAI/bge-small-en-v1.5',
    )
  const judge = judgeConfigOf({ ...options, scorer }, nameOf(reader), own, config)
  if (judge.scorer === 'embedding') return { model: reader, config: judge }
  return { model: reader, config: { ...judge, ...(served ? { model: undefined } : {}), server: served } }
}

/** The scorer named, else that of the first run. */
function judgeConfigOf(
  { scorer, decoder }: Choosing,
  encoder: string,
  own: JudgeConfig,
  config: TrainConfig,
): JudgeConfig {
  const parsed = () => judgeConfigSchema.parse(scorer === 'embedding' ? { scorer, model: encoder } : { scorer })
  const named = scorer === undefined ? own : parsed()
  const budgets = budgetsOf(own, config)
  if (decoder === undefined && named.scorer === 'embedding') return { ...named, ...budgets, model: encoder }
  if (decoder === undefined) return { ...named, ...budgets }
  if (named.scorer !== 'listwise')
    throw new BumpError(
      'invalid-options',
      `a decoder belongs to the listwise scorer, but the judge's is ${named.scorer}`,
    )
  return { ...named, ...budgets, decoder }
}

/** The judge reads at least as much as the generator does. */
function budgetsOf({ maxProfileTokens, maxInteractionTokens }: JudgeConfig, { prompt }: TrainConfig) {
  return { maxProfileTokens: Math.max(maxProfileTokens, prompt.historyTokens), maxInteractionTokens }
}
