import { beforeAll, describe, expect, it } from 'vitest'
import { seedFrom, uniform } from '../../util/random.ts'
import { InferenceSession } from '../runtime/onnx-runtime.ts'
import { makePacks, type PackGroup, packFeeds } from '../runtime/pack.ts'
import type { Feeds } from '../runtime/tensors.ts'
import { type Arrays, feedArrays, randomWeights, TINY, TINY_LORA } from '../testing/tiny.ts'
import type { ModelConfig } from './config.ts'
import type { WeightBinding } from './layer.ts'
import type { LossKind } from './loss-head.ts'
import { buildTrainGraph } from './train-graph.ts'

const bounds: Feeds = {}
const KINDS: Record<string, LossKind> = {
  cross_entropy: { type: 'cross_entropy', sequenceRatio: false, kl: false },
  'ppo with kl': { type: 'ppo', sequenceRatio: false, kl: true },
  'ppo by sequence': { type: 'ppo', sequenceRatio: true, kl: true },
  cispo: { type: 'cispo', sequenceRatio: false, kl: true },
}

/** Two groups of unequal prompt and completion lengths; old and reference logprobs near the policy's, some clipped. */
function someGroups(c: ModelConfig, logprobs?: number[][][]): PackGroup[] {
  const next = uniform(seedFrom('groups'))
  const tokens = (n: number) => Array.from({ length: n }, () => Math.floor(next() * c.vocab))
  return [
    [7, [5, 3, 6]],
    [4, [2, 4, 1]],
  ].map(([promptLength, lengths], g) => ({
    prompt: tokens(promptLength as number),
    completions: (lengths as number[]).map((length, k) => {
      const around = (spread: number) =>
        Array.from({ length }, (_, t) => (logprobs?.[g][k][t] ?? 0) + (next() - 0.5) * spread)
      return {
        tokens: tokens(length),
        advantage: next() * 2 - 1,
        weights: Array.from({ length }, () => next()),
        oldLogprobs: around(0.6),
        refLogprobs: around(1),
      }
    }),
  }))
}

class Model {
  private readonly sessions = new Map<string, InferenceSession>()
  readonly arrays: Arrays
  temperature = 1

  constructor(
    readonly config: ModelConfig,
    readonly precision: 'f32' | 'f64',
    readonly train: 'lora' | 'full',
    readonly onGpu = false,
  ) {
    this.arrays = randomWeights(config, precision, train === 'lora' ? TINY_LORA : undefined)
  }

  async run(groups: PackGroup[], kind: LossKind, budget = 1000, outputs?: string[]) {
    const key = JSON.stringify(kind)
    let session = this.sessions.get(key)
    if (!session) {
      const binding: WeightBinding = {
        base: 'fed',
        train: this.train,
        ...(this.train === 'lora' ? { lora: TINY_LORA } : {}),
      }
      const { precision, onGpu } = this
      const { bytes } = buildTrainGraph(this.config, binding, kind, { precision, onGpu, maxPositions: 128 })
      session = await InferenceSession.create(bytes, { intraOpNumThreads: 1, logSeverityLevel: 3 })
      this.sessions.set(key, session)
    }
    const total = { loss: 0, gradients: new Map<string, Float64Array>(), logprobs: [] as number[][][] }
    for (const pack of makePacks(groups, budget)) {
      const { feeds, order } = packFeeds(this.config, pack, kind, this.precision)
      const result = await session.run(
        { ...feedArrays(this.arrays), ...feeds, ...scalars(this.precision, kind, this.temperature) },
        outputs ?? session.outputNames,
      )
      total.loss += Number((result.loss.data as Float64Array)[0])
      for (const [name, tensor] of Object.entries(result)) {
        if (!name.startsWith('d.')) continue
        const data = tensor.data as Float64Array
        const sum = total.gradients.get(name.slice(2)) ?? new Float64Array(data.length)
        for (let i = 0; i < data.length; i++) sum[i] += data[i]
        total.gradients.set(name.slice(2), sum)
      }
      if (result.logprobs)
        order.forEach(({ group, completion, token }, i) => {
          total.logprobs[group] ??= []
          total.logprobs[group][completion] ??= []
          total.logprobs[group][completion][token] = Number((result.logprobs.data as Float64Array)[i])
        })
    }
    return total
  }
}

function scalars(precision: 'f32' | 'f64', kind: LossKind, temperature: number): Feeds {
  if (kind.type === 'cross_entropy') return bounds
  // CISPO does not differentiate its clipped ratio: a bound below every ratio makes that factor constant.
  const values: Record<string, number> = {
    clip_high: kind.type === 'cispo' ? -0.95 : 0.2,
    inverse_temperature: 1 / temperature,
  }
  if (kind.type === 'ppo') values.clip_low = 0.2
  if (kind.kl) values.beta = 0.3
  return feedArrays(
    new Map(
      Object.entries(values).map(([name, v]) => [
        name,
        { dims: [], data: precision === 'f64' ? Float64Array.of(v) : Float32Array.of(v) },
      ]),
    ),
  )
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

describe.each(Object.keys(TINY) as (keyof typeof TINY)[])('training graph of %s', (family) => {
  const c = TINY[family]
  let groups: PackGroup[]

  beforeAll(async () => {
    const plain = await new Model(c, 'f64', 'lora').run(someGroups(c), KINDS.cross_entropy)
    groups = someGroups(c, plain.logprobs)
  })

  it.each(Object.keys(KINDS))('%s: f64 gradients of adapters agree with central differences', async (name) => {
    await againstDifferences(new Model(c, 'f64', 'lora'), groups, KINDS[name])
  })

  it('f64 gradients at another temperature agree with central differences', async () => {
    const model = new Model(c, 'f64', 'full')
    model.temperature = 0.7
    await againstDifferences(model, groups, KINDS['ppo with kl'])
  })

  it.each(['cross_entropy', 'ppo with kl'])(
    '%s: f64 gradients of all weights agree with central differences',
    async (name) => {
      await againstDifferences(new Model(c, 'f64', 'full'), groups, KINDS[name])
    },
  )

  it.each([
    ['lora', false],
    ['full', false],
    ['lora', true],
    ['full', true],
  ] as const)('f32 gradients (%s, as for a GPU: %s) agree with f64', async (train, onGpu) => {
    const exact = await new Model(c, 'f64', train).run(groups, KINDS['ppo with kl'])
    const single = await new Model(c, 'f32', train, onGpu).run(groups, KINDS['ppo with kl'])
    expect(relativeDistance(single.gradients, exact.gradients)).toBeLessThan(1e-5)
  })

  it('cispo weighs the gradient by the ratio, without differentiating it', async () => {
    const model = new Model(c, 'f64', 'lora')
    const { logprobs } = await model.run(groups, KINDS.cross_entropy)
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
    const a = await model.run(weighted, KINDS.cispo)
    const b = await model.run(asCrossEntropy, KINDS.cross_entropy)
    expect(relativeDistance(a.gradients, b.gradients)).toBeLessThan(1e-9)
  })

  it('packing does not change the result', async () => {
    const model = new Model(c, 'f64', 'full')
    const packed = await model.run(groups, KINDS['ppo by sequence'])
    const alone = await model.run(groups, KINDS['ppo by sequence'], 1)
    expect(makePacks(groups, 1).length).toBe(6)
    expect(relativeDistance(packed.gradients, alone.gradients)).toBeLessThan(1e-9)
    expect(packed.loss).toBeCloseTo(alone.loss, 10)
  })
})

async function againstDifferences(model: Model, groups: PackGroup[], kind: LossKind): Promise<void> {
  const { gradients } = await model.run(groups, kind)
  const step = 1e-5
  let worst = 0
  for (const [name, gradient] of gradients) {
    const { data } = model.arrays.get(name)!
    const scale = Math.max(...gradient.map(Math.abs))
    for (const i of new Set([0, Math.floor(data.length / 3), data.length - 1])) {
      const kept = data[i]
      data[i] = kept + step
      const above = (await model.run(groups, kind, 1000, ['loss'])).loss
      data[i] = kept - step
      const below = (await model.run(groups, kind, 1000, ['loss'])).loss
      data[i] = kept
      const numeric = (above - below) / (2 * step)
      worst = Math.max(worst, Math.abs(numeric - gradient[i]) / Math.max(scale, 1e-3))
    }
  }
  expect(worst).toBeLessThan(1e-6)
}
