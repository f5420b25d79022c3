import { expect, it } from 'vitest'
import { adamwUpdate } from './adamw.ts'

it('makes the steps of the formula, by hand', () => {
  const settings = { learningRate: 0.1, beta1: 0.9, beta2: 0.99, eps: 1e-8, weightDecay: 0.5 }
  const x = Float32Array.of(1, -2)
  const m = new Float32Array(2)
  const v = new Float32Array(2)
  // Step 1: m̂ = g, v̂ = g², so every coordinate moves by lr against the gradient's sign, after decay by 1 − 0.05.
  adamwUpdate(x, Float32Array.of(4, -0.5), m, v, 1, settings, 0.5)
  expect(x[0]).toBeCloseTo(0.95 - 0.1, 6)
  expect(x[1]).toBeCloseTo(-1.9 + 0.1, 6)
  // Step 2 with g = (0, 1): m = (0.18, 0.0775), v = (0.0396, 0.010619 …) before bias correction.
  adamwUpdate(x, Float32Array.of(0, 1), m, v, 2, settings)
  const second = (m2: number, v2: number) => (0.1 * (m2 / (1 - 0.81))) / Math.sqrt(v2 / (1 - 0.9801))
  expect(x[0]).toBeCloseTo(0.85 * 0.95 - second(0.9 * 0.1 * 2, 0.99 * 0.01 * 4), 5)
  expect(x[1]).toBeCloseTo(-1.8 * 0.95 - second(0.9 * 0.1 * -0.25 + 0.1, 0.99 * 0.01 * 0.0625 + 0.01), 5)
})
