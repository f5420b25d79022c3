// Scores of the conditions as tables, one for each pool size: every metric with its bootstrap interval over users, and
// the paired differences of all conditions. Between judging.ts and result.json.
import { seedFrom } from '../../util/random.ts'
import { bootstrapInterval, type Interval, mean, pairedDifference } from '../../util/stats.ts'
import type { ResultMetric, ResultTable } from '../result.ts'
import type { ProfileCondition } from './conditions.ts'
import type { ProfileGroup } from './groups.ts'
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

export interface TableOptions {
  notes: readonly string[]
  /** Of the intervals. */
  seed: number
  /** Named in the title where there are several. */
  judge?: string
  /** Rows of means, behind those of the conditions. */
  groups?: readonly ProfileGroup[]
}

/**
 * The table of one pool size. Differences are of all pairs, the later row minus the earlier one, those of groups first;
 * a group is not compared with its own members.
 */
export function profileTable(
  sized: PoolSizeScores,
  conditions: readonly Pick<ProfileCondition, 'key' | 'label'>[],
  { notes, seed, judge, groups = [] }: TableOptions,
): ResultTable {
  const options = { seed: seedFrom('bootstrap', seed) }
  const intervals = (of: (column: (typeof COLUMNS)[number]) => Interval): Record<string, Interval> =>
    Object.fromEntries(COLUMNS.map((column) => [column.key, of(column)]))
  const columnsOf = (valuesOf: (column: (typeof COLUMNS)[number]) => number[]) =>
    Object.fromEntries(COLUMNS.map((column) => [column.key, valuesOf(column)]))
  const own = conditions.map(({ key, label }, c) => ({
    key,
    label,
    members: [] as readonly string[],
    values: columnsOf(({ measure, side }) => sized.scores[c].map((user) => scoreOf(user, measure, side))),
  }))
  const means = groups.map((group) => {
    const members = own.filter(({ key }) => group.members.includes(key))
    const values = columnsOf(({ key }) =>
      members[0].values[key].map((_, u) => mean(members.map((m) => m.values[key][u]))),
    )
    return { ...group, values }
  })
  const rows = [...own, ...means]
  const pairs = rows.flatMap((a, later) => rows.slice(0, later).map((b) => ({ a, b })))
  const [others, ofGroups] = [pairs.filter(({ a }) => own.includes(a)), pairs.filter(({ a }) => !own.includes(a))]
  return {
    title: `K = ${sized.negatives}${judge ? `, judged by ${judge}` : ''}: each profile among those of ${sized.negatives} other users`,
    notes: [...notes],
    metrics: COLUMNS.map(
      ({ key, label, measure, side }): ResultMetric => ({
        key,
        label,
        higherIsBetter: true,
        chance: scoreOf(sized.chance, measure, side),
      }),
    ),
    rows: rows.map(({ key, label, values }) => ({
      condition: key,
      label,
      n: values[COLUMNS[0].key].length,
      values: intervals((column) => bootstrapInterval(values[column.key], options)),
    })),
    differences: [...ofGroups.filter(({ a, b }) => !a.members.includes(b.key)), ...others].map(({ a, b }) => ({
      a: a.key,
      b: b.key,
      values: intervals((column) => pairedDifference(b.values[column.key], a.values[column.key], options)),
    })),
  }
}

/** What a terminal shows of a table. */
const SHOWN = ['ndcg_forward', 'ndcg_backward', 'ndcg_both', 'mrr_both', 'recall1_both', 'gain_both']

/**
 * The table with fewer columns, and of the differences only what each row adds to the zero-shot profile and to the raw
 * history, and those between `groups`, the keys of rows that are means.
 */
export function shownTable(table: ResultTable, groups: readonly string[] = []): ResultTable {
  const references = ['zero-shot', 'history']
  const negated = ({ mean, low, high }: Interval): Interval => ({ mean: -mean, low: -high, high: -low })
  const toReferences = references.flatMap((b) =>
    table.rows.flatMap(({ condition: a }) => {
      const found = table.differences.find((difference) => difference.a === a && difference.b === b)
      if (found) return [found]
      const turned = table.differences.find((difference) => difference.a === b && difference.b === a)
      if (!turned || references.includes(a)) return []
      const values = Object.entries(turned.values).map(([key, value]) => [key, negated(value)] as const)
      return [{ a, b, values: Object.fromEntries(values) }]
    }),
  )
  return {
    ...table,
    metrics: table.metrics.filter(({ key }) => SHOWN.includes(key)),
    differences: [...toReferences, ...table.differences.filter(({ a, b }) => groups.includes(a) && groups.includes(b))],
  }
}
