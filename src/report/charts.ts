// What the report's charts show, as data: which series of which runs, how each line is told from the others without
// colour, and the sentence that reads the chart aloud. Drawing is done in the page (assets/report/charts.js).
import { formatNumber } from './format.ts'
import type { RunData } from './read-run.ts'
import { bins, type Combine, downsample, type Point } from './series.ts'

/** How a line looks: told apart by dash and marker, not by colour alone. */
export interface LineStyle {
  /** CSS colour. */
  color: string
  /** SVG dash array; empty is solid. */
  dash: string
  width: number
  /** Marker of each point, as Observable Plot names its symbols; absent: none. */
  marker?: 'circle' | 'square' | 'triangle' | 'diamond' | 'star' | 'cross' | 'wye' | 'times'
}

export interface Line {
  label: string
  style: LineStyle
  points: readonly Point[]
}

/** Rectangles over [from, to] and [low, high], stacked on each other. */
export interface Stack {
  label: string
  /** CSS paint; patterns tell layers apart without colour. */
  fill: string
  bars: readonly (readonly [from: number, to: number, low: number, high: number])[]
}

export interface Chart {
  title: string
  /** What is shown and how to read it. */
  caption: string
  /** Title of the vertical axis, with its unit. */
  unit: string
  lines: Line[]
  /** Area between two series of the same steps: [step, low, high]. */
  band?: { label: string; points: readonly (readonly [number, number, number])[] }
  stacks?: Stack[]
  /** Of the vertical axis; default: from the data. */
  domain?: [number, number]
}

/** Points of a line in a report of one run, and in one of several. */
const POINTS = { single: 240, several: 120 }
/** Bars of a stacked chart. */
const BARS = 60

const STYLES: LineStyle[] = [
  { color: 'var(--accent)', dash: '', width: 2, marker: 'circle' },
  { color: 'var(--series-2)', dash: '7 4', width: 2, marker: 'square' },
  { color: 'var(--series-3)', dash: '2 3', width: 2, marker: 'triangle' },
  { color: 'var(--series-4)', dash: '9 3 2 3', width: 2, marker: 'diamond' },
  { color: 'var(--series-5)', dash: '12 4', width: 2, marker: 'star' },
  { color: 'var(--series-6)', dash: '1 4', width: 2, marker: 'cross' },
  { color: 'var(--series-7)', dash: '5 2', width: 2, marker: 'wye' },
  { color: 'var(--series-8)', dash: '9 2 2 2 2 2', width: 2, marker: 'times' },
]
const CHANCE: LineStyle = { color: 'var(--muted)', dash: '2 4', width: 1.5 }

/** Most runs that a report can tell apart. */
export const MAX_RUNS = STYLES.length

/** Style of the i-th run wherever several are drawn together. */
export function runStyle(index: number): LineStyle {
  return STYLES[index]
}

interface Metric {
  name: string
  title: string
  caption: string
  unit: string
  combine?: Combine
}

/** NDCG of both directions, of the rollouts and of the validation users; with several runs a chart for each. */
export function rankingCharts(runs: readonly RunData[]): Chart[] {
  const parts = [
    {
      part: 'rollouts',
      metric: (direction: string) => `rewards/${direction}/mean`,
      chance: (d: string) => `chance/${d}`,
    },
    {
      part: 'validation',
      metric: (direction: string) => `eval/${direction}`,
      chance: (d: string) => `eval/chance/${d}`,
    },
  ]
  const reading = {
    forward: 'Given a profile, the judge looks for its user’s own later records among those of others.',
    backward: 'Given a later record, the judge looks for its user’s own profile among those of others.',
  }
  const charts = (['forward', 'backward'] as const).flatMap((direction) => {
    const chart = (title: string, lines: Line[]): Chart => ({
      title,
      caption: `${reading[direction]} 1 is perfect; the dotted line is chance.`,
      unit: 'NDCG',
      lines,
    })
    if (runs.length > 1)
      return parts.map(({ part, metric, chance }) =>
        chart(
          `${direction === 'forward' ? 'Forward' : 'Backward'} NDCG, ${part === 'rollouts' ? 'training rollouts' : 'validation users'}`,
          [...runLines(runs, { name: metric(direction) }), ...chanceLines(runs, chance(direction))],
        ),
      )
    const lines = parts.flatMap(({ part, metric }, i) => {
      const points = thinned(runs[0], metric(direction), 'mean', POINTS.single)
      return points.length === 0 ? [] : [{ label: part, style: PART_STYLES[i], points }]
    })
    const chances = parts.flatMap(({ part, chance }) =>
      flattened(thinned(runs[0], chance(direction), 'mean', POINTS.single), `chance, ${part}`),
    )
    return [chart(direction === 'forward' ? 'Forward NDCG' : 'Backward NDCG', [...lines, ...merged(chances)])]
  })
  const shown = charts.filter(hasSeries)
  const values = shown.flatMap(({ lines }) => lines.flatMap(({ points }) => points.map(([, value]) => value)))
  const low = values.reduce((a, b) => Math.min(a, b), 1)
  const domain: [number, number] = [Math.max(0, Math.floor(low * 10) / 10), 1]
  return shown.map((chart) => ({ ...chart, domain }))
}

const PART_STYLES: LineStyle[] = [
  { color: 'var(--muted)', dash: '', width: 1.25 },
  { color: 'var(--accent)', dash: '', width: 2.5, marker: 'circle' },
]

const METRICS: Metric[] = [
  {
    name: 'reward',
    title: 'Reward',
    unit: 'reward',
    caption:
      'What is maximised: the weighted NDCG of both directions less the penalties, mean over the rollouts of a step.',
  },
  {
    name: 'rewards/labels/mean',
    title: 'Label reward',
    unit: 'task metric',
    caption: 'The task’s own metric as the reward, mean over the rollouts of a step.',
  },
  { name: 'loss', title: 'Training loss', unit: 'loss', caption: 'The loss of each optimiser step.' },
  {
    name: 'eval_loss',
    title: 'Validation loss',
    unit: 'nats per token',
    caption: 'Loss on users that are not trained on; lower is better.',
  },
  {
    name: 'completions/mean_length',
    title: 'Profile length',
    unit: 'tokens',
    caption: 'Mean over the rollouts of a step; with one run, the band spans the shortest and the longest.',
  },
  {
    name: 'entropy',
    title: 'Entropy',
    unit: 'nats per token',
    caption: 'How undecided the generator is at each token. Near 0, all rollouts are alike and nothing is learned.',
  },
  {
    name: 'kl',
    title: 'KL to the frozen base',
    unit: 'nats per token',
    caption: 'How far the generator has moved from where it started (k3 estimator).',
  },
  {
    name: 'clip_ratio/region_mean',
    title: 'Clipped tokens',
    unit: 'share of tokens',
    caption: 'Tokens whose probability ratio was clipped.',
  },
  {
    name: 'completions/clipped_ratio',
    title: 'Profiles cut at the token limit',
    unit: 'share of profiles',
    caption: 'Rollouts that did not end by themselves.',
  },
  {
    name: 'frac_reward_zero_std',
    title: 'Groups without signal',
    unit: 'share of groups',
    caption: 'Groups whose rollouts all ranked alike: they give no gradient.',
  },
  {
    name: 'grad_norm',
    title: 'Gradient norm',
    unit: 'norm before clipping',
    caption: 'Spikes are steps that were hard to learn from.',
    combine: 'max',
  },
  { name: 'learning_rate', title: 'Learning rate', unit: 'learning rate', caption: 'After warm-up and schedule.' },
]

/** The other curves, and a line of text for each series that never changes and needs no chart. */
export function trainingCharts(runs: readonly RunData[]): { charts: Chart[]; constant: string[] } {
  const charts: Chart[] = []
  const constant: string[] = []
  for (const metric of METRICS) {
    const lines = runLines(runs, metric)
    const values = new Set(lines.flatMap(({ points }) => points.map(([, value]) => value)))
    if (values.size === 0 || isLossOfRewards(metric, runs)) continue
    if (values.size === 1) constant.push(`${metric.title}: ${formatNumber([...values][0])} throughout (${metric.unit})`)
    else
      charts.push({
        title: metric.title,
        caption: metric.caption,
        unit: metric.unit,
        lines,
        band: runs.length === 1 ? bandOf(runs[0], metric) : undefined,
      })
  }
  return { charts, constant }
}

/** The loss of a policy gradient hovers about 0 whatever is learned: drawn for supervised runs only. */
function isLossOfRewards({ name }: Metric, runs: readonly RunData[]): boolean {
  return name === 'loss' && runs.every(({ kind }) => kind === 'grpo')
}

function bandOf(run: RunData, { name }: Metric): Chart['band'] {
  if (name !== 'completions/mean_length') return undefined
  const low = thinned(run, 'completions/min_length', 'min', POINTS.single)
  const high = thinned(run, 'completions/max_length', 'max', POINTS.single)
  if (low.length === 0 || low.length !== high.length) return undefined
  return { label: 'shortest to longest', points: low.map(([step, value], i) => [step, value, high[i][1]]) }
}

const PHASES: { phase: string; fill: string }[] = [
  { phase: 'rollout', fill: 'var(--accent)' },
  { phase: 'judge', fill: 'url(#hatch)' },
  { phase: 'train', fill: 'url(#dots)' },
  { phase: 'validation', fill: 'var(--muted)' },
]

/** Seconds by phase over the steps of one run, stacked; undefined where the run tells none. */
export function secondsChart(run: RunData, title: string): Chart | undefined {
  const series = PHASES.map(({ phase, fill }) => ({
    phase,
    fill,
    points: run.metrics.get(`time/${phase}`) ?? [],
  })).filter(({ points }) => points.length > 0)
  if (series.length === 0) return undefined
  const steps = [...new Set(series.flatMap(({ points }) => points.map(([step]) => step)))].sort((a, b) => a - b)
  const seconds = series.map(({ points }) => new Map(points))
  const stacks: Stack[] = series.map(({ phase, fill }) => ({ label: phase, fill, bars: [] }))
  for (const bin of bins(steps, BARS)) {
    let base = 0
    for (const [i, values] of seconds.entries()) {
      const height = bin.reduce((sum, step) => sum + (values.get(step) ?? 0), 0) / bin.length
      stacks[i].bars = [...stacks[i].bars, [bin[0] - 0.5, bin.at(-1)! + 0.5, base, base + height]]
      base += height
    }
  }
  return {
    title,
    caption: 'Wall-clock seconds of a step, by what they were spent on, stacked in the order of the legend.',
    unit: 'seconds per step',
    lines: [],
    stacks,
  }
}

/** The chart in words, for those who cannot see it. */
export function spoken({ title, unit, lines, stacks }: Chart): string {
  const told = lines.map(({ label, points }) => {
    const [first, last] = [points[0], points.at(-1)!]
    if (first[1] === last[1]) return `${label}: ${formatNumber(last[1])}`
    return `${label}: ${formatNumber(first[1])} at step ${first[0]}, ${formatNumber(last[1])} at step ${last[0]}`
  })
  const layers = (stacks ?? []).map(({ label, bars }) => {
    const mean = bars.reduce((sum, [, , low, high]) => sum + high - low, 0) / bars.length
    return `${label}: ${formatNumber(mean)} on average`
  })
  return `Chart of ${title} by step, ${unit}. ${[...told, ...layers].join('; ')}.`
}

function hasSeries({ lines }: Chart): boolean {
  return lines.some(({ style }) => style !== CHANCE)
}

function runLines(runs: readonly RunData[], { name, combine }: Pick<Metric, 'name' | 'combine'>): Line[] {
  const limit = runs.length === 1 ? POINTS.single : POINTS.several
  return runs.flatMap((run, i) => {
    const points = thinned(run, name, combine ?? 'mean', limit)
    return points.length === 0 ? [] : [{ label: run.name, style: marked(runStyle(i), points.length), points }]
  })
}

/** A marker on each of many points hides the line; then the dash alone tells it. */
function marked(style: LineStyle, points: number): LineStyle {
  return points <= 30 ? style : { ...style, marker: undefined }
}

function thinned(run: RunData, name: string, combine: Combine, limit: number): readonly Point[] {
  const points = downsample(run.metrics.get(name) ?? [], limit, combine)
  return points.map(([step, value]) => [step, Number(value.toPrecision(4))])
}

function chanceLines(runs: readonly RunData[], name: string): Line[] {
  return merged(
    runs.flatMap((run) =>
      flattened(thinned(run, name, 'mean', POINTS.several), runs.length === 1 ? 'chance' : `chance, ${run.name}`),
    ),
  )
}

/** A chance line that hardly moves is drawn by its two ends. */
function flattened(points: readonly Point[], label: string): Line[] {
  if (points.length === 0) return []
  const values = points.map(([, value]) => value)
  const flat = Math.max(...values) - Math.min(...values) < 0.002
  return [{ label, style: CHANCE, points: flat ? [points[0], points.at(-1)!] : points }]
}

/** Chance lines that lie on each other are drawn once. */
function merged(lines: readonly Line[]): Line[] {
  const first = lines[0]
  const same = lines.every(
    ({ points }) => points.length === 2 && points.every(([, value]) => Math.abs(value - first.points[0][1]) < 0.002),
  )
  if (first === undefined || !same) return [...lines]
  const steps = lines.flatMap(({ points }) => points.map(([step]) => step))
  const value = first.points[0][1]
  return [
    {
      label: 'chance',
      style: CHANCE,
      points: [
        [Math.min(...steps), value],
        [Math.max(...steps), value],
      ],
    },
  ]
}
