// The table of the scorers, and from it the options of the judge, checked once at the edge (docs/method.md §5). Each
// scorer is a variant with its own vetted defaults.
import { z } from 'zod'
import { embedding } from './embedding.ts'
import { likelihood } from './likelihood.ts'
import { listwise } from './listwise.ts'
import { pointwise } from './pointwise.ts'

/** Every scorer, the default first. To add one: write a file like these, and name it here. */
export const SCORERS = [likelihood, pointwise, listwise, embedding] as const

/** [scorer] its options. */
type ConfigsOf<Scorers extends readonly { config: unknown }[]> = { [S in keyof Scorers]: Scorers[S]['config'] }

/** `judge.scorer` of each, in the order of the table. */
export const SCORER_NAMES: readonly JudgeConfig['scorer'][] = SCORERS.map(({ config }) => config.shape.scorer.value)

const variants = z.discriminatedUnion(
  'scorer',
  SCORERS.map(({ config }) => config) as unknown as ConfigsOf<typeof SCORERS>,
)

/** How candidates are scored; default: the likelihood scorer. */
export const judgeConfigSchema = variants.prefault({ scorer: 'likelihood' })

export type JudgeConfig = z.infer<typeof variants>

/** The options as a user writes them: everything but the scorer may be left out. */
export type JudgeConfigInput = z.input<typeof variants>
