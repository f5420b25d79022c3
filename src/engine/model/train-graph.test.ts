import { beforeAll, describe, expect, it } from 'vitest'
import type { TokenLoss } from '../../model/contract.ts'
import { makePacks, type PackGroup } from '../runtime/pack.ts'
import { TINY } from '../testing/tiny.ts'
import { someGroups, TrainModel } from '../testing/train-model.ts'

const klCoef = 0.3
const ppo: TokenLoss = { type: 'ppo', clipLow: 0.2, clipHigh: 0.2, klCoef }
const LOSSES: Record<string, TokenLoss> = {
  cross_entropy: { type: 'cross_entropy' },
  'ppo with kl': ppo,
  'ppo by sequence': { ...ppo, sequenceRatio: true },
  // CISPO does not differentiate its clipped ratio: a bound below every ratio makes that factor constant.
  cispo: { type: 'cispo', clipHigh: -0.95, klCoef },
}

/** |a − b| relative to the whole gradient tensor's scale. */
function relativeDistance(a: Map<string, Float64Array>, b: Map<string, Float64Array>): number {
  let difference = 0
  let size = 0
  for (const [name, x] of a)
    x.forEach((value, i) => {
      difference += (value - b.get(name)![i]) ** 2
      size += b.get(name)![i] ** 2
    })
  return Math.sqrt(difference / size)
}

describe('training graph of llama', () => {
  const c = TINY.llama
  let groups: PackGroup[]

  beforeAll(async () => {
    const plain = await new TrainModel(c, 'f64', 'lora').run(someGroups(c), LOSSES.cross_entropy)
    groups = someGroups(c, plain.logprobs)
  })

  it.each(Object.keys(LOSSES))('%s: f64 gradients of adapters agree with central differences', async (name) => {
    await againstDifferences(new TrainModel(c, 'f64', 'lora'), groups, LOSSES[name])
  })

  it('f64 gradients at another temperature agree with central differences', async () => {
    await againstDifferences(new TrainModel(c, 'f64', 'full'), groups, { ...ppo, temperature: 0.7 })
  })

  it.each(['cross_entropy', 'ppo with kl'])(
    '%s: f64 gradients of all weights agree with central differences',
    async (name) => {
      await againstDifferences(new TrainModel(c, 'f64', 'full'), groups, LOSSES[name])
    },
  )

  it.each([
    ['lora', false],
    ['full', false],
    ['lora', true],
    ['full', true],
  ] as const)('f32 gradients (%s, as for a GPU: %s) agree with f64', async (train, onGpu) => {
    const exact = await new TrainModel(c, 'f64', train).run(groups, LOSSES['ppo with kl'])
    const single = await new TrainModel(c, 'f32', train, onGpu).run(groups, LOSSES['ppo with kl'])
    expect(relativeDistance(single.gradients, exact.gradients)).toBeLessThan(1e-5)
  })

  it('cispo weighs the gradient by the ratio, without differentiating it', async () => {
    const model = new TrainModel(c, 'f64', 'lora')
    const { logprobs } = await model.run(groups, LOSSES.cross_entropy)
    const shift = -3 // every ratio is e^3 · 0.05-bound: exactly the bound
    const weighted = groups.map((group, i) => ({
      ...group,
      completions: group.completions.map((one, k) => ({
        ...one,
        oldLogprobs: logprobs[i][k].map((l) => l + shift),
        refLogprobs: logprobs[i][k],
      })),
    }))
    const asCrossEntropy = weighted.map((group) => ({
      ...group,
      completions: group.completions.map((one) => ({
        ...one,
        weights: Array.from(one.weights, (w) => w * one.advantage * 0.05),
      })),
    }))
    const a = await model.run(weighted, LOSSES.cispo)
    const b = await model.run(asCrossEntropy, LOSSES.cross_entropy)
    expect(relativeDistance(a.gradients, b.gradients)).toBeLessThan(1e-9)
  })

  it('packing does not change the result', async () => {
    const model = new TrainModel(c, 'f64', 'full')
    const packed = await model.run(groups, LOSSES['ppo by sequence'])
    const alone = await model.run(groups, LOSSES['ppo by sequence'], { budget: 1 })
    expect(makePacks(groups, 1).length).toBe(6)
    expect(relativeDistance(packed.gradients, alone.gradients)).toBeLessThan(1e-9)
    expect(packed.loss).toBeCloseTo(alone.loss, 10)
  })
})

// What families add lies before the losses.
describe.each(['qwen2', 'qwen3', 'gemma3', 'phi3', 'olmo2'] as const)('training graph of %s', (family) => {
  const c = TINY[family]
  const loss = LOSSES.cross_entropy

  it.each(['lora', 'full'] as const)('%s: f64 gradients agree with central differences', async (train) => {
    await againstDifferences(new TrainModel(c, 'f64', train), someGroups(c), loss)
  })

  it.each([false, true])('f32 gradients (as for a GPU: %s) agree with f64', async (onGpu) => {
    const exact = await new TrainModel(c, 'f64', 'lora').run(someGroups(c), loss)
    const single = await new TrainModel(c, 'f32', 'lora', onGpu).run(someGroups(c), loss)
    expect(relativeDistance(single.gradients, exact.gradients)).toBeLessThan(1e-5)
  })

  it('packing does not change the result', async () => {
    const model = new TrainModel(c, 'f64', 'lora')
    const packed = await model.run(someGroups(c), loss)
    const alone = await model.run(someGroups(c), loss, { budget: 1 })
    expect(relativeDistance(packed.gradients, alone.gradients)).toBeLessThan(1e-9)
  })
})

async function againstDifferences(model: TrainModel, groups: PackGroup[], loss: TokenLoss): Promise<void> {
  const { gradients } = await model.run(groups, loss)
  const step = 1e-5
  let worst = 0
  for (const [name, gradient] of gradients) {
    const { data } = model.arrays.get(name)!
    const scale = Math.max(...gradient.map(Math.abs))
    for (const i of new Set([0, Math.floor(data.length / 3), data.length - 1])) {
      const kept = data[i]
      data[i] = kept + step
      const above = (await model.run(groups, loss, { outputs: ['loss'] })).loss
      data[i] = kept - step
      const below = (await model.run(groups, loss, { outputs: ['loss'] })).loss
      data[i] = kept
      const numeric = (above - below) / (2 * step)
      worst = Math.max(worst, Math.abs(numeric - gradient[i]) / Math.max(scale, 1e-3))
    }
  }
  expect(worst).toBeLessThan(1e-6)
}
