// The scores of a transfer as one table: runs by test logs. Between judging and result.json.
import type { TrainedRun } from '../../train/trained-run.ts'
import type { ProfileCondition } from '../profiles/conditions.ts'
import type { PoolSizeScores } from '../profiles/judging.ts'
import { scoreTable } from '../profiles/table.ts'
import type { ResultTable } from '../result.ts'
import type { TestUsers } from './tests.ts'

/** What one judge gave on one test. */
export interface TestScores {
  test: TestUsers
  conditions: readonly ProfileCondition[]
  /** [condition] of the pools' only size. */
  scores: PoolSizeScores
}

interface TableOptions {
  /** Named where there are several. */
  judge?: string
  notes: readonly string[]
  seed: number
}

/**
 * A row for each condition on each test, and what each run adds to the zero-shot profiles of its own base there;
 * `zeroShotOf`: [run] key of these. Chance hangs on the pools of a test, so it is a row.
 */
export function transferTable(
  tests: readonly TestScores[],
  runs: readonly TrainedRun[],
  zeroShotOf: readonly string[],
  { judge, notes, seed }: TableOptions,
): ResultTable {
  const keyOn = (t: number, key: string) => `${t + 1}/${key}`
  const rows = tests.flatMap(({ test, conditions, scores }, t) => [
    ...conditions.map(({ key, label }, c) => ({
      key: keyOn(t, key),
      label: `${test.name}: ${label}`,
      scores: scores.scores[c],
    })),
    { key: keyOn(t, 'chance'), label: `${test.name}: chance`, scores: test.users.map(() => scores.chance) },
  ])
  const cells = runs.map(({ folder }, r) =>
    tests.map(({ test }, t) => ({
      a: keyOn(t, `run${r + 1}`),
      b: keyOn(t, zeroShotOf[r]),
      marked: test.ownOf.includes(folder),
    })),
  )
  const references = tests[0].conditions.filter(({ key }) => !key.startsWith('run'))
  return {
    ...scoreTable({
      title: judge ? `Transfer, judged by ${judge}` : 'Transfer',
      notes: [
        ...notes,
        '"another user\'s profile" is the mismatched control: it must be at chance.',
        'The zero-shot profiles that a run is compared with are by its own base and prompt.',
      ],
      measures: ['ndcg'],
      rows,
      pairs: cells.flat(),
      seed,
    }),
    layout: {
      type: 'grid',
      rowsTitle: 'trained',
      columnsTitle: 'tested on',
      columns: tests.map(({ test }) => test.name),
      rows: runs.map(({ name }, r) => ({ label: name, cells: cells[r] })),
      markedMeans: 'test users of the logs that the run was trained on',
      references: [
        { label: 'chance', conditions: tests.map((_, t) => keyOn(t, 'chance')) },
        ...references.map(({ key, label, mismatched }) => ({
          label: mismatched ? "another user's profile" : label,
          conditions: tests.map((_, t) => keyOn(t, key)),
        })),
      ],
    },
  }
}
