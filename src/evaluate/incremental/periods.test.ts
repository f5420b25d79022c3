// Periods of a history; what is written from them is tested with the command (cli/evaluate-incremental.test.ts).
import { describe, expect, it } from 'vitest'
import { periodOf } from './periods.ts'

describe('periodOf', () => {
  it.each([3, 4, 7, 10])('cuts %i entries into parts that follow each other, none empty', (count) => {
    const entries = [...Array(count).keys()]
    const parts = [1, 2, 3].map((period) => periodOf(entries, period, 3))
    expect(parts.flat()).toEqual(entries)
    const sizes = parts.map(({ length }) => length)
    expect(Math.min(...sizes)).toBeGreaterThan(0)
    expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1)
  })
})
