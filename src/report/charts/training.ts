// The other curves of training: reward, losses, lengths, entropy and their like, and seconds by phase.
import { formatNumber } from '../format.ts'
import type { RunData } from '../run-data.ts'
import { bins, type Combine } from '../series.ts'
import type { Chart, Stack } from './chart.ts'
import { points, runLines } from './lines.ts'

interface Metric {
  name: string
  title: string
  caption: string
  /** Title of the vertical axis. */
  unit: string
  /** How neighbouring steps of long runs become one point; default: their mean. */
  combine?: Combine
  /** Name of the line where there is one run only; default: the title. */
  line?: string
  /** Only runs of this kind have a curve worth drawing. */
  kind?: RunData['kind']
}

const METRICS: Metric[] = [
  {
    name: 'reward',
    title: 'Reward',
    unit: 'reward',
    caption: 'What is maximised: the reward’s terms less the penalties, mean over the rollouts of a step.',
  },
  {
    name: 'rewards/labels/mean',
    title: 'Label reward',
    unit: 'task metric',
    caption: 'The task’s own metric, mean over the rollouts of a step.',
  },
  {
    name: 'eval/labels',
    title: 'Label reward, validation',
    unit: 'task metric',
    caption: 'The task’s own metric, mean over the validation users.',
  },
  // The loss of a policy gradient hovers about 0 whatever is learned.
  { name: 'loss', title: 'Training loss', unit: 'nats per token', caption: 'Of each step’s batch.', kind: 'sft' },
  {
    name: 'eval_loss',
    title: 'Validation loss',
    unit: 'nats per token',
    caption: 'On users that are not trained on. Lower is better.',
    kind: 'sft',
  },
  {
    name: 'completions/mean_length',
    title: 'Profile length',
    line: 'mean',
    unit: 'tokens',
    caption: 'Of the rollouts of a step.',
  },
  {
    name: 'entropy',
    title: 'Entropy',
    unit: 'nats per token',
    caption: 'How undecided the model is at each token. Near 0 it always writes the same.',
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
    name: 'dropped_groups',
    title: 'Groups without signal',
    unit: 'groups',
    caption: 'Groups whose rollouts all ranked alike: they give no gradient.',
  },
  {
    name: 'grad_norm',
    title: 'Gradient norm',
    unit: 'norm before clipping',
    caption: 'In long runs a point is the largest of its steps.',
    combine: 'max',
  },
  { name: 'learning_rate', title: 'Learning rate', unit: 'learning rate', caption: 'After warm-up and schedule.' },
]

/**
 * The curves, a phrase for each series that never changes and needs none, and the titles of those that a run may leave
 * out and that no run has.
 */
export function trainingCharts(runs: readonly RunData[]): {
  charts: Chart[]
  constant: string[]
  unmeasured: string[]
} {
  const charts: Chart[] = []
  const constant: string[] = []
  const unmeasured: string[] = []
  for (const { name, title, caption, unit, combine, line, kind } of METRICS) {
    const lines = runLines(runs, name, line ?? title.toLowerCase(), { combine, kind })
    const values = new Set(lines.flatMap(({ points: series }) => series.map(([, value]) => value)))
    const band = name === 'completions/mean_length' && runs.length === 1 ? lengthBand(runs[0]) : undefined
    if (values.size === 1 && !band) constant.push(`${title}: ${formatNumber([...values][0])} (${unit})`)
    else if (values.size > 0) charts.push({ title, caption, unit, lines, band })
    else if (name === 'kl' && runs.some((run) => run.metrics.has('entropy') && run.kind !== 'sft'))
      unmeasured.push(title)
  }
  return { charts, constant, unmeasured }
}

/** From the shortest to the longest rollout of each step. */
function lengthBand(run: RunData): Chart['band'] {
  const low = points(run, 'completions/min_length', 1, 'min')
  const high = points(run, 'completions/max_length', 1, 'max')
  if (low.length === 0 || low.length !== high.length) return undefined
  return { label: 'shortest to longest', points: low.map(([step, value], i) => [step, value, high[i][1]]) }
}

/** Bars of a stacked chart. */
const BARS = 120

const PHASES = [
  { phase: 'rollout', metric: 'time/rollout', fill: 'var(--accent)' },
  { phase: 'judge', metric: 'time/judge', fill: 'url(#hatch)' },
  { phase: 'train', metric: 'time/train', fill: 'url(#dots)' },
  { phase: 'validation', metric: 'time/validation', fill: 'var(--muted)' },
]

/** Seconds by phase over the steps of one run, stacked; undefined where the run tells none. */
export function secondsChart(run: RunData, title: string): Chart | undefined {
  // A run of SFT has one phase besides validation, and logs it as the step's time.
  const series = PHASES.flatMap(({ phase, metric, fill }) => {
    const seconds = run.metrics.get(run.kind === 'sft' && phase === 'train' ? 'step_time' : metric)
    return seconds ? [{ phase, fill, seconds: new Map(seconds) }] : []
  })
  if (series.length === 0) return undefined
  const steps = [...new Set(series.flatMap(({ seconds }) => [...seconds.keys()]))].sort((a, b) => a - b)
  const stacks = series.map(({ phase, fill }): Stack => ({ label: phase, fill, bars: [] }))
  for (const bin of bins(steps, BARS)) {
    let base = 0
    for (const [i, { seconds }] of series.entries()) {
      const height = bin.reduce((sum, step) => sum + (seconds.get(step) ?? 0), 0) / bin.length
      const top = Number((base + height).toPrecision(4))
      stacks[i].bars.push([bin[0] - 0.5, bin.at(-1)! + 0.5, base, top])
      base = top
    }
  }
  const caption = 'Wall-clock time by what it was spent on, stacked from the bottom in the order of the legend.'
  return { title, caption, unit: 'seconds per step', lines: [], stacks }
}
