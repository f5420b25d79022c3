import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { shuffled } from '../util/random.ts'
import { mean } from '../util/stats.ts'
import { chanceNdcg, gainOverChance, ndcgFromScores } from './ndcg.ts'

function permutations(items: readonly number[]): number[][] {
  if (items.length === 0) return [[]]
  return items.flatMap((item, i) => permutations(items.filter((_, j) => j !== i)).map((rest) => [item, ...rest]))
}

/** NDCG of an explicit order of the candidates, best first, straight from the definition. */
function ndcgOfOrder(order: readonly number[], relevant: readonly boolean[]): number {
  const dcg = (hits: readonly boolean[]) => hits.reduce((sum, hit, i) => sum + (hit ? 1 / Math.log2(i + 2) : 0), 0)
  const best = [...relevant].sort((a, b) => Number(b) - Number(a))
  return dcg(order.map((candidate) => relevant[candidate])) / dcg(best)
}

/** A pool of at most `max` candidates with at least one positive; few distinct scores, so that ties are common. */
function pool(max: number) {
  return fc
    .array(fc.record({ score: fc.integer({ min: -2, max: 2 }), relevant: fc.boolean() }), {
      minLength: 1,
      maxLength: max,
    })
    .filter((candidates) => candidates.some((c) => c.relevant))
    .map((candidates) => ({ scores: candidates.map((c) => c.score), relevant: candidates.map((c) => c.relevant) }))
}

describe('ndcg', () => {
  it('agrees with hand-computed cases', () => {
    expect(ndcgFromScores([3, 2, 1], [true, false, false])).toBe(1)
    expect(ndcgFromScores([2, 3, 1], [true, false, false])).toBeCloseTo(1 / Math.log2(3), 12)
    expect(ndcgFromScores([2, 3, 1], [true, false, true])).toBeCloseTo(
      (1 / Math.log2(3) + 0.5) / (1 + 1 / Math.log2(3)),
      12,
    )
    expect(ndcgFromScores([5, 5], [true, false])).toBeCloseTo((1 + 1 / Math.log2(3)) / 2, 12)
    expect(ndcgFromScores([Number.NEGATIVE_INFINITY, 0], [true, false])).toBeCloseTo(1 / Math.log2(3), 12)
  })

  it('lies in (0, 1] and does not depend on the order of the candidates', () => {
    fc.assert(
      fc.property(pool(12), fc.nat(), ({ scores, relevant }, seed) => {
        const value = ndcgFromScores(scores, relevant)
        expect(value).toBeGreaterThan(0)
        expect(value).toBeLessThanOrEqual(1 + 1e-12)
        const order = shuffled([...scores.keys()], seed)
        const moved = ndcgFromScores(
          order.map((i) => scores[i]),
          order.map((i) => relevant[i]),
        )
        expect(moved).toBeCloseTo(value, 12)
      }),
    )
  })

  it('gives ties the mean over all orders that the scores allow', () => {
    fc.assert(
      fc.property(pool(6), ({ scores, relevant }) => {
        const allowed = permutations([...scores.keys()]).filter((order) =>
          order.every((c, i) => i === 0 || scores[order[i - 1]] >= scores[c]),
        )
        const expected = mean(allowed.map((order) => ndcgOfOrder(order, relevant)))
        expect(ndcgFromScores(scores, relevant)).toBeCloseTo(expected, 10)
      }),
      { numRuns: 60 },
    )
  })

  it('never falls when a positive gets a higher score', () => {
    fc.assert(
      fc.property(pool(10), fc.nat(), ({ scores, relevant }, which) => {
        const positives = [...relevant.keys()].filter((i) => relevant[i])
        const raised = [...scores]
        raised[positives[which % positives.length]] += 1
        expect(ndcgFromScores(raised, relevant)).toBeGreaterThanOrEqual(ndcgFromScores(scores, relevant) - 1e-12)
      }),
    )
  })

  it('refuses what has no meaning', () => {
    expect(() => ndcgFromScores([1, 2], [false, false])).toThrow('without a positive')
    expect(() => ndcgFromScores([1, Number.NaN], [true, false])).toThrow('not a number')
    expect(() => ndcgFromScores([1], [true, false])).toThrow('1 scores for 2 candidates')
    expect(() => chanceNdcg(0, 3)).toThrow(RangeError)
  })
})

describe('chance', () => {
  it('is 0.473 for one positive among 8', () => {
    expect(chanceNdcg(1, 8)).toBeCloseTo(0.473, 3)
  })

  it('is the mean over all permutations, and what all-equal scores are worth', () => {
    for (const [positives, negatives] of [
      [1, 4],
      [2, 3],
      [3, 2],
      [5, 0],
      [1, 0],
    ] as const) {
      const relevant = Array.from({ length: positives + negatives }, (_, i) => i < positives)
      const all = permutations([...relevant.keys()]).map((order) => ndcgOfOrder(order, relevant))
      expect(chanceNdcg(positives, negatives)).toBeCloseTo(mean(all), 10)
      expect(ndcgFromScores(new Float32Array(relevant.length), relevant)).toBe(chanceNdcg(positives, negatives))
    }
  })

  it('scales the gain from 0 at chance to 1 at the best', () => {
    expect(gainOverChance(0.473, 0.473)).toBe(0)
    expect(gainOverChance(1, 0.473)).toBe(1)
    expect(gainOverChance(0.2, 0.5)).toBeCloseTo(-0.6, 12)
    expect(gainOverChance(1, 1)).toBe(0)
  })
})
