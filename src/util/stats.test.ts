import { describe, expect, it } from 'vitest'
import { normals } from './random.ts'
import { bootstrapInterval, mean, pairedDifference, quantile, shareInterval } from './stats.ts'

describe('mean and quantile', () => {
  it('agree with hand-computed values', () => {
    expect(mean([1, 2, 6])).toBe(3)
    expect(quantile([4, 1, 3, 2], 0.5)).toBe(2.5)
    expect(quantile([4, 1, 3, 2], 0)).toBe(1)
    expect(quantile([4, 1, 3, 2], 1)).toBe(4)
    expect(quantile([10, 20, 30], 0.25)).toBe(15)
    expect(() => mean([])).toThrow(RangeError)
    expect(() => quantile([], 0.5)).toThrow(RangeError)
  })
})

describe('bootstrap', () => {
  it('is determined by its seed and holds the mean', () => {
    const values = normals(new Float64Array(100), 1, 3)
    const interval = bootstrapInterval(values, { seed: 1 })
    expect(interval).toEqual(bootstrapInterval(values, { seed: 1 }))
    expect(interval).not.toEqual(bootstrapInterval(values, { seed: 2 }))
    expect(interval.low).toBeLessThan(interval.mean)
    expect(interval.high).toBeGreaterThan(interval.mean)
    // The normal interval of 100 standard normals is ±0.196 times their own deviation.
    const deviation = Math.sqrt(mean(values.map((v) => (v - interval.mean) ** 2)))
    expect((interval.high - interval.low) / 2 / deviation).toBeGreaterThan(0.17)
    expect((interval.high - interval.low) / 2 / deviation).toBeLessThan(0.22)
  })

  it('covers the true mean about as often as it says', () => {
    let covered = 0
    for (let trial = 0; trial < 200; trial++) {
      const { low, high } = bootstrapInterval(normals(new Float64Array(50), 1, trial), { seed: trial, resamples: 400 })
      if (low <= 0 && high >= 0) covered++
    }
    expect(covered).toBeGreaterThan(175)
    expect(covered).toBeLessThan(200)
  })

  it('of a paired difference ignores what both share', () => {
    const before = Array.from({ length: 40 }, (_, i) => i * 10)
    const after = before.map((value) => value + 1)
    expect(pairedDifference(before, after, { seed: 1 })).toEqual({ mean: 1, low: 1, high: 1 })
    expect(() => pairedDifference([1], [1, 2], { seed: 1 })).toThrow('differ in number')
  })
})

describe('shareInterval', () => {
  it('agrees with R: prop.test(c(0, 3, 50), ..., correct = FALSE)', () => {
    const of = (hits: number, n: number) => {
      const { low, high } = shareInterval(hits, n)
      return [low, high].map((bound) => bound.toFixed(4))
    }
    expect(of(0, 20)).toEqual(['0.0000', '0.1611'])
    expect(of(3, 20)).toEqual(['0.0524', '0.3604'])
    expect(of(50, 100)).toEqual(['0.4038', '0.5962'])
  })
})
