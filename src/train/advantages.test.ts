// Advantages against cases worked out by hand.
import { describe, expect, it } from 'vitest'
import { advantages, deviation, varies } from './advantages.ts'

describe('advantages', () => {
  const rewards = [
    [1, 2, 3],
    [5, 5, 5],
  ]

  it('are centred and scaled by the group', () => {
    const [first, second] = advantages(rewards, 'group')
    expect(first.map((value) => Number(value.toFixed(6)))).toEqual([-0.9999, 0, 0.9999])
    expect(second).toEqual([0, 0, 0])
  })

  it('are scaled by the batch', () => {
    const spread = deviation([1, 2, 3, 5, 5, 5])
    expect(spread).toBeCloseTo(1.7607, 4)
    expect(advantages(rewards, 'batch')[0][2]).toBeCloseTo(1 / (spread + 1e-4), 10)
  })

  it('are only centred', () => {
    expect(advantages(rewards, 'none')[0]).toEqual([-1, 0, 1])
  })
})

describe('varies', () => {
  it('has a tolerance of 1e-6', () => {
    expect(varies([0.5, 0.5, 0.5 + 9e-7])).toBe(false)
    expect(varies([0.5, 0.5, 0.5 + 2e-6])).toBe(true)
  })
})
