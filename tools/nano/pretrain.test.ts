import { describe, expect, it } from 'vitest'
import { initialWeights, NANO_CONFIG, parameterCount } from './init.ts'
import { curriculum, learningRateShare } from './pretrain.ts'

describe('pre-training', () => {
  it('warms up and falls along a cosine', () => {
    expect(learningRateShare(0, 0)).toBeCloseTo(1 / 60)
    expect(learningRateShare(59, 0)).toBe(1)
    expect(learningRateShare(1000, 0.5)).toBeCloseTo(0.515)
    expect(learningRateShare(2000, 1)).toBeCloseTo(0.03)
    expect(learningRateShare(2001, 1.2)).toBeCloseTo(0.03)
  })

  it('teaches short histories and true profiles first', () => {
    expect(curriculum(0.1).historyLength).toEqual([2, 8])
    expect(curriculum(0.1).mixture.true).toBeGreaterThan(0.5)
    expect(curriculum(0.9).mixture.true).toBeLessThan(0.5)
  })

  it('starts from a model of at most 2.1 M parameters with norms of 1', () => {
    expect(parameterCount(NANO_CONFIG)).toBeLessThanOrEqual(2_100_000)
    const config = { ...NANO_CONFIG, layers: 2 }
    const weights = initialWeights(config, 1)
    expect([...weights.values()].reduce((sum, values) => sum + values.length, 0)).toBe(parameterCount(config))
    expect(weights.get('norm')?.every((value) => value === 1)).toBe(true)
    const q = weights.get('l0.q') ?? new Float32Array()
    expect(Math.sqrt(q.reduce((sum, value) => sum + value * value, 0) / q.length)).toBeCloseTo(0.6 / Math.sqrt(192), 2)
    expect(initialWeights(config, 2).get('l0.q')).not.toEqual(q)
    expect(initialWeights(config, 1).get('l0.q')).toEqual(q)
  })
})
