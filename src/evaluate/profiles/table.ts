// Scores of the conditions as tables, one for each pool size: every metric with its bootstrap interval over users, and
// the paired differences of all conditions. Between judging.ts and result.json.
import type { User } from '../../logs/types.ts'
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
  const own = conditions.map(({ key, label }, c) => ({ key, label, scores: sized.scores[c] }))
  const means = groups.map(({ key, label, members }) => ({
    ...{ key, label, members },
    scores: meanScores(own.filter(({ key: member }) => members.includes(member)).map(({ scores }) => scores)),
  }))
  const pairsOf = (later: readonly TableRow[], before: readonly TableRow[]) =>
    later.flatMap(({ key: a }, i) => [...before, ...later.slice(0, i)].map(({ key: b }) => ({ a, b })))
  const isMember = ({ a, b }: { a: string; b: string }) => means.find(({ key }) => key === a)?.members.includes(b)
  return scoreTable({
    title: `K = ${sized.negatives}${judge ? `, judged by ${judge}` : ''}: each profile among those of ${sized.negatives} other users`,
    notes,
    chance: sized.chance,
    rows: [...own, ...means],
    pairs: [...pairsOf(means, own).filter((pair) => !isMember(pair)), ...pairsOf(own, [])],
    seed,
  })
}

/** [condition][user] -> [user] its mean over the conditions. */
function meanScores(scores: readonly (readonly UserScores[])[]): UserScores[] {
  return scores[0].map((_, u) => {
    const rank = (side: 'forward' | 'backward'): RankScores => {
      const of = (measure: keyof RankScores) => mean(scores.map((condition) => condition[u][side][measure]))
      return { ndcg: of('ndcg'), mrr: of('mrr'), recall1: of('recall1'), gain: of('gain') }
    }
    return { forward: rank('forward'), backward: rank('backward') }
  })
}

/** How many people are measured, and by how many of their held-out interactions: `positives` at most. */
export function measuredText(users: readonly Pick<User, 'heldOut'>[], positives: number): string {
  const held = users.map(({ heldOut }) => Math.min(positives, heldOut.length))
  const [least, most] = [Math.min(...held), Math.max(...held)]
  const range = least === most ? `${most}` : `${least} to ${most}`
  return `${users.length} users, P = ${range} held-out interaction${most > 1 ? 's' : ''} each`
}

/** What a terminal shows of a table. */
const SHOWN = ['ndcg_forward', 'ndcg_backward', 'ndcg_both', 'mrr_both', 'recall1_both', 'gain_both']

/**
 * The table with fewer columns, and of the differences only what each row adds to zero-shot profiles and to the raw
 * history, and those between `groups`, the keys of rows that are means.
 */
export function shownTable(table: ResultTable, groups: readonly string[] = []): ResultTable {
  const zeroShots = table.rows.map(({ condition }) => condition).filter((key) => /^zero-shot\d*$/.test(key))
  const references = [...zeroShots, 'history']
  const judged = table.metrics.some(({ key }) => SHOWN.includes(key))
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
    metrics: judged ? table.metrics.filter(({ key }) => SHOWN.includes(key)) : table.metrics,
    differences: [...toReferences, ...table.differences.filter(({ a, b }) => groups.includes(a) && groups.includes(b))],
  }
}
