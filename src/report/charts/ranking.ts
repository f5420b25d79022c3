// Curves of what training is for: NDCG in both directions, of the rollouts and of the validation users.
import type { RunData } from '../run-data.ts'
import type { Chart, Line, LineStyle } from './chart.ts'
import { chanceLines, points, runLines } from './lines.ts'

const DIRECTIONS = [
  {
    direction: 'forward',
    title: 'Forward NDCG',
    caption:
      'Given a profile, the judge looks for its user’s own later interactions among those of others. 1 is perfect.',
  },
  {
    direction: 'backward',
    title: 'Backward NDCG',
    caption:
      'Given a later interaction, the judge looks for its user’s own profile among those of others. 1 is perfect.',
  },
]

interface Part {
  label: string
  metric(direction: string): string
  chance(direction: string): string
  /** Of a single run's line. */
  style: LineStyle
}

const PARTS: Part[] = [
  {
    label: 'validation',
    metric: (direction) => `eval/${direction}`,
    chance: (direction) => `eval/chance/${direction}`,
    style: { color: 'var(--accent)', dash: '', width: 2.5, marker: 'circle' },
  },
  {
    label: 'rollouts',
    metric: (direction) => `rewards/${direction}/mean`,
    chance: (direction) => `chance/${direction}`,
    style: { color: 'var(--muted)', dash: '', width: 1.25 },
  },
]

/** A chart for each direction; with several runs, one for each direction and part. All have one vertical axis. */
export function rankingCharts(runs: readonly RunData[]): Chart[] {
  const charts = DIRECTIONS.flatMap(({ direction, title, caption }): Chart[] => {
    const chart = { caption, unit: 'NDCG' }
    if (runs.length === 1) return [{ ...chart, title, lines: linesOf(runs[0], direction) }]
    return PARTS.map(({ label, metric, chance }) => ({
      ...chart,
      title: `${title}, ${label}`,
      lines: [
        ...runLines(runs, metric(direction), label),
        ...chanceLines(runs.map((run) => ({ name: run.name, points: points(run, chance(direction), runs.length) }))),
      ],
    }))
  }).filter(({ lines }) => lines.some(({ reference }) => !reference))
  const values = charts.flatMap(({ lines }) => lines.flatMap((line) => line.points.map(([, value]) => value)))
  const low = values.reduce((a, b) => Math.min(a, b), 1)
  return charts.map((chart) => ({ ...chart, domain: [Math.max(0, Math.floor(low * 10) / 10), 1] }))
}

/** Both parts of one run, each beside its own chance: pools of rollouts may hold fewer negatives. */
function linesOf(run: RunData, direction: string): Line[] {
  const lines = PARTS.flatMap(({ label, metric, style }): Line[] => {
    const series = points(run, metric(direction), 1)
    return series.length === 0 ? [] : [{ label, style, points: series }]
  })
  const chances = PARTS.map(({ label, chance }) => ({ name: label, points: points(run, chance(direction), 1) }))
  return [...lines, ...chanceLines(chances)]
}
