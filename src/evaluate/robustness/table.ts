// The scores of profiles from disturbed histories as tables, one for each disturbance. Between judging and result.json.
import type { ProfileCondition } from '../profiles/conditions.ts'
import type { PoolSizeScores } from '../profiles/judging.ts'
import { scoreTable } from '../profiles/table.ts'
import type { ResultTable } from '../result.ts'
import type { Disturbance } from './disturb.ts'

/** What stands in a profile's place, from the histories as they are and from each disturbed one. */
export interface Source {
  key: string
  label: string
  zeroShot?: string
  undisturbed: ProfileCondition
  /** [disturbance][level] */
  levels: ProfileCondition[][]
}

/**
 * The parts of a condition that was collected of everybody with every history, the undisturbed ones first; `indices`:
 * [disturbance][level][user].
 */
export function sourceOf(
  { key, label, zeroShot, profiles }: ProfileCondition,
  users: number,
  indices: readonly number[][][],
  disturbances: readonly Disturbance[],
): Source {
  const levels = indices.map((byLevel, d) =>
    byLevel.map((byUser, l) => {
      const { kind, title, levels } = disturbances[d]
      return {
        key: `${key}/${kind}/${levels[l].label}`,
        label: `${label}; ${title.toLowerCase()}: ${levels[l].label}`,
        profiles: byUser.map((at) => profiles[at]),
      }
    }),
  )
  return { key, label, zeroShot, undisturbed: { key, label, profiles: profiles.slice(0, users) }, levels }
}

interface TableOptions {
  /** All that was judged, in the order of `scores`. */
  conditions: readonly ProfileCondition[]
  mismatched: ProfileCondition
  scores: PoolSizeScores
  notes: readonly string[]
  /** Named where there are several. */
  judge?: string
  seed: number
}

/**
 * A table for each disturbance: NDCG of every source at every level, what the disturbance costs it, and what training
 * is worth at each level.
 */
export function robustnessTables(
  disturbances: readonly Disturbance[],
  sources: readonly Source[],
  { conditions, mismatched, scores, notes, judge, seed }: TableOptions,
): ResultTable[] {
  const byKey = new Map(conditions.map(({ key }, c) => [key, scores.scores[c]]))
  return disturbances.map(({ title, axis, undisturbed, levels, note }, d) => {
    const inOrder = <T>(plain: T, others: readonly T[]): T[] =>
      undisturbed.at === 'first' ? [plain, ...others] : [...others, plain]
    const lines = sources.map((source) => inOrder(source.undisturbed, source.levels[d]))
    const costs = sources.flatMap((source) => source.levels[d].map(({ key }) => ({ a: key, b: source.key })))
    const gains = sources.flatMap(({ label, zeroShot }, s) => {
      const base = sources.findIndex(({ key }) => key === zeroShot)
      if (base < 0) return []
      const pairs = lines[s].map(({ key: a }, at) => ({ a, b: lines[base][at].key }))
      return [{ label: `${label} − zero-shot`, pairs }]
    })
    const table = scoreTable({
      title: judge ? `${title}, judged by ${judge}` : title,
      notes: [],
      measures: ['ndcg'],
      chance: scores.chance,
      rows: [...lines.flat(), mismatched].map(({ key, label }) => ({ key, label, scores: byKey.get(key)! })),
      pairs: [...gains.flatMap(({ pairs }) => pairs), ...costs],
      seed,
    })
    const { mean } = table.rows.at(-1)!.values.ndcg_both
    const control = `"${mismatched.label}" is the mismatched control, at ${mean.toFixed(3)} of NDCG both: it must be at chance.`
    return {
      ...table,
      notes: [note, ...notes, control],
      layout: {
        type: 'lines',
        axis,
        levels: inOrder(
          undisturbed.label,
          levels.map(({ label }) => label),
        ),
        lines: sources.map(({ label }, s) => ({ label, conditions: lines[s].map(({ key }) => key) })),
        differences: gains,
      },
    }
  })
}
