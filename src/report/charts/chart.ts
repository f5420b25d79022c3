// What a chart of the report is, as data: lines that are told from each other without colour, and the sentence that
// reads the chart aloud. Drawing is done in the page (assets/report/charts.js).
import { formatNumber } from '../format.ts'
import type { Point } from '../series.ts'

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
  /** A line to compare with, such as chance: left out of the values at the pointer. */
  reference?: true
}

/** One layer of rectangles over the steps [from, to] and the values [low, high]. */
export interface Stack {
  label: string
  /** CSS paint; patterns tell layers apart without colour. */
  fill: string
  bars: (readonly [from: number, to: number, low: number, high: number])[]
}

export interface Chart {
  title: string
  /** What is shown and how to read it. */
  caption: string
  /** Title of the vertical axis, with its unit. */
  unit: string
  /** Title of the horizontal axis; default: steps of a run. */
  axis?: string
  lines: Line[]
  /** Area between two series of the same steps. */
  band?: { label: string; points: (readonly [step: number, low: number, high: number])[] }
  stacks?: Stack[]
  /** Of the vertical axis; default: from the data. */
  domain?: [low: number, high: number]
}

const RUN_STYLES: LineStyle[] = [
  { color: 'var(--accent)', dash: '', width: 2, marker: 'circle' },
  { color: 'var(--series-2)', dash: '7 4', width: 2, marker: 'square' },
  { color: 'var(--series-3)', dash: '2 3', width: 2, marker: 'triangle' },
  { color: 'var(--series-4)', dash: '9 3 2 3', width: 2, marker: 'diamond' },
  { color: 'var(--series-5)', dash: '14 4', width: 2, marker: 'star' },
  { color: 'var(--series-6)', dash: '1 5', width: 2, marker: 'cross' },
  { color: 'var(--series-7)', dash: '5 2', width: 2, marker: 'wye' },
  { color: 'var(--series-8)', dash: '9 2 2 2 2 2', width: 2, marker: 'times' },
]

/** Most runs that a report can tell apart. */
export const MAX_RUNS = RUN_STYLES.length

/** Points up to which each has its marker: more would hide the line, and then its dash alone tells it. */
const MARKED_POINTS = 30

/** Style of the i-th run's line of so many points, wherever several runs are drawn together. */
export function runStyle(index: number, points: number): LineStyle {
  const style = RUN_STYLES[index]
  return points <= MARKED_POINTS ? style : { ...style, marker: undefined }
}

/** The chart in words, for those who cannot see it. */
export function spoken({ title, unit, axis = 'step', lines, stacks }: Chart): string {
  const at = (x: number) => `${axis} ${axis === 'step' ? x : formatNumber(x)}`
  const told = lines.map(({ label, points, reference }) => {
    const [first, last] = [points[0], points.at(-1)!]
    if (reference) return `${label}: ${formatNumber(last[1])}`
    return `${label}: ${formatNumber(first[1])} at ${at(first[0])}, ${formatNumber(last[1])} at ${at(last[0])}`
  })
  const layers = (stacks ?? []).map(({ label, bars }) => {
    const mean = bars.reduce((sum, [, , low, high]) => sum + high - low, 0) / bars.length
    return `${label}: ${formatNumber(mean)} on average`
  })
  return `Chart of ${title} by ${axis}, ${unit}. ${[...told, ...layers].join('; ')}.`
}
