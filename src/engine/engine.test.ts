import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { Engine, type EngineOptions } from './engine.ts'
import { estimateMemory, planMemory } from './runtime/memory.ts'
import { useTemporaryCache } from './testing/core.ts'
import { BinaryFile } from './weights/binary-file.ts'
import { readSafetensors, type TensorToWrite, writeSafetensors } from './weights/safetensors.ts'

useTemporaryCache()

const model = fileURLToPath(new URL('./golden/tiny-qwen3', import.meta.url))
const never = () => false
const adam = { learningRate: 5e-3, beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0.01, maxGradNorm: 1 }
const lora: EngineOptions = { trainable: { type: 'lora', rank: 4, alpha: 8, seed: 3 }, threads: 1 }
const full: EngineOptions = { trainable: { type: 'full' }, threads: 1 }
const prompt = [1, 2, 3]
const target = [10, 20, 30, 40]
const groups = [{ prompt, completions: [{ tokens: target, advantage: 0, weights: [0.25, 0.25, 0.25, 0.25] }] }]

async function train(engine: Engine, steps: number): Promise<number[]> {
  const losses: number[] = []
  for (let i = 0; i < steps; i++) {
    losses.push((await engine.forwardBackward(groups, { type: 'cross_entropy' }, never)).loss)
    engine.optimStep(adam)
  }
  return losses
}

const scoreTarget = async (engine: Engine, set: 'policy' | 'base') =>
  Array.from((await engine.score([{ prefix: prompt, continuations: [target] }], set, {}, never))[0][0])

describe.each([
  ['lora', lora],
  ['lora in 8 bits', { ...lora, precision: 'int8' }],
  ['full', full],
] as const)('training (%s)', (_, options) => {
  it('lowers the loss, changes the policy and leaves the base alone', async () => {
    const engine = await Engine.open(model, options)
    const before = await scoreTarget(engine, 'base')
    expect(await scoreTarget(engine, 'policy')).toEqual(before)
    const losses = await train(engine, 30)
    expect(losses[29]).toBeLessThan(losses[0] / 2)
    expect(await scoreTarget(engine, 'base')).toEqual(before)
    const after = await scoreTarget(engine, 'policy')
    const last = (await engine.forwardBackward(groups, { type: 'cross_entropy' }, never)).loss
    expect(-after.reduce((a, b) => a + b, 0) / 4).toBeCloseTo(last, 4)
    await engine.close()
  })

  it('continues from a saved state exactly as if it had never stopped', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bump-state-'))
    const straight = await Engine.open(model, options)
    await train(straight, 3)
    straight.saveState(folder)
    const digest = straight.policyDigest()
    const expected = await train(straight, 3)
    const resumed = await Engine.open(model, options)
    resumed.loadState(folder)
    expect(resumed.policyDigest()).toBe(digest)
    expect(await train(resumed, 3)).toEqual(expected)
    expect(resumed.policyDigest()).toBe(straight.policyDigest())
  })
})

it.each([
  [
    'of another base',
    (folder: string) => writeFileSync(join(folder, 'state.json'), '{"base":"x","step":3}'),
    /another model/,
  ],
  ['without its step', (folder: string) => rmSync(join(folder, 'state.json')), /no complete checkpoint/],
  ['without its moments', (folder: string) => rmSync(join(folder, 'optimizer.safetensors')), /optimizer\.safetensors/],
  [
    'with moments that are cut',
    (folder: string) => {
      const file = join(folder, 'optimizer.safetensors')
      truncateSync(file, statSync(file).size - 4)
    },
    /optimizer\.safetensors: damaged.*truncated/,
  ],
  [
    'with the moments of some tensors',
    (folder: string) => writeSafetensors(join(folder, 'optimizer.safetensors'), new Map(someMoments(folder))),
    /has moments of 1 of 28/,
  ],
] as [string, (folder: string) => void, RegExp][])(
  'a state %s leaves the engine as it is',
  async (_, damage, message) => {
    const folder = mkdtempSync(join(tmpdir(), 'bump-state-'))
    const other = await Engine.open(model, lora)
    await train(other, 3)
    other.saveState(folder)
    await other.close()
    damage(folder)
    const engine = await Engine.open(model, lora)
    const straight = await Engine.open(model, lora)
    await train(engine, 2)
    await train(straight, 2)
    expect(() => engine.loadState(folder)).toThrow(message)
    expect(engine.policyDigest()).toBe(straight.policyDigest())
    expect(await train(engine, 2)).toEqual(await train(straight, 2))
  },
)

/** The first moment and the second of one tensor of a saved state. */
function someMoments(folder: string): [string, TensorToWrite][] {
  const file = new BinaryFile(join(folder, 'optimizer.safetensors'))
  const found = [...readSafetensors(file)].filter(([name]) => name.endsWith('.l0.q.A'))
  file.close()
  return found.map(([name, { dims }]) => [name, { dims, data: () => new Float32Array(dims[0] * dims[1]) }])
}

it.each(['loadState', 'loadPolicy'] as const)('%s drops a pending gradient', async (load) => {
  const folder = mkdtempSync(join(tmpdir(), 'bump-state-'))
  const engine = await Engine.open(model, lora)
  await train(engine, 1)
  engine.saveState(folder)
  await engine.forwardBackward(groups, { type: 'cross_entropy' }, never)
  engine[load](folder)
  expect(engine.optimStep(adam).gradNorm).toBe(0)
})

it('samples from the base as if there were no adapter, whatever the adapter has learned', async () => {
  const sampling = { maxTokens: 16, temperature: 1, stopTokens: [] }
  const sample = (engine: Engine, set: 'policy' | 'base') =>
    engine.sample([{ prompt, seeds: [1, 2] }], sampling, set, never, () => {})
  const plain = await Engine.open(model, { threads: 1 })
  const expected = await sample(plain, 'base')
  const engine = await Engine.open(model, lora)
  await train(engine, 10)
  expect(await sample(engine, 'base')).toEqual(expected)
  expect(await sample(engine, 'policy')).not.toEqual(expected)
  await plain.close()
  await engine.close()
})

it('accumulates gradients over calls until the optimiser steps', async () => {
  const once = await Engine.open(model, lora)
  const twice = await Engine.open(model, lora)
  const half = [{ prompt, completions: [{ ...groups[0].completions[0], weights: [0.125, 0.125, 0.125, 0.125] }] }]
  await once.forwardBackward(groups, { type: 'cross_entropy' }, never)
  await twice.forwardBackward(half, { type: 'cross_entropy' }, never)
  await twice.forwardBackward(half, { type: 'cross_entropy' }, never)
  expect(twice.optimStep(adam).gradNorm).toBeCloseTo(once.optimStep(adam).gradNorm, 6)
})

it('tells adapters apart that differ only in their scale', async () => {
  const digests: string[] = []
  for (const alpha of [8, 16]) {
    const engine = await Engine.open(model, { trainable: { type: 'lora', rank: 4, alpha, seed: 3 }, threads: 1 })
    digests.push(engine.policyDigest())
    await engine.close()
  }
  expect(digests[0]).not.toBe(digests[1])
})

it('trains layer by layer to the same numbers where memory is short', async () => {
  const nano = fileURLToPath(new URL('../../assets/nano', import.meta.url))
  const plenty = await Engine.open(nano, lora)
  const least = { rows: { train: 384, prefix: 512, suffix: 512 }, layerWise: true, prepack: false, rank: 4 }
  const memory = estimateMemory(plenty.config, least).total
  expect(planMemory(nano, plenty.config, { ...lora, memory }).layerWise).toBe(true)
  const short = await Engine.open(nano, { ...lora, memory })
  const [a, b] = [await train(plenty, 5), await train(short, 5)]
  b.forEach((loss, i) => {
    expect(loss).toBeCloseTo(a[i], 4)
  })
  // Many completions, in one part and in several.
  const many = Array.from({ length: 8 }, (_, i) => ({
    prompt: [...prompt, ...new Array(60).fill(7 + i)],
    completions: [5, 40].map((length, side) => ({
      tokens: Array.from({ length }, (_, t) => (31 * t + i) % 200),
      advantage: side - 0.4,
      weights: new Array<number>(length).fill(1 / 360),
      oldLogprobs: new Array<number>(length).fill(-5),
    })),
  }))
  const loss = { type: 'ppo', clipLow: 0.2, clipHigh: 0.2 } as const
  const [whole, parts] = [
    await plenty.forwardBackward(many, loss, never),
    await short.forwardBackward(many, loss, never),
  ]
  expect(parts.loss).toBeCloseTo(whole.loss, 4)
  expect(short.optimStep(adam).gradNorm / plenty.optimStep(adam).gradNorm).toBeCloseTo(1, 3)
  await plenty.close()
  await short.close()
})

it('samples, scores and trains on one distribution at any temperature', async () => {
  const engine = await Engine.open(model, full)
  await train(engine, 5)
  const temperature = 0.6
  const sampling = { maxTokens: 12, temperature, stopTokens: [] }
  const [[{ tokens, logprobs }]] = await engine.sample([{ prompt, seeds: [7] }], sampling, 'policy', never, () => {})
  const job = { prefix: prompt, continuations: [tokens] }
  const [[scored]] = await engine.score([job], 'policy', { temperature }, never)
  const weights = new Float32Array(tokens.length).fill(1)
  const trained = await engine.forwardBackward(
    [{ prompt, completions: [{ tokens, advantage: 1, weights, oldLogprobs: logprobs }] }],
    { type: 'ppo', clipLow: 0.2, clipHigh: 0.2, temperature },
    never,
  )
  const [[untempered]] = await engine.score([job], 'policy', {}, never)
  logprobs.forEach((logprob, t) => {
    expect(scored[t]).toBeCloseTo(logprob, 4)
    expect(trained.completions[0][0].logprobs[t]).toBeCloseTo(logprob, 4)
  })
  expect(Math.abs(untempered[0] - logprobs[0])).toBeGreaterThan(1e-3)
})

it('puts a saved adapter on a model opened for inference', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'bump-adapter-'))
  const trained = await Engine.open(model, lora)
  await train(trained, 5)
  trained.savePolicy(folder)
  const reader = await Engine.open(model, { threads: 1 })
  expect(await scoreTarget(reader, 'policy')).toEqual(await scoreTarget(trained, 'base'))
  reader.loadPolicy(folder)
  expect(await scoreTarget(reader, 'policy')).toEqual(await scoreTarget(trained, 'policy'))
  expect(() => reader.optimStep(adam)).toThrow(/opened for inference/)
})

it('samples and scores by quantised weights, trains and scores exactly by the others', async () => {
  const exact = await Engine.open(model, lora)
  const quantised = await Engine.open(model, { ...lora, quantize: 'int8' })
  const jobs = [{ prefix: prompt, continuations: [target] }]
  const scores = async (engine: Engine, exactly: boolean) =>
    (await engine.score(jobs, 'policy', { exact: exactly }, never))[0][0]
  expect(await scores(quantised, true)).toEqual(await scores(exact, true))
  expect(await scores(quantised, false)).not.toEqual(await scores(exact, false))
  expect(await train(quantised, 2)).toEqual(await train(exact, 2))
  expect(quantised.info.digest).not.toBe(exact.info.digest)
  await expect(Engine.open(model, { ...full, quantize: 'int8' })).rejects.toThrow(/quantize is for LoRA/)
})

it('trains in 8 bits with no exact weights on disk or in memory, towards what training in f32 learns', async () => {
  const before = process.env.BUMP_CACHE
  process.env.BUMP_CACHE = mkdtempSync(join(tmpdir(), 'bump-cache-'))
  try {
    const integer = await Engine.open(model, { ...lora, precision: 'int8' })
    const files = readdirSync(process.env.BUMP_CACHE, { recursive: true, encoding: 'utf8' })
    expect(files.filter((file) => file.includes('weights.')).map((file) => basename(file))).toContain(
      'weights.q8-train',
    )
    expect(files.filter((file) => file.endsWith('weights.f32'))).toEqual([])
    const exact = await Engine.open(model, lora)
    const [losses, expected] = [await train(integer, 10), await train(exact, 10)]
    losses.forEach((loss, step) => {
      expect(Math.abs(loss - expected[step])).toBeLessThan(0.05 * expected[step])
    })
    const folder = mkdtempSync(join(tmpdir(), 'bump-adapter-'))
    integer.savePolicy(folder)
    const reader = await Engine.open(model, { threads: 1 })
    reader.loadPolicy(folder)
    const logprobs = await scoreTarget(reader, 'policy')
    expect(-logprobs.reduce((a, b) => a + b, 0) / 4).toBeLessThan(losses[0] - 1)
    await expect(Engine.open(model, { ...full, precision: 'int8' })).rejects.toThrow(/for LoRA/)
  } finally {
    process.env.BUMP_CACHE = before
  }
})

it('samples by what was learned, by quantised weights, too', async () => {
  const engine = await Engine.open(model, { ...lora, quantize: 'int8' })
  const jobs = [{ prefix: prompt, continuations: [target] }]
  const likelihood = async () => (await engine.score(jobs, 'policy', {}, never))[0][0].reduce((sum, x) => sum + x, 0)
  const before = await likelihood()
  await train(engine, 30)
  expect(await likelihood()).toBeGreaterThan(before + 5)
  const sampling = { maxTokens: target.length, temperature: 0, stopTokens: [] }
  const [[{ tokens, logprobs }]] = await engine.sample([{ prompt, seeds: [1] }], sampling, 'policy', never, () => {})
  expect([...tokens]).toEqual([...target])
  const exactly = (await engine.score(jobs, 'policy', { exact: true }, never))[0][0]
  logprobs.forEach((logprob, t) => {
    expect(Math.abs(logprob - exactly[t])).toBeLessThan(1.5)
  })
  await engine.close()
})

it('refuses tokens that the vocabulary does not have', async () => {
  const engine = await Engine.open(model, { threads: 1 })
  const sampling = { maxTokens: 2, temperature: 1, stopTokens: [] }
  expect(() => engine.sample([{ prompt: [64], seeds: [1] }], sampling, 'base', never, () => {})).toThrow(
    /token 64 is not/,
  )
  expect(() => engine.score([{ prefix: [1], continuations: [[-1]] }], 'base', {}, never)).toThrow(/token -1 is not/)
})

it('refuses states of other models, other adapters and incomplete checkpoints', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'bump-refuse-'))
  const engine = await Engine.open(model, lora)
  await train(engine, 1)
  engine.saveState(folder)
  const wider = await Engine.open(model, { ...lora, trainable: { type: 'lora', rank: 8, alpha: 8 } })
  expect(() => wider.loadState(folder)).toThrow(/rank 4 .* trains rank 8/)
  const state = join(folder, 'state.json')
  const content = readFileSync(state, 'utf8')
  writeFileSync(state, content.replace(/"base":"..../, '"base":"0000'))
  expect(() => engine.loadState(folder)).toThrow(/another model/)
  writeFileSync(state, content.slice(0, 10))
  expect(() => engine.loadState(folder)).toThrow(/no complete checkpoint/)
})

const real = process.env.BUMP_TEST_GGUF
// The weights are 90 MB and not ours to ship: this runs where BUMP_TEST_GGUF names SmolLM2-135M-Instruct.Q4_1.gguf.
it.runIf(real)('gives the logits of transformers on SmolLM2-135M-Instruct', async () => {
  const path = fileURLToPath(new URL('./golden/smollm2-135m-logits.json', import.meta.url))
  const { prompts } = JSON.parse(readFileSync(path, 'utf8')) as {
    prompts: { ids: number[]; logits: { ids: number[]; values: number[] }; nextTokenLogprobs: number[] }[]
  }
  const engine = await Engine.open(real!)
  for (const { ids, logits, nextTokenLogprobs } of prompts) {
    const [given] = await engine.labelLogits([ids], logits.ids, 'base', never)
    given.forEach((value, i) => {
      expect(Math.abs(value - logits.values[i])).toBeLessThan(1e-3)
    })
    const [[scored]] = await engine.score(
      [{ prefix: ids.slice(0, 1), continuations: [ids.slice(1)] }],
      'base',
      {},
      never,
    )
    scored.forEach((value, i) => {
      expect(Math.abs(value - nextTokenLogprobs[i])).toBeLessThan(1e-3)
    })
  }
})
