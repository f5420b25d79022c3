import { describe, expect, it } from 'vitest'
import { resultTableSchema } from '../result.ts'
import type { PoolSizeScores, UserScores } from './judging.ts'
import { measuredText, profileTable, shownTable } from './table.ts'
import { userRecords } from './write.ts'

const user = (forward: number, backward: number): UserScores => ({
  forward: { ndcg: forward, mrr: forward, recall1: forward, gain: 2 * forward - 1 },
  backward: { ndcg: backward, mrr: backward, recall1: backward, gain: 2 * backward - 1 },
})
const conditions = ['none', 'history', 'zero-shot', 'run'].map((key) => ({
  key,
  label: `the ${key}`,
  profiles: ['of a', 'of b'].map((text) => `${key} ${text}`),
}))
const sized: PoolSizeScores = {
  negatives: 4,
  chance: { ...user(0.5, 0.5) },
  scores: [
    [user(0.5, 0.5), user(0.5, 0.5)],
    [user(0.9, 0.7), user(0.7, 0.9)],
    [user(0.6, 0.4), user(0.8, 0.6)],
    [user(0.7, 0.5), user(0.9, 0.7)],
  ],
}

describe('the table of a pool size', () => {
  const table = profileTable(sized, conditions, { notes: ['a note'], seed: 1 })

  it('holds every metric in both directions, with chance', () => {
    expect(resultTableSchema.safeParse(table).success).toBe(true)
    expect(table.metrics.map(({ key }) => key)).toEqual(
      ['ndcg', 'mrr', 'recall1', 'gain'].flatMap((m) => ['forward', 'backward', 'both'].map((side) => `${m}_${side}`)),
    )
    expect(table.metrics.find(({ key }) => key === 'gain_both')?.chance).toBe(0)
    expect(table.rows[3].values.ndcg_both.mean).toBeCloseTo(0.7, 12)
    expect(table.rows[1].n).toBe(2)
  })

  it('compares all pairs, the later minus the earlier', () => {
    expect(table.differences).toHaveLength(6)
    const found = table.differences.find(({ a, b }) => a === 'run' && b === 'zero-shot')
    // Every user gains 0.1: paired, the interval has no width.
    for (const bound of ['mean', 'low', 'high'] as const) expect(found?.values.ndcg_forward[bound]).toBeCloseTo(0.1, 12)
  })

  it('shows what every condition adds to zero-shot and to history', () => {
    const { differences, metrics, rows } = shownTable(table)
    expect(metrics).toHaveLength(6)
    expect(rows).toHaveLength(4)
    expect(differences.map(({ a, b }) => `${a} - ${b}`)).toEqual([
      'none - zero-shot',
      'run - zero-shot',
      'none - history',
      'zero-shot - history',
      'run - history',
    ])
    const { mean, low, high } = differences[0].values.ndcg_both
    expect(mean).toBeCloseTo(-0.1, 12)
    expect(low).toBeLessThanOrEqual(mean)
    expect(high).toBeGreaterThanOrEqual(mean)
  })
})

describe('users.jsonl', () => {
  it('gives every profile its scores, and says whose the mismatched one is', () => {
    const mismatched = { ...conditions[3], key: 'mismatched', mismatched: true }
    const scores = { ...sized, scores: [sized.scores[3], sized.scores[0]] }
    const heldOut = ['x']
    const records = userRecords(
      [
        { id: 'a', heldOut },
        { id: 'b', heldOut },
      ],
      [conditions[3], mismatched],
      [{ judge: 'likelihood', sizes: [scores] }],
      [1, 0],
    )
    expect(records[0]).toMatchObject({
      user: 'a',
      conditions: {
        run: { profile: 'run of a', pools: { 4: user(0.7, 0.5) } },
        mismatched: { profile: 'run of b', of: 'b', quality: 0 },
      },
    })
    expect((records[0] as { conditions: { run: { quality: number } } }).conditions.run.quality).toBeCloseTo(0.2, 12)
  })
})

it('P is what users have held out, where that is less than was asked for', () => {
  const held = (...counts: number[]) => counts.map((count) => ({ heldOut: Array(count).fill({ text: 'x' }) }))
  expect(measuredText(held(3, 3), 2)).toBe('2 users, P = 2 held-out interactions each')
  expect(measuredText(held(2, 2), 3)).toBe('2 users, P = 2 held-out interactions each')
  expect(measuredText(held(1, 1), 1)).toBe('2 users, P = 1 held-out interaction each')
  expect(measuredText(held(1, 3, 2), 3)).toBe('3 users, P = 1 to 3 held-out interactions each')
})
