// Scores of the conditions as tables, one for each pool size: every metric with its bootstrap interval over users, and
// the paired differences of all conditions. Between judging.ts and result.json.
import { seedFrom } from '../../util/random.ts'
import { bootstrapInterval, type Interval, pairedDifference } from '../../util/stats.ts'
import type { ResultMetric, ResultTable } from '../result.ts'
import type { ProfileCondition } from './conditions.ts'
import type { PoolSizeScores, RankScores, UserScores } from './judging.ts'

const MEASURES: [key: keyof RankScores, label: string][] = [
  ['ndcg', 'NDCG'],
  ['mrr', 'MRR'],
  ['recall1', 'recall@1'],
  ['gain', 'gain over chance'],
]

/** `both` is the mean of the two directions. */
const SIDES = ['forward', 'backward', 'both'] as const
type Side = (typeof SIDES)[number]

/** One number of a user's scores. */
function scoreOf(user: UserScores, measure: keyof RankScores, side: Side): number {
  if (side !== 'both') return user[side][measure]
  return (user.forward[measure] + user.backward[measure]) / 2
}

const COLUMNS = MEASURES.flatMap(([measure, label]) =>
  SIDES.map((side) => ({ key: `${measure}_${side}`, label: `${label} ${side}`, measure, side })),
)

/** A condition of a table. */
interface TableRow {
  key: string
  label: string
  /** [user] */
  scores: readonly UserScores[]
}

export interface TableParts {
  title: string
  notes: readonly string[]
  /** Default: every measure. */
  measures?: readonly (keyof RankScores)[]
  /** What a random order scores; none where the rows are of different users. */
  chance?: UserScores
  rows: readonly TableRow[]
  /** Differences, `a` minus `b`; both of the same users. */
  pairs: readonly { a: string; b: string }[]
  seed: number
}

/** Any table of scores: means with their intervals, and the paired differences that are asked for. */
export function scoreTable({ title, notes, measures, chance, rows, pairs, seed }: TableParts): ResultTable {
  const options = { seed: seedFrom('bootstrap', seed) }
  const columns = COLUMNS.filter(({ measure }) => measures?.includes(measure) ?? true)
  const intervals = (of: (column: (typeof COLUMNS)[number]) => Interval): Record<string, Interval> =>
    Object.fromEntries(columns.map((column) => [column.key, of(column)]))
  const values = new Map(
    rows.map(({ key: row, scores }) => [
      row,
      Object.fromEntries(columns.map(({ key, measure, side }) => [key, scores.map((u) => scoreOf(u, measure, side))])),
    ]),
  )
  return {
    title,
    notes: [...notes],
    metrics: columns.map(
      ({ key, label, measure, side }): ResultMetric => ({
        key,
        label,
        higherIsBetter: true,
        chance: chance ? scoreOf(chance, measure, side) : null,
      }),
    ),
    rows: rows.map(({ key, label, scores }) => ({
      condition: key,
      label,
      n: scores.length,
      values: intervals((column) => bootstrapInterval(values.get(key)![column.key], options)),
    })),
    differences: pairs.map(({ a, b }) => ({
      a,
      b,
      values: intervals((column) => pairedDifference(values.get(b)![column.key], values.get(a)![column.key], options)),
    })),
  }
}

/** The table of one pool size; `judge`: named where there are several. Differences are of all pairs, the later condition minus the earlier one. */
export function profileTable(
  sized: PoolSizeScores,
  conditions: readonly ProfileCondition[],
  notes: readonly string[],
  seed: number,
  judge?: string,
): ResultTable {
  return scoreTable({
    title: `K = ${sized.negatives}${judge ? `, judged by ${judge}` : ''}: each profile among those of ${sized.negatives} other users`,
    notes,
    chance: sized.chance,
    rows: conditions.map(({ key, label }, c) => ({ key, label, scores: sized.scores[c] })),
    pairs: conditions.flatMap(({ key: a }, later) => conditions.slice(0, later).map(({ key: b }) => ({ a, b }))),
    seed,
  })
}

/** What a terminal shows of a table. */
const SHOWN = ['ndcg_forward', 'ndcg_backward', 'mrr_both', 'recall1_both', 'gain_both']

/**
 * The table with fewer columns, and of the differences only what each condition adds to the zero-shot profile and to
 * the raw history.
 */
export function shownTable(table: ResultTable): ResultTable {
  const references = ['zero-shot', 'history']
  const negated = ({ mean, low, high }: Interval): Interval => ({ mean: -mean, low: -high, high: -low })
  return {
    ...table,
    metrics: table.metrics.filter(({ key }) => SHOWN.includes(key)),
    differences: references.flatMap((b) =>
      table.rows.flatMap(({ condition: a }) => {
        const found = table.differences.find((difference) => difference.a === a && difference.b === b)
        if (found) return [found]
        const turned = table.differences.find((difference) => difference.a === b && difference.b === a)
        if (!turned || references.includes(a)) return []
        const values = Object.entries(turned.values).map(([key, value]) => [key, negated(value)] as const)
        return [{ a, b, values: Object.fromEntries(values) }]
      }),
    ),
  }
}
