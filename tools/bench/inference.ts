// Prefill, decoding and scoring, exact and in 8 bits, and the scorers of the judge.
import { availableParallelism } from 'node:os'
import type { Device } from '../../src/engine/runtime/device.ts'
import { type Case, type Goal, named, never, openBench, type Row, tokens } from './case.ts'
import { decodingProducts } from './machine.ts'
import { type Shape, SMOLLM2_135M } from './shape.ts'
import { medianSeconds } from './timing.ts'

/** What a decoding step at batch 1 cannot go below: its matrix products, in a graph of nothing else. */
export const products: Case = async () => {
  const { seconds, bytes } = await decodingProducts(SMOLLM2_135M.config, availableParallelism())
  const figure = `${(seconds * 1000).toFixed(1)} ms, ${(bytes / seconds / 1e9).toFixed(1)} GB/s`
  return [{ what: 'the products of a decoding step alone, batch 1', figure }]
}

/** Goals are those of SmolLM2-135M's shape in f32. */
export async function inference(shape: Shape, quantize: 'none' | 'int8', device: Device): Promise<Row[]> {
  const engine = await openBench(shape, { quantize, device })
  const small = shape === SMOLLM2_135M
  const runs = small ? 3 : 1
  const rows: Row[] = []
  const add = (what: string, figure: string, goal: Goal) =>
    rows.push({
      what: `${named(shape, what)}${quantize === 'none' ? '' : `, ${quantize}`}`,
      figure,
      ...(small && { goals: [goal] }),
    })
  const P = 300
  const prompts = Array.from({ length: 4 }, () => tokens(P + 1))
  const prefill = await medianSeconds(async () => {
    await engine.labelLogits(prompts, [1], 'base', never)
  }, runs)
  const prefillSpeed = (4 * P) / prefill
  add(`prefill ${P}`, `${prefillSpeed.toFixed(0)} tok/s`, {
    unit: 'tok/s',
    value: 1200,
    measured: prefillSpeed,
    bound: 'compute',
  })
  const sampling = { temperature: 1, stopTokens: [] }
  for (const [users, B, value, bound] of [
    [1, 1, 55, 'memory'],
    [1, 8, 280, 'compute'],
    [1, 32, 550, 'compute'],
    [8, 64, 768, 'compute'],
  ] as const) {
    if (!small && (B === 8 || B === 64)) continue
    const jobs = Array.from({ length: users }, () => ({
      prompt: tokens(P),
      seeds: Array.from({ length: B / users }, (_, i) => i),
    }))
    const time = (maxTokens: number) =>
      medianSeconds(async () => {
        await engine.sample(jobs, { ...sampling, maxTokens }, 'base', never, () => {})
      }, runs)
    // The prompt's time and the first token's fall out of the difference.
    const step = ((await time(64)) - (await time(8))) / 56
    add(
      `decode on ${users === 1 ? 'one prompt' : `${users} prompts`} of ${P}, batch ${B}`,
      `${(B / step).toFixed(0)} tok/s (${(step * 1000).toFixed(1)} ms a step)`,
      { unit: 'tok/s', value, measured: B / step, bound },
    )
  }
  const jobs = [{ prefix: tokens(P), continuations: Array.from({ length: 32 }, () => tokens(20)) }]
  const shared = await medianSeconds(async () => {
    await engine.score(jobs, 'base', {}, never)
  }, runs)
  add(`judge: 32 texts of 20 tokens after one of ${P}`, `${(32 / shared).toFixed(0)} pairs/s`, {
    unit: 'pairs/s',
    value: 30,
    measured: 32 / shared,
    bound: 'compute',
  })
  if (small && quantize === 'none') {
    const [{ prefix, continuations }] = jobs
    const apart = await medianSeconds(async () => {
      // Another first token each: nothing is shared.
      const alone = continuations.map((text, i) => ({ prefix: [i, ...prefix.slice(1)], continuations: [text] }))
      await engine.score(alone, 'base', {}, never)
    }, 1)
    add('the same, prefix repeated', `${(apart / shared).toFixed(1)}× the shared time`, {
      unit: '×',
      value: 12,
      measured: apart / shared,
      bound: 'nothing',
    })
  }
  return rows
}

/** Pairs a second of each scorer, in prompts of its shape: 8 profiles of 64 tokens, 9 candidates of 25 each. */
export const judges: Case = async (_, device) => {
  const engine = await openBench(SMOLLM2_135M, { device })
  const [instruction, label] = [tokens(40), tokens(3)]
  const profiles = Array.from({ length: 8 }, () => tokens(64))
  const candidates = Array.from({ length: 9 }, () => tokens(25))
  const labels = tokens(candidates.length)
  const orders = Array.from({ length: 3 }, (_, order) =>
    candidates.flatMap((_, i) => [...label, ...candidates[(i + order) % candidates.length]]),
  )
  const pointwise = profiles.flatMap((profile) =>
    candidates.map((candidate) => [...instruction, ...profile, ...candidate, ...label]),
  )
  const listwise = profiles.flatMap((profile) => orders.map((order) => [...instruction, ...profile, ...order]))
  const permutation = {
    maxTokens: labels.length,
    temperature: 0,
    stopTokens: [],
    allowed: { steps: [labels], distinct: true },
  }
  const scorers: [string, () => Promise<unknown>][] = [
    [
      'likelihood',
      () =>
        engine.score(
          profiles.map((profile) => ({ prefix: [...label, ...profile], continuations: candidates })),
          'base',
          {},
          never,
        ),
    ],
    ['pointwise', () => engine.labelLogits(pointwise, labels.slice(0, 2), 'base', never)],
    ['listwise, first token, 3 orders', () => engine.labelLogits(listwise, labels, 'base', never)],
    [
      'listwise, permutation, 3 orders',
      () =>
        engine.sample(
          listwise.map((prompt) => ({ prompt, seeds: [0] })),
          permutation,
          'base',
          never,
          () => {},
        ),
    ],
  ]
  const rows: Row[] = []
  for (const [name, work] of scorers) {
    const seconds = await medianSeconds(async () => {
      await work()
    }, 1)
    const pairs = profiles.length * candidates.length
    rows.push({
      what: `judge, ${name}: 8 profiles of 64 tokens, 9 candidates of 25`,
      figure: `${(pairs / seconds).toFixed(1)} pairs/s`,
    })
  }
  return rows
}
