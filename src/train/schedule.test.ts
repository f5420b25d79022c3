// Schedules at the points where their value is known.
import { describe, expect, it } from 'vitest'
import { learningRateAt, type Schedule } from './schedule.ts'

function rates(schedule: Schedule['schedule'], warmup: number): number[] {
  return Array.from({ length: 10 }, (_, step) => learningRateAt(step, { schedule, learningRate: 1, warmup, steps: 10 }))
}

describe('learningRateAt', () => {
  it('rises over the warm-up, then stays', () => {
    expect(rates('constant', 4)).toEqual([0.25, 0.5, 0.75, 1, 1, 1, 1, 1, 1, 1])
  })

  it('falls linearly', () => {
    expect(rates('linear', 0).map((rate) => Number(rate.toFixed(9)))).toEqual([
      1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1,
    ])
  })

  it('falls along half a cosine', () => {
    const cosine = rates('cosine', 2)
    expect(cosine[2]).toBe(1)
    expect(cosine[6]).toBeCloseTo(0.5)
    expect(cosine[9]).toBeLessThan(0.05)
  })
})
