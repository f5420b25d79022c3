// Thinning: never more points than asked for, nothing invented, short series untouched.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bins, downsample, evenly, type Point } from './series.ts'

const series = fc
  .array(fc.double({ min: -10, max: 10, noNaN: true }), { maxLength: 400 })
  .map((values) => values.map((value, step): Point => [step, value]))
const limit = fc.integer({ min: 2, max: 50 })

describe('downsample', () => {
  it('puts neighbours together', () => {
    const points: Point[] = [1, 3, 5, 11, 7].map((value, step) => [step, value])
    expect(downsample(points, 3)).toEqual([
      [1, 2],
      [3, 8],
      [4, 7],
    ])
    expect(downsample(points, 3, 'min').map(([, value]) => value)).toEqual([1, 5, 7])
    expect(downsample(points, 3, 'max').map(([, value]) => value)).toEqual([3, 11, 7])
    expect(downsample(points, 5)).toBe(points)
  })

  it('keeps to the limit and to the range of the values, in order', () => {
    fc.assert(
      fc.property(series, limit, (points, most) => {
        const thinned = downsample(points, most)
        expect(thinned.length).toBeLessThanOrEqual(Math.max(most, 0))
        const values = points.map(([, value]) => value)
        for (const [, value] of thinned) {
          expect(value).toBeGreaterThanOrEqual(Math.min(...values) - 1e-9)
          expect(value).toBeLessThanOrEqual(Math.max(...values) + 1e-9)
        }
        const steps = thinned.map(([step]) => step)
        expect(steps).toEqual([...new Set(steps)].sort((a, b) => a - b))
      }),
    )
  })
})

describe('bins', () => {
  it('hold every point once', () => {
    fc.assert(
      fc.property(series, limit, (points, most) => {
        expect(bins(points, most).flat()).toEqual(points)
      }),
    )
  })
})

describe('evenly', () => {
  it('takes the first, the last and others between', () => {
    expect(evenly([1, 2, 3, 4, 5, 6, 7, 8, 9], 3)).toEqual([1, 5, 9])
    expect(evenly([1, 2], 5)).toEqual([1, 2])
    expect(evenly([], 5)).toEqual([])
  })
})
