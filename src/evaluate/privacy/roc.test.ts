import { describe, expect, it } from 'vitest'
import { areaUnder, foundAt, rocCurve, rocIntervals } from './roc.ts'

describe('the curve of a test', () => {
  it('goes through every threshold, and takes equal scores in one step', () => {
    expect(rocCurve([3, 1], [2, 1])).toEqual([
      [0, 0],
      [0, 0.5],
      [0.5, 0.5],
      [1, 1],
    ])
  })

  it.each([
    ['perfect', [4, 5], [1, 2], 1],
    ['the wrong way round', [1, 2], [4, 5], 0],
    ['blind', [1, 1], [1, 1], 0.5],
    // Of the 6 pairs the member is higher in 3 and equal in 1.
    ['in between', [1, 3], [0, 3, 2], 3.5 / 6],
  ])('has the area of its pairs: %s', (_, members, others, area) => {
    expect(areaUnder(rocCurve(members, others))).toBeCloseTo(area, 12)
  })

  it('finds members only as far as it may be mistaken', () => {
    const curve = rocCurve([9, 7, 1], [8, 2])
    expect(foundAt(curve, 0.01)).toBeCloseTo(1 / 3, 12)
    expect(foundAt(curve, 0.5)).toBeCloseTo(2 / 3, 12)
    expect(foundAt(curve, 1)).toBe(1)
  })

  it('has intervals that hold the truth of what it was drawn from', () => {
    const members = Array.from({ length: 60 }, (_, i) => i / 60 + 0.25)
    const others = Array.from({ length: 60 }, (_, i) => i / 60)
    const { auc } = rocIntervals(members, others, 1)
    // P(member > other) of two uniforms that lie 0.25 apart.
    const truth = 1 - (0.75 * 0.75) / 2
    expect(auc.low).toBeLessThan(truth)
    expect(auc.high).toBeGreaterThan(truth)
    expect(auc.low).toBeGreaterThan(0.5)
    expect(rocIntervals(members, others, 1)).toEqual(rocIntervals(members, others, 1))
  })
})
