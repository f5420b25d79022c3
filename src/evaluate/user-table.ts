// A table of conditions measured on the same users: means with bootstrap intervals, and all paired differences.
import { seedFrom } from '../util/random.ts'
import { bootstrapInterval, pairedDifference } from '../util/stats.ts'
import type { ResultMetric, ResultTable } from './result.ts'

/** One condition: by the key of a metric, [user] its value. */
export interface MeasuredCondition {
  condition: string
  label: string
  values: Record<string, readonly number[]>
}

/** Differences are of all pairs, the later condition minus the earlier one, where both have the metric. */
export function userTable(
  { title, notes, metrics }: { title: string; notes: string[]; metrics: ResultMetric[] },
  conditions: readonly MeasuredCondition[],
  seed: number,
): ResultTable {
  const options = { seed: seedFrom('bootstrap', seed) }
  const keysOf = ({ values }: MeasuredCondition) => metrics.flatMap(({ key }) => (values[key] ? [key] : []))
  return {
    title,
    notes,
    metrics,
    rows: conditions.map((each) => ({
      condition: each.condition,
      label: each.label,
      n: Math.max(...keysOf(each).map((key) => each.values[key].length)),
      values: Object.fromEntries(keysOf(each).map((key) => [key, bootstrapInterval(each.values[key], options)])),
    })),
    differences: conditions.flatMap((a, later) =>
      conditions.slice(0, later).map((b) => ({
        a: a.condition,
        b: b.condition,
        values: Object.fromEntries(
          keysOf(a)
            .filter((key) => b.values[key])
            .map((key) => [key, pairedDifference(b.values[key], a.values[key], options)]),
        ),
      })),
    ),
  }
}
