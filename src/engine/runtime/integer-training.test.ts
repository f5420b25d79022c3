// Training by weights in 8 bits: its gradients are near those by the exact weights, its log probabilities those of
// sampling and scoring in 8 bits.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PROJECTIONS } from '../../model/contract.ts'
import { normals, seedFrom, uniform } from '../../util/random.ts'
import { golden, openCore, useTemporaryCache } from '../testing/core.ts'
import type { Core } from './core.ts'
import type { PackGroup } from './pack.ts'
import { score } from './score.ts'
import { Trainer } from './train.ts'

useTemporaryCache()

const never = () => false

/** What families differ in: biases, norms of heads, after blocks and around them, joined matrices. */
const MODELS = ['tiny-llama', 'tiny-qwen2', 'tiny-qwen3', 'tiny-gemma3', 'tiny-phi3', 'tiny-olmo2']

describe.each(MODELS)('%s in 8 bits', (name) => {
  let core: Core
  beforeAll(async () => {
    core = await openCore(
      golden(name),
      { type: 'lora', rank: 4, alpha: 8, targets: [...PROJECTIONS], rsLora: false, seed: 1 },
      'backward',
    )
    for (const [key, { data }] of core.weights.trained) if (key.endsWith('.B')) normals(data, 0.05, seedFrom(key))
  })
  afterAll(() => core.sessions.release())

  function groups(): PackGroup[] {
    const next = uniform(seedFrom('integer training'))
    const tokens = (n: number) => Array.from({ length: n }, () => Math.floor(next() * core.config.vocab))
    return [17, 9].map((length) => ({
      prompt: tokens(length),
      completions: [13, 8].map((size) => ({ tokens: tokens(size), advantage: 1, weights: Array(size).fill(1 / 42) })),
    }))
  }

  /** First moments after one step without momentum: the gradients. */
  async function train(quantized: boolean, learningRate = 0) {
    const trainer = new Trainer({ ...core, quantized }, 64)
    const result = await trainer.forwardBackward(groups(), { type: 'cross_entropy' }, never)
    trainer.step({ learningRate, beta1: 0, beta2: 0, eps: 1, weightDecay: 0, maxGradNorm: 0 })
    return { result, gradients: trainer.state.first }
  }

  it('has nearly the gradient of the exact weights, in the coordinates of the same adapter', async () => {
    const [exact, integer] = [(await train(false)).gradients, (await train(true)).gradients]
    const kinds = new Map<string, [product: number, exact: number, integer: number]>()
    for (const [key, { data }] of exact) {
      const kind = key.slice(key.indexOf('.') + 1)
      const sums = kinds.get(kind) ?? [0, 0, 0]
      const other = integer.get(key)!.data
      data.forEach((value, i) => {
        sums[0] += value * other[i]
        sums[1] += value ** 2
        sums[2] += other[i] ** 2
      })
      kinds.set(kind, sums)
    }
    expect(kinds.size).toBe(2 * PROJECTIONS.length)
    // Random weights make one model's attention so steep that rounding moves its log probabilities by 0.2.
    const [least, most] = name === 'tiny-gemma3' ? [0.5, 1] : [0.995, 0.2]
    for (const [product, a, b] of kinds.values()) {
      expect(product / Math.sqrt(a * b)).toBeGreaterThan(least)
      expect(Math.abs(Math.log(b / a))).toBeLessThan(most)
    }
  })

  it('scores what it trains on as sampling and scoring in 8 bits do', async () => {
    const { result } = await train(true)
    const requests = groups().map(({ prompt, completions }) => ({
      prefix: [...(prompt as number[])],
      continuations: completions.map(({ tokens }) => [...(tokens as number[])]),
    }))
    const scored = await score(core, requests, 'policy', never)
    result.completions.flat().forEach(({ logprobs }, i) => {
      logprobs.forEach((value, t) => {
        // Attention is summed in another order, and rounding may turn.
        expect(Math.abs(value - scored.flat()[i][t])).toBeLessThan(0.05)
      })
    })
  })
})
