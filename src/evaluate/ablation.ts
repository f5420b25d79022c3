// The ablation of the reward (docs/method.md §10.2), pure: which configuration each variant trains with, and one table
// of all of them from what their runs measured. run-ablation.ts trains the runs between the two.
import type { DirectionIntervals, ProfileLine, Summary } from '../run/format.ts'
import type { TrainConfig } from '../train/config.ts'
import { BumpError } from '../util/errors.ts'
import { seedFrom } from '../util/random.ts'
import { bootstrapInterval, type Interval, mean } from '../util/stats.ts'
import type { ResultMetric, ResultRow, ResultTable } from './result.ts'

export const VARIANTS = ['both', 'forward', 'backward', 'no-length-penalty', 'in-batch', 'no-added'] as const
export type Variant = (typeof VARIANTS)[number]

const LABELS: Record<Variant, string> = {
  both: 'both directions',
  forward: 'forward only',
  backward: 'backward only',
  'no-length-penalty': 'no length penalty',
  'in-batch': 'no hard examples',
  'no-added': 'no added rewards',
}

/** A finished run of one variant. */
export interface VariantRun {
  variant: Variant
  seed: number
  summary: Summary
  /** Of the test users, in the same order in every run. */
  profiles: readonly ProfileLine[]
}

/** The variants of a configuration: what is not configured cannot be left out. */
export function variantsOf({ reward }: TrainConfig): Variant[] {
  const hard = reward.type === 'bidirectional' && reward.hardExamples !== undefined
  const absent: Variant[] = [...(hard ? [] : ['in-batch' as const]), ...(reward.added ? [] : ['no-added' as const])]
  return VARIANTS.filter((variant) => !absent.includes(variant))
}

/**
 * The configuration that a variant's run of a seed differs by: the reward's weights, the seed and the run's name.
 * Throws BumpError where the base configuration has no bidirectional reward, or leaves out what the variants leave out.
 */
export function variantConfig(base: TrainConfig, variant: Variant, seed: number): TrainConfig {
  const { reward } = base
  if (reward.type !== 'bidirectional')
    throw new BumpError(
      'invalid-options',
      `the ablation is of the bidirectional reward: reward.type cannot be ${reward.type}`,
    )
  for (const key of ['forwardWeight', 'backwardWeight', 'lengthPenalty'] as const)
    if (reward[key] === 0)
      throw new BumpError(
        'invalid-options',
        `reward.${key} is 0 in all variants: the ablation sets it to 0 where it belongs, leave it out`,
      )
  if (variant === 'in-batch' && !reward.hardExamples)
    throw new BumpError(
      'invalid-options',
      'the variant in-batch leaves out reward.hardExamples, which is not set: set its embedder, or leave out the variant',
    )
  if (variant === 'no-added' && !reward.added)
    throw new BumpError(
      'invalid-options',
      'the variant no-added leaves out the rewards of reward.added, and there are none: name some, or leave out the variant',
    )
  const change = {
    both: {},
    forward: { backwardWeight: 0 },
    backward: { forwardWeight: 0 },
    'no-length-penalty': { lengthPenalty: 0 },
    'in-batch': { hardExamples: undefined },
    'no-added': { added: undefined },
  }[variant]
  return { ...base, name: `${base.name}-${variant}-s${seed}`, seed, reward: { ...reward, ...change } }
}

/** Per-user numbers of one condition, the mean over its runs. */
type PerUser = Record<'forward' | 'backward' | 'both' | 'length', number[]>

/**
 * One table of zero-shot profiles, the variants and the raw history on the same users. With several seeds a user's
 * number is the mean over them. Throws BumpError where the runs are not of the same model, judge, logs and users.
 */
export function ablationTable(runs: readonly VariantRun[], bootstrapSeed: number): ResultTable {
  checkAlike(runs)
  const variants = VARIANTS.filter((variant) => runs.some((run) => run.variant === variant))
  const of = (variant: Variant) => runs.filter((run) => run.variant === variant)
  const interval = (values: readonly number[]) =>
    bootstrapInterval(values, { seed: seedFrom('bootstrap', bootstrapSeed) })
  const scores = new Map<string, PerUser>([
    ['zero-shot', perUser(of(variants[0]), 'before')],
    ...variants.map((variant) => [variant, perUser(of(variant), 'after')] as const),
  ])
  const label = (condition: string) => LABELS[condition as Variant] ?? 'zero-shot'
  const { summary, profiles } = runs[0]
  const rows: ResultRow[] = [...scores].map(([condition, values]) => ({
    condition,
    label: label(condition),
    n: profiles.length,
    values: eachMetric((key) => interval(values[key])),
  }))
  rows.push({ condition: 'history', label: 'raw history', n: profiles.length, values: { ...summary.controls.history } })
  const pairs = [
    ...variants.map((variant) => [variant, 'zero-shot'] as const),
    ...(variants.includes('both') ? variants.slice(1).map((variant) => [variant, 'both'] as const) : []),
  ]
  return {
    title: `Ablation of the reward: NDCG of ${profiles.length} users never trained on`,
    notes: notesOf(runs, variants),
    metrics: metricsOf(summary.chance),
    rows,
    differences: pairs.map(([a, b]) => ({
      a,
      b,
      values: eachMetric((key) => interval(scores.get(a)![key].map((value, u) => value - scores.get(b)![key][u]))),
    })),
  }
}

function eachMetric(value: (key: keyof PerUser) => Interval): Record<keyof PerUser, Interval> {
  return { forward: value('forward'), backward: value('backward'), both: value('both'), length: value('length') }
}

function metricsOf(chance: Summary['chance']): ResultMetric[] {
  return [
    { key: 'forward', label: 'NDCG forward', higherIsBetter: true, chance: chance.forward },
    { key: 'backward', label: 'NDCG backward', higherIsBetter: true, chance: chance.backward },
    { key: 'both', label: 'NDCG both', higherIsBetter: true, chance: (chance.forward + chance.backward) / 2 },
    { key: 'length', label: 'profile tokens', higherIsBetter: false, chance: null },
  ]
}

function perUser(runs: readonly VariantRun[], side: 'before' | 'after'): PerUser {
  const over = (value: (scores: ProfileLine['before']) => number) =>
    runs[0].profiles.map((_, u) => mean(runs.map(({ profiles }) => value(profiles[u][side]))))
  return {
    forward: over(({ forward }) => forward),
    backward: over(({ backward }) => backward),
    both: over(({ forward, backward }) => (forward + backward) / 2),
    length: over(({ tokens }) => tokens),
  }
}

function notesOf(runs: readonly VariantRun[], variants: readonly Variant[]): string[] {
  const seeds = [...new Set(runs.map(({ seed }) => seed))]
  const each = (text: (run: VariantRun) => string) =>
    variants
      .map((variant) => {
        const own = runs.filter((run) => run.variant === variant)
        return `${LABELS[variant]} ${own.map(text).join(', ')}`
      })
      .join('; ')
  const { summary } = runs[0]
  const figure = (intervals: DirectionIntervals | null) => intervals?.both.mean.toFixed(3) ?? '-'
  return [
    'Every row is judged in both directions, whatever its reward was; all rows are of the same users in the same pools.',
    ...(summary.judges
      ? [
          'By the judge of the training. What the others gave stands in summary.json of each run; bump evaluate profiles --judge has a table of each.',
        ]
      : []),
    seeds.length === 1
      ? `95 % intervals by a bootstrap over users; one seed (${seeds[0]}), so they do not hold the variation between runs of other seeds.`
      : `95 % intervals by a bootstrap over users, of each user's mean over the seeds ${seeds.join(', ')}. NDCG both by seed: ${each(({ summary: { after } }) => figure(after))}; largest spread between seeds ${largestSpread(runs, variants).toFixed(3)}.`,
    `Mismatched profiles (another user's, must be near chance), NDCG both: ${each(({ summary: { controls } }) => figure(controls.mismatched))}.`,
    `Best checkpoint, by each run's own reward on validation users: ${each(({ summary: { bestStep, steps } }) => `step ${bestStep} of ${steps}`)}.`,
    `Model ${String(summary.model.name)}, judge ${String(summary.judge?.name)} (${String(summary.judge?.scorer)}).`,
  ]
}

/** Largest difference of NDCG both between two seeds of one variant. */
function largestSpread(runs: readonly VariantRun[], variants: readonly Variant[]): number {
  const spreads = variants.map((variant) => {
    const means = runs.filter((run) => run.variant === variant).map(({ summary }) => summary.after.both.mean)
    return Math.max(...means) - Math.min(...means)
  })
  return Math.max(...spreads)
}

function checkAlike(runs: readonly VariantRun[]): void {
  const identity = ({ summary: { model, judge, data }, profiles }: VariantRun) =>
    JSON.stringify([model.digest, judge, data.digest, profiles.map(({ user }) => user)])
  const other = runs.find((run) => identity(run) !== identity(runs[0]))
  if (other)
    throw new BumpError(
      'evaluation-failed',
      `the runs of ${runs[0].variant}, seed ${runs[0].seed}, and ${other.variant}, seed ${other.seed}, are of different models, judges, logs or users: their numbers cannot be compared. Start the ablation under another name.`,
    )
}
