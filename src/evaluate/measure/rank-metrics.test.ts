import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { mean } from '../../util/stats.ts'
import { recallAtOneFromScores, recallFromScores, reciprocalRankFromScores } from './rank-metrics.ts'

function permutations(items: readonly number[]): number[][] {
  if (items.length === 0) return [[]]
  return items.flatMap((item, i) => permutations(items.filter((_, j) => j !== i)).map((rest) => [item, ...rest]))
}

/** A pool of at most 6 candidates with at least one positive; few distinct scores, so that ties are common. */
const pools = fc
  .array(fc.record({ score: fc.integer({ min: -1, max: 1 }), relevant: fc.boolean() }), { minLength: 1, maxLength: 6 })
  .filter((candidates) => candidates.some((c) => c.relevant))
  .map((candidates) => ({ scores: candidates.map((c) => c.score), relevant: candidates.map((c) => c.relevant) }))

/** Mean of a measure of the first positive's rank, over all orders that the scores allow. */
function bruteForce(scores: readonly number[], relevant: readonly boolean[], of: (rank: number) => number): number {
  const allowed = permutations([...scores.keys()]).filter((order) =>
    order.every((c, i) => i === 0 || scores[order[i - 1]] >= scores[c]),
  )
  return mean(allowed.map((order) => of(order.findIndex((c) => relevant[c]) + 1)))
}

describe('reciprocal rank and recall at 1', () => {
  it('agree with hand-computed cases', () => {
    expect(reciprocalRankFromScores([3, 2, 1], [false, false, true])).toBeCloseTo(1 / 3, 12)
    expect(reciprocalRankFromScores([3, 2, 1], [false, true, true])).toBeCloseTo(1 / 2, 12)
    expect(reciprocalRankFromScores([0, 0, 0], [true, false, false])).toBeCloseTo((1 + 1 / 2 + 1 / 3) / 3, 12)
    expect(recallAtOneFromScores([0, 0, 0], [true, false, false])).toBeCloseTo(1 / 3, 12)
    expect(recallAtOneFromScores([0, 0, 1], [true, false, false])).toBe(0)
    expect(recallAtOneFromScores([2, 0, 1], [true, false, true])).toBe(1)
  })

  it('give ties the mean over all orders that the scores allow', () => {
    fc.assert(
      fc.property(pools, ({ scores, relevant }) => {
        expect(reciprocalRankFromScores(scores, relevant)).toBeCloseTo(
          bruteForce(scores, relevant, (r) => 1 / r),
          10,
        )
        expect(recallAtOneFromScores(scores, relevant)).toBeCloseTo(
          bruteForce(scores, relevant, (r) => (r === 1 ? 1 : 0)),
          10,
        )
      }),
      { numRuns: 80 },
    )
  })

  it.each([reciprocalRankFromScores, recallAtOneFromScores])('refuse what has no meaning', (metric) => {
    expect(() => metric([1, 2], [false, false])).toThrow('without one')
    expect(() => metric([1, Number.NaN], [true, false])).toThrow('not a number')
    expect(() => metric([1], [true, false])).toThrow('1 scores for 2 candidates')
  })
})

describe('recallFromScores', () => {
  it('is the share of orders in which a positive is among the first k', () => {
    fc.assert(
      fc.property(pools, fc.integer({ min: 1, max: 7 }), ({ scores, relevant }, k) => {
        const expected = bruteForce(scores, relevant, (rank) => Number(rank <= k))
        expect(recallFromScores(k, scores, relevant)).toBeCloseTo(expected, 10)
      }),
      { numRuns: 40 },
    )
  })
})
