// The losses against cases worked out by hand, and the gradients against central differences.
import { describe, expect, it } from 'vitest'
import type { TokenLoss } from '../model/contract.ts'
import { type LossInput, lossAndGradient } from '../model/token-loss.ts'
import { seedFrom, uniform } from '../util/random.ts'
import { importanceWeights, LOSSES, type LossName, tokenWeights } from './losses.ts'

const options = { clipLow: 0.2, clipHigh: 0.3, klCoef: 0, temperature: 1 }

/** Two completions: ratios 1 and 2 with A = 1; ratios 0.5, 1 and 1.1 with A = −1. */
const first = { logprobs: [Math.log(0.5), Math.log(0.4)], oldLogprobs: [Math.log(0.5), Math.log(0.2)], advantage: 1 }
const second = {
  logprobs: [Math.log(0.1), Math.log(0.3), Math.log(0.55)],
  oldLogprobs: [Math.log(0.2), Math.log(0.3), Math.log(0.5)],
  advantage: -1,
}
const sizes = [
  { length: 2, masked: false },
  { length: 3, masked: false },
]

function batchLoss(name: LossName): { loss: number; gradients: Float64Array[] } {
  const weights = tokenWeights(LOSSES[name], sizes, 10)
  const results = [first, second].map((completion, i) =>
    lossAndGradient(LOSSES[name].tokenLoss(options), { ...completion, weights: Float64Array.from(weights[i]) }),
  )
  return { loss: results[0].loss + results[1].loss, gradients: results.map(({ gradient }) => gradient) }
}

function expectGradients(gradients: Float64Array[], wanted: number[][]): void {
  for (const [i, row] of wanted.entries())
    for (const [t, value] of row.entries()) expect(gradients[i][t]).toBeCloseTo(value, 6)
}

describe('hand-computed cases', () => {
  // min(r·A, clip(r)·A): [1, 1.3] for the first; [−0.8, −1, −1.1] for the second (0.5 is clipped up to 0.8).
  it('grpo: mean over tokens, then over completions', () => {
    const { loss, gradients } = batchLoss('grpo')
    expect(loss).toBeCloseTo(-((1 + 1.3) / 2 + (-0.8 - 1 - 1.1) / 3) / 2, 6)
    expectGradients(gradients, [
      [-1 / 4, 0],
      [0, 1 / 6, 1.1 / 6],
    ])
  })

  it('dr_grpo: divided by completions times the token limit', () => {
    const { loss, gradients } = batchLoss('dr_grpo')
    expect(loss).toBeCloseTo(-(1 + 1.3 - 0.8 - 1 - 1.1) / 20, 6)
    expectGradients(gradients, [
      [-1 / 20, 0],
      [0, 1 / 20, 1.1 / 20],
    ])
  })

  it('dapo: mean over all tokens of the batch', () => {
    const { loss, gradients } = batchLoss('dapo')
    expect(loss).toBeCloseTo(-(1 + 1.3 - 0.8 - 1 - 1.1) / 5, 6)
    expectGradients(gradients, [
      [-1 / 5, 0],
      [0, 1 / 5, 1.1 / 5],
    ])
  })

  it('gspo: one ratio for the completion, the geometric mean of its tokens', () => {
    const { loss, gradients } = batchLoss('gspo')
    // Ratios: sqrt(1·2) = 1.414, clipped to 1.3; cbrt(0.5·1·1.1) = 0.8193, inside.
    const ratio = Math.cbrt(0.55)
    expect(loss).toBeCloseTo(-(1.3 - ratio) / 2, 6)
    expectGradients(gradients, [
      [0, 0],
      [ratio / 6, ratio / 6, ratio / 6],
    ])
  })

  it('cispo: the capped ratio weighs the log probability and is not differentiated', () => {
    const { loss, gradients } = batchLoss('cispo')
    const sum = Math.log(0.5) + 1.3 * Math.log(0.4) - 0.5 * Math.log(0.1) - 1 * Math.log(0.3) - 1.1 * Math.log(0.55)
    expect(loss).toBeCloseTo(-sum / 5, 6)
    expectGradients(gradients, [
      [-1 / 5, -1.3 / 5],
      [0.5 / 5, 1 / 5, 1.1 / 5],
    ])
  })

  it('cross_entropy: the weighted negative log probability', () => {
    const { loss, gradient } = lossAndGradient(
      { type: 'cross_entropy' },
      { logprobs: [-1, -2], weights: [0.5, 0.25], advantage: 7 },
    )
    expect(loss).toBeCloseTo(1)
    expect([...gradient]).toEqual([-0.5, -0.25])
  })

  it('the k3 penalty of a policy at half the base probability', () => {
    const { loss, gradient } = lossAndGradient(
      { type: 'cispo', clipHigh: 0.2, klCoef: 0.1 },
      { logprobs: [0], oldLogprobs: [0], refLogprobs: [Math.log(2)], weights: [1], advantage: 0 },
    )
    expect(loss).toBeCloseTo(0.1 * (2 - Math.log(2) - 1))
    expect(gradient[0]).toBeCloseTo(-0.1)
  })

  it('the k3 penalty of a policy far from the base goes on as a straight line', () => {
    const at = (gap: number) =>
      lossAndGradient(
        { type: 'cispo', clipHigh: 0.2, klCoef: 1 },
        { logprobs: [-gap], oldLogprobs: [0], refLogprobs: [0], weights: [1], advantage: 0 },
      )
    expect(at(20).loss).toBeCloseTo(Math.exp(20) - 21, 4)
    for (const gap of [21, 100, 1000]) {
      expect(at(gap).loss / (Math.exp(20) * (gap - 19) - gap - 1)).toBeCloseTo(1, 10)
      expect(at(gap).gradient[0]).toBe(1 - Math.exp(20))
    }
  })
})

describe('gradients', () => {
  const losses: [string, TokenLoss][] = [
    ['cross_entropy', { type: 'cross_entropy' }],
    ['ppo', { type: 'ppo', clipLow: 0.2, clipHigh: 0.28 }],
    ['ppo with kl', { type: 'ppo', clipLow: 0.2, clipHigh: 0.28, klCoef: 0.05 }],
    ['sequence ratio', { type: 'ppo', clipLow: 0.2, clipHigh: 0.28, sequenceRatio: true }],
    ['cispo with kl', { type: 'cispo', clipHigh: 0.28, klCoef: 0.05 }],
  ]
  it.each(losses)('%s agrees with central differences', (name, loss) => {
    const next = uniform(seedFrom('losses', name))
    const step = 1e-6
    for (let trial = 0; trial < 200; trial++) {
      const logprobs = Array.from({ length: 4 }, () => -2 * next())
      const base = {
        oldLogprobs: logprobs.map((logprob) => logprob + 0.8 * (next() - 0.5)),
        refLogprobs: logprobs.map((logprob) => logprob + next() - 0.5),
        weights: logprobs.map(() => (next() < 0.2 ? 0 : next())),
        advantage: 2 * next() - 1,
      }
      const { gradient } = lossAndGradient(loss, { ...base, logprobs })
      for (let t = 0; t < 4; t++) {
        const at = (delta: number): number => {
          const moved = logprobs.map((logprob, i) => (i === t ? logprob + delta : logprob))
          return frozen(loss, { ...base, logprobs: moved }, logprobs)
        }
        expect((at(step) - at(-step)) / (2 * step)).toBeCloseTo(gradient[t], 5)
      }
    }
  })

  /** The loss with CISPO's stop-gradient factor held at its value for `logprobs`. */
  function frozen(loss: TokenLoss, completion: LossInput, logprobs: number[]): number {
    if (loss.type !== 'cispo') return lossAndGradient(loss, completion).loss
    const held = lossAndGradient({ type: 'cispo', clipHigh: loss.clipHigh }, { ...completion, logprobs }).gradient
    const kl = lossAndGradient(loss, { ...completion, advantage: 0 }).loss
    return kl + held.reduce((sum, factor, t) => sum + factor * completion.logprobs[t], 0)
  }
})

describe('token weights', () => {
  it('leave masked completions out of the normalisation', () => {
    const weights = tokenWeights(LOSSES.dapo, [...sizes, { length: 100, masked: true }], 100)
    expect(weights[0][0]).toBeCloseTo(1 / 5)
    expect(weights[2].every((weight) => weight === 0)).toBe(true)
    expect(tokenWeights(LOSSES.grpo, [...sizes, { length: 9, masked: true }], 9)[1][0]).toBeCloseTo(1 / 6)
  })

  it.each(Object.keys(LOSSES) as LossName[])('of %s are those of the batch without its masked half', (name) => {
    const masked = [7, 100].map((length) => ({ length, masked: true }))
    const [some, alone] = [tokenWeights(LOSSES[name], [...sizes, ...masked], 10), tokenWeights(LOSSES[name], sizes, 10)]
    expect(some.slice(0, 2)).toEqual(alone)
    expect(some.slice(2).every((row) => row.every((weight) => weight === 0))).toBe(true)
  })

  it('multiply the truncated importance weights', () => {
    const correction = importanceWeights(Float32Array.from([0, Math.log(3)]), Float32Array.from([Math.log(2), 0]), 2)
    expect(correction[0]).toBeCloseTo(0.5)
    expect(correction[1]).toBe(2)
    const [weights] = tokenWeights(LOSSES.dapo, [{ length: 2, masked: false, correction }], 10)
    expect(weights[0]).toBeCloseTo(0.25)
    expect(weights[1]).toBeCloseTo(1)
  })
})
