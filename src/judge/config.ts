// The table of the scorers, and from it the options of the judge, checked once at the edge (docs/method.md §5). Each
// scorer is a variant with its own vetted defaults.
import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import { embedding } from './embedding.ts'
import { likelihood } from './likelihood.ts'
import { listwise } from './listwise.ts'
import { pointwise } from './pointwise.ts'

/** How the NDCG that several judges give to a profile become one, in each direction. */
export const COMBINATIONS = ['mean', 'worst'] as const
export type Combination = (typeof COMBINATIONS)[number]

/** Every scorer, the default first. To add one: write a file like these, and name it here. */
export const SCORERS = [likelihood, pointwise, listwise, embedding] as const

/** [scorer] its options. */
type ConfigsOf<Scorers extends readonly { config: unknown }[]> = { [S in keyof Scorers]: Scorers[S]['config'] }

/** `judge.scorer` of each, in the order of the table. */
export const SCORER_NAMES: readonly JudgeConfig['scorer'][] = SCORERS.map(({ config }) => config.shape.scorer.value)

const scorers = SCORERS.map(({ config }) => config) as unknown as ConfigsOf<typeof SCORERS>

const oneJudge = z.discriminatedUnion('scorer', scorers)

/** How candidates are scored; default: the likelihood scorer. */
export const judgeConfigSchema = oneJudge.prefault({ scorer: 'likelihood' })

export type JudgeConfig = z.infer<typeof oneJudge>

/** The options as a user writes them: everything but the scorer may be left out. */
export type JudgeConfigInput = z.input<typeof oneJudge>

const several = z
  .strictObject({
    scorer: z.literal('several'),
    combine: z
      .enum(COMBINATIONS)
      .default('mean')
      .describe(
        'What a profile gets of the NDCG that the judges give it, in each direction: their mean, or the worst.',
      ),
    judges: z.array(oneJudge).min(2, 'name at least two judges').describe('The judges, each a section like this one.'),
  })
  .refine(({ judges }) => !judges.some((judge, i) => judges.slice(0, i).some((before) => sameJudge(judge, before))), {
    path: ['judges'],
    error: 'two of the judges are the same: it would count twice',
  })

const anyJudge = z.discriminatedUnion('scorer', [...scorers, several])

/** One judge, or several in its place; default: as `judgeConfigSchema`. */
export const anyJudgeConfigSchema = anyJudge.prefault({ scorer: 'likelihood' })

export type AnyJudgeConfig = z.infer<typeof anyJudge>
export type AnyJudgeConfigInput = z.input<typeof anyJudge>

/** The judges of a configuration: several, or the one. */
export function singleJudges(config: AnyJudgeConfig): readonly JudgeConfig[] {
  return config.scorer === 'several' ? config.judges : [config]
}

/** The name of the model on a server that a judge reads with; undefined where it reads with one of this machine. */
export function servedModelOf(judge: JudgeConfig): string | undefined {
  return judge.scorer === 'embedding' ? undefined : judge.server
}

/** The configuration with each of its judges changed. */
export function mapJudges(
  config: AnyJudgeConfig,
  change: (judge: JudgeConfig, index: number) => JudgeConfig,
): AnyJudgeConfig {
  return config.scorer === 'several' ? { ...config, judges: config.judges.map(change) } : change(config, 0)
}

/** Whether two judges give the same scores. `base`: what a judge reads with that names no model. */
export function sameJudge(a: JudgeConfig, b: JudgeConfig, base?: string): boolean {
  const named = (judge: JudgeConfig) => (servedModelOf(judge) ? judge : { ...judge, model: judge.model ?? base })
  return isDeepStrictEqual(named(a), named(b))
}
