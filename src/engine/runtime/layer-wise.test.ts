import { describe, expect, it } from 'vitest'
import type { TokenLoss } from '../../model/contract.ts'
import { normals, seedFrom, uniform } from '../../util/random.ts'
import { golden, openCore, TINY_MODELS, useTemporaryCache } from '../testing/core.ts'
import { LayerWise } from './layer-wise.ts'
import type { Trainable } from './model-weights.ts'
import type { PackGroup } from './pack.ts'
import { Trainer } from './train.ts'

useTemporaryCache()

const never = () => false
const adam = { learningRate: 1e-3, beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0, maxGradNorm: 0 }
const LOSSES: TokenLoss[] = [
  { type: 'cross_entropy' },
  { type: 'ppo', clipLow: 0.2, clipHigh: 0.2, klCoef: 0.1, sequenceRatio: true },
]

const IN_8_BITS: readonly string[] = ['tiny-llama', 'tiny-qwen2', 'tiny-gemma3', 'tiny-olmo2']

const ADAPTER: Trainable = {
  type: 'lora',
  rank: 4,
  alpha: 8,
  targets: ['q', 'v', 'o', 'gate', 'down'],
  rsLora: false,
  seed: 1,
}

function someGroups(vocab: number): PackGroup[] {
  const next = uniform(seedFrom('layer-wise'))
  const tokens = (n: number) => Array.from({ length: n }, () => Math.floor(next() * vocab))
  return [7, 4].map((length) => ({
    prompt: tokens(length),
    completions: [5, 3].map((size) => ({
      tokens: tokens(size),
      advantage: next() - 0.5,
      weights: Array.from({ length: size }, () => next()),
      oldLogprobs: Array.from({ length: size }, () => -4 + next()),
      refLogprobs: Array.from({ length: size }, () => -4 + next()),
    })),
  }))
}

describe.each(TINY_MODELS)('layer-wise training of %s', (name) => {
  // Losses lie after the families' arithmetic: later families take one.
  const losses = ['tiny-llama', 'tiny-qwen2', 'tiny-qwen3'].includes(name) ? LOSSES : LOSSES.slice(0, 1)

  it.each<[TokenLoss, 'backward' | undefined]>([
    ...losses.map((loss): [TokenLoss, undefined] => [loss, undefined]),
    ...(IN_8_BITS.includes(name) ? [[LOSSES[0], 'backward'] as [TokenLoss, 'backward']] : []),
  ])('gives what the whole graph gives: $0.type, 8 bits: $1', async (loss, quantize) => {
    const core = await openCore(golden(name), ADAPTER, quantize)
    for (const [key, { data }] of core.weights.trained) if (key.endsWith('.B')) normals(data, 0.05, seedFrom(key))
    const groups = someGroups(core.config.vocab)
    const trainers = [new Trainer(core, 16), new Trainer(core, 16, new LayerWise(core))]
    const [whole, pieces] = [
      await trainers[0].forwardBackward(groups, loss, never),
      await trainers[1].forwardBackward(groups, loss, never),
    ]
    expect(pieces.loss).toBeCloseTo(whole.loss, 5)
    pieces.completions.flat().forEach((completion, i) => {
      const expected = whole.completions.flat()[i]
      completion.logprobs.forEach((value, t) => {
        expect(value).toBeCloseTo(expected.logprobs[t], 5)
      })
    })
    // The first moments after one step are the gradients, scaled alike.
    for (const trainer of trainers) trainer.step(adam)
    const [expected, given] = trainers.map((trainer) => trainer.state.first)
    let difference = 0
    let size = 0
    for (const [key, { data }] of expected)
      data.forEach((value, i) => {
        difference += (value - given.get(key)!.data[i]) ** 2
        size += value ** 2
      })
    expect(size).toBeGreaterThan(0)
    expect(Math.sqrt(difference / size)).toBeLessThan(1e-5)
    await core.sessions.release()
  })
})
