// Lines of charts from the metrics of runs: thinned, styled by run, and chance to compare them with.
import type { RunData } from '../read-run.ts'
import { type Combine, downsample, type Point } from '../series.ts'
import { type Line, type LineStyle, runStyle } from './chart.ts'

/** Points of a line in a report of one run, and in one of several. */
const POINTS = { single: 240, several: 120 }

const CHANCE: LineStyle = { color: 'var(--muted)', dash: '2 4', width: 1.5 }
/** Further chance lines of the same chart. */
const OTHER_CHANCE: LineStyle = { color: 'var(--muted)', dash: '7 3 2 3', width: 1 }
/** Values closer than this are one line to the eye. */
const SAME = 0.002

/** A metric of a run, with no more points than a report of so many runs can hold. */
export function points(run: RunData, metric: string, runs: number, combine: Combine = 'mean'): readonly Point[] {
  const thinned = downsample(run.metrics.get(metric) ?? [], runs === 1 ? POINTS.single : POINTS.several, combine)
  return thinned.map(([step, value]) => [step, Number(value.toPrecision(4))])
}

/** One line a run that has the metric. A single run's line is called `label`. */
export function runLines(runs: readonly RunData[], metric: string, label: string, combine?: Combine): Line[] {
  return runs.flatMap((run, i) => {
    const series = points(run, metric, runs.length, combine)
    if (series.length === 0) return []
    return [{ label: runs.length === 1 ? label : run.name, style: runStyle(i, series.length), points: series }]
  })
}

/** A line of chance, drawn by its two ends where it hardly moves. */
export function chanceLine(series: readonly Point[], label: string): Line[] {
  if (series.length === 0) return []
  const values = series.map(([, value]) => value)
  const flat = Math.max(...values) - Math.min(...values) < SAME
  return [{ label, reference: true, style: CHANCE, points: flat ? [series[0], series.at(-1)!] : series }]
}

/** Chance lines that lie on each other are drawn as one. */
export function mergedChance(lines: readonly Line[]): Line[] {
  const values = lines.flatMap((line) => line.points.map(([, value]) => value))
  if (lines.length === 0 || Math.max(...values) - Math.min(...values) >= SAME)
    return lines.map((line, i) => ({ ...line, style: i === 0 ? CHANCE : OTHER_CHANCE }))
  const steps = lines.flatMap((line) => line.points.map(([step]) => step))
  const ends: Point[] = [Math.min(...steps), Math.max(...steps)].map((step) => [step, values[0]])
  return [{ label: 'chance', reference: true, style: CHANCE, points: ends }]
}
