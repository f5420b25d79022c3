// Tables of measured conditions: means with bootstrap intervals over users and, of the same users, paired differences.
import { seedFrom } from '../util/random.ts'
import { bootstrapInterval, pairedDifference } from '../util/stats.ts'
import type { ResultMetric, ResultTable } from './result.ts'

/** One condition: by the key of a metric, [user] its value. */
export interface MeasuredCondition {
  condition: string
  label: string
  values: Record<string, readonly number[]>
}

type Head = Pick<ResultTable, 'title' | 'notes' | 'metrics'>

const intervalsBy = (seed: number) => ({ seed: seedFrom('bootstrap', seed) })
const keysOf = (metrics: readonly ResultMetric[], { values }: MeasuredCondition) =>
  metrics.map(({ key }) => key).filter((key) => values[key])

/** Conditions that were measured on the same users: differences are of all pairs, the later one minus the earlier. */
export function userTable(head: Head, conditions: readonly MeasuredCondition[], seed: number): ResultTable {
  return {
    ...unpairedTable(head, conditions, seed),
    differences: conditions.flatMap((a, later) =>
      conditions.slice(0, later).map((b) => ({
        a: a.condition,
        b: b.condition,
        values: Object.fromEntries(
          keysOf(head.metrics, a)
            .filter((key) => b.values[key])
            .map((key) => [key, pairedDifference(b.values[key], a.values[key], intervalsBy(seed))]),
        ),
      })),
    ),
  }
}

/** Conditions of different users, or of other things: without differences. */
export function unpairedTable(head: Head, conditions: readonly MeasuredCondition[], seed: number): ResultTable {
  return {
    ...head,
    rows: conditions.map((each) => {
      const keys = keysOf(head.metrics, each)
      const interval = (key: string) => bootstrapInterval(each.values[key], intervalsBy(seed))
      return {
        condition: each.condition,
        label: each.label,
        n: Math.max(...keys.map((key) => each.values[key].length)),
        values: Object.fromEntries(keys.map((key) => [key, interval(key)])),
      }
    }),
    differences: [],
  }
}
