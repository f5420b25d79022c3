// Gradients of adapters against transformers: scripts/golden/tiny_models.py says what they are of.
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { PROJECTIONS } from '../../model/contract.ts'
import { golden, openCore, TINY_MODELS, useTemporaryCache } from '../testing/core.ts'
import { Trainer } from './train.ts'

useTemporaryCache()

interface Expected {
  prompt: number[]
  logits: number[][]
  gradients?: Record<string, number[]>
}

const expectedOf = (name: string): Expected => JSON.parse(readFileSync(`${golden(name)}/expected.json`, 'utf8'))
const WITH_GRADIENTS = TINY_MODELS.filter((name) => expectedOf(name).gradients)

/** [rows, columns] values of an adapter's tensor, as the script has them. */
function fill(name: string, data: Float32Array, columns: number): void {
  const [layer, part, matrix] = name.split('.')
  const index = PROJECTIONS.findIndex((projection) => projection === part)
  const start = 1 + 31 * Number(layer.slice(1)) + 7 * index + (matrix === 'A' ? 0 : 3)
  for (let i = 0; i < data.length; i++)
    data[i] = 0.2 * Math.sin(start + 1.7 * Math.floor(i / columns) + 0.9 * (i % columns))
}

it.each(WITH_GRADIENTS)(
  '%s: training rows and gradients of an adapter are those of an independent implementation',
  async (name) => {
    const { prompt, logits, gradients = {} } = expectedOf(name)
    const targets = [...PROJECTIONS]
    const core = await openCore(golden(name), { type: 'lora', rank: 2, alpha: 4, targets, rsLora: false, seed: 1 })
    const trainer = new Trainer(core, 64)
    /** A training row of a prompt of `length` tokens and what follows in the text. */
    const run = (length: number) => {
      const tokens = prompt.slice(length)
      const completion = { tokens, advantage: 1, weights: tokens.map(() => 1 / tokens.length) }
      const groups = [{ prompt: prompt.slice(0, length), completions: [completion] }]
      return trainer.forwardBackward(groups, { type: 'cross_entropy' }, () => false)
    }
    // A new adapter changes nothing; the prompt is longer than windows are.
    const [[{ logprobs }]] = (await run(12)).completions
    logprobs.forEach((value, i) => {
      const row = logits[11 + i]
      const sum = row.reduce((total, logit) => total + Math.exp(logit), 0)
      expect(Math.abs(value - (row[prompt[12 + i]] - Math.log(sum)))).toBeLessThan(1e-4)
    })
    trainer.dropGradient()
    for (const [key, { data, dims }] of core.weights.trained) fill(key, data, dims[1])
    await run(1)
    trainer.step({ learningRate: 0, beta1: 0, beta2: 0, eps: 1, weightDecay: 0, maxGradNorm: 0 })
    // Without momentum, the first moments are the gradients.
    expect([...trainer.state.first.keys()].sort()).toEqual(Object.keys(gradients).sort())
    for (const [key, { data }] of trainer.state.first) {
      const largest = Math.max(...gradients[key].map(Math.abs))
      data.forEach((value, i) => {
        expect(Math.abs(value - gradients[key][i])).toBeLessThan(1e-4 * largest)
      })
    }
    await core.sessions.release()
  },
)
