// Lines of charts from the metrics of runs: thinned, styled by run, and chance to compare them with.
import type { RunData } from '../run-data.ts'
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

/** How the lines of a metric are made. */
interface LineOptions {
  combine?: Combine
  /** Only runs of this kind; each keeps the style of its place among all. */
  kind?: RunData['kind']
}

/** One line a run that has the metric. A single run's line is called `label`. */
export function runLines(
  runs: readonly RunData[],
  metric: string,
  label: string,
  { combine, kind }: LineOptions = {},
): Line[] {
  return runs.flatMap((run, i) => {
    if (kind !== undefined && run.kind !== kind) return []
    const series = points(run, metric, runs.length, combine)
    if (series.length === 0) return []
    return [{ label: runs.length === 1 ? label : run.name, style: runStyle(i, series.length), points: series }]
  })
}

/** Chance of one run or part. */
export interface Chance {
  name: string
  points: readonly Point[]
}

/** Lines of chance: those that lie on each other are one, and a line that hardly moves is drawn by its two ends. */
export function chanceLines(chances: readonly Chance[]): Line[] {
  const groups: Chance[][] = []
  for (const chance of chances) {
    if (chance.points.length === 0) continue
    const group = groups.find((members) => spread([...members, chance]) < SAME)
    if (group) group.push(chance)
    else groups.push([chance])
  }
  return groups.map((members, i) => ({
    label: groups.length === 1 ? 'chance' : `chance, ${members.map(({ name }) => name).join(', ')}`,
    reference: true,
    style: i === 0 ? CHANCE : OTHER_CHANCE,
    points: spread(members) < SAME ? ends(members) : members[0].points,
  }))
}

/** Distance of the highest from the lowest value. */
function spread(members: readonly Chance[]): number {
  const values = members.flatMap((member) => member.points.map(([, value]) => value))
  return Math.max(...values) - Math.min(...values)
}

function ends(members: readonly Chance[]): Point[] {
  const steps = members.flatMap((member) => member.points.map(([step]) => step))
  return [Math.min(...steps), Math.max(...steps)].map((step) => [step, members[0].points[0][1]])
}
