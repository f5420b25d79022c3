import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import type { WeightSet } from '../../model/contract.ts'
import { normals, seedFrom, uniform } from '../../util/random.ts'
import { golden, openCore, TINY_MODELS, useTemporaryCache } from '../testing/core.ts'
import { TINY_LORA } from '../testing/tiny.ts'
import type { Core } from './core.ts'
import { type GenerateOptions, generate } from './generate.ts'
import { labelLogits, score } from './score.ts'

const never = () => false
const ignore = () => {}
const options: GenerateOptions = { maxTokens: 40, temperature: 1, stopTokens: [] }

useTemporaryCache()

/** The golden model with an adapter that matters. */
async function adapted(name: string): Promise<Core> {
  const core = await openCore(golden(name), {
    type: 'lora',
    rank: 4,
    alpha: 8,
    targets: TINY_LORA.targets,
    rsLora: false,
    seed: 1,
  })
  for (const [key, { data }] of core.weights.trained) if (key.endsWith('.B')) normals(data, 0.05, seedFrom(key))
  return core
}

function tokens(core: Core, count: number, seed: number): number[] {
  const next = uniform(seedFrom('tokens', seed))
  return Array.from({ length: count }, () => Math.floor(next() * core.config.vocab))
}

const logSoftmax = (x: ArrayLike<number>) => {
  const max = Math.max(...Array.from(x))
  const lse = max + Math.log(Array.from(x).reduce((sum, v) => sum + Math.exp(v - max), 0))
  return Array.from(x, (v) => v - lse)
}

describe.each(TINY_MODELS)('%s', (name) => {
  let core: Core
  beforeAll(async () => {
    core = await adapted(name)
  })

  it('gives the logits of an independent implementation', async () => {
    const expected = JSON.parse(readFileSync(`${golden(name)}/expected.json`, 'utf8')) as {
      prompt: number[]
      logits: number[][]
    }
    const all = Array.from({ length: core.config.vocab }, (_, i) => i)
    const prompts = expected.prompt.map((_, i) => expected.prompt.slice(0, i + 1))
    const logits = await labelLogits(core, prompts, all, 'base', never)
    expected.logits.forEach((row, i) => {
      row.forEach((value, v) => {
        expect(Math.abs(logits[i][v] - value)).toBeLessThan(1e-4)
      })
    })
  })

  it('scores after a shared prefix as without sharing', async () => {
    await expectSharedAsAlone(core, 'policy', 20)
  })

  it('decodes with a cache what a full forward pass predicts', async () => {
    // More tokens than a cache bucket, unequal prompts and unequal numbers of sequences.
    const jobs = [12, 3, 1].map((length, j) => ({ prompt: tokens(core, length, j), seeds: [1, 2, 3, 4].slice(j) }))
    const out = await generate(core, jobs, options, 'policy', never, ignore)
    const full = await score(
      core,
      jobs.map(({ prompt }, j) => ({ prefix: prompt, continuations: out[j].map((o) => o.tokens) })),
      'policy',
      never,
    )
    out.forEach((list, j) => {
      list.forEach(({ tokens: sampled, logprobs, stopReason }, k) => {
        expect(sampled).toHaveLength(options.maxTokens)
        expect(stopReason).toBe('length')
        logprobs.forEach((value, t) => {
          expect(Math.abs(value - full[j][k][t])).toBeLessThan(1e-4)
        })
      })
    })
  })
})

// What does not depend on the family's arithmetic.
describe.each(['tiny-llama', 'tiny-qwen2', 'tiny-qwen3'])('more of %s', (name) => {
  let core: Core
  beforeAll(async () => {
    core = await adapted(name)
  })

  it.each<[WeightSet, number]>([
    ['base', 0],
    ['policy', 0],
    ['base', 20],
  ])('scores after a shared prefix as without sharing (%s, %d tokens begin all prefixes)', async (set, common) => {
    await expectSharedAsAlone(core, set, common)
  })

  it('gives the labels of prompts in a tree as of each alone', async () => {
    const instruction = tokens(core, 20, 60)
    const queries = [12, 18, 30].map((length, q) => [...instruction, ...tokens(core, length, 61 + q)])
    const prompts = [
      ...queries.flatMap((query, q) => [3, 9, 1].map((n, k) => [...query, ...tokens(core, n, 70 + 10 * q + k)])),
      instruction,
    ]
    const labels = [5, 2, 9]
    const together = await labelLogits(core, prompts, labels, 'policy', never)
    for (const [i, prompt] of prompts.entries()) {
      const [alone] = await labelLogits(core, [prompt], labels, 'policy', never)
      alone.forEach((value, k) => {
        expect(Math.abs(value - together[i][k])).toBeLessThan(1e-4)
      })
    }
  })

  it('scores more than one run holds, with unequal numbers of continuations', async () => {
    const jobs = [40, 25, 50].map((count, j) => ({
      prefix: tokens(core, 4 + j, j),
      continuations: Array.from({ length: count }, (_, k) => tokens(core, 1 + ((7 * k) % 45), 100 * j + k)),
    }))
    const together = await score(core, jobs, 'base', never)
    for (const [j, { prefix, continuations }] of jobs.entries())
      for (const k of [0, 13, continuations.length - 1]) {
        const [[alone]] = await score(core, [{ prefix, continuations: [continuations[k]] }], 'base', never)
        alone.forEach((value, t) => {
          expect(Math.abs(value - together[j][k][t])).toBeLessThan(1e-4)
        })
      }
  })
})

/** Shared prefixes of unequal lengths and numbers of continuations, against each text alone. */
async function expectSharedAsAlone(core: Core, set: WeightSet, common: number): Promise<void> {
  const beginning = tokens(core, common, 50)
  const jobs = [5, 9, 1, 30].map((length, j) => ({
    prefix: [...beginning, ...tokens(core, length, j)],
    continuations: [3, 1, 7, 4].slice(0, j + 1).map((n, k) => tokens(core, n, 100 + 10 * j + k)),
  }))
  const shared = await score(core, jobs, set, never)
  for (const [j, { prefix, continuations }] of jobs.entries())
    for (const [k, continuation] of continuations.entries()) {
      const whole = [...prefix, ...continuation]
      const [[full]] = await score(core, [{ prefix: whole.slice(0, 1), continuations: [whole.slice(1)] }], set, never)
      const tail = full.slice(prefix.length - 1)
      shared[j][k].forEach((value, t) => {
        expect(Math.abs(value - tail[t])).toBeLessThan(1e-4)
      })
    }
}

describe('sampling', () => {
  let core: Core
  beforeAll(async () => {
    core = await adapted('tiny-llama')
  })

  it('gives the same completion for a seed, whatever else is in the batch', async () => {
    const prompt = tokens(core, 6, 1)
    const alone = await generate(core, [{ prompt, seeds: [42] }], options, 'policy', never, ignore)
    const others = [20, 2].map((length) => ({ prompt: tokens(core, length, length), seeds: [7, 8, 9] }))
    const together = await generate(
      core,
      [others[0], { prompt, seeds: [5, 42] }, others[1]],
      options,
      'policy',
      never,
      ignore,
    )
    expect(together[1][1].tokens).toEqual(alone[0][0].tokens)
    expect(together[1][0].tokens).not.toEqual(alone[0][0].tokens)
  })

  it('ends a sequence at a stop token, and others go on as if they were alone', async () => {
    const prompt = tokens(core, 6, 1)
    const seeds = Array.from({ length: 16 }, (_, i) => i)
    const free = await generate(core, [{ prompt, seeds }], options, 'policy', never, ignore)
    const stop = [3, 17, 40]
    const [stopped] = await generate(
      core,
      [{ prompt, seeds }],
      { ...options, stopTokens: stop },
      'policy',
      never,
      ignore,
    )
    stopped.forEach((completion, i) => {
      const at = free[0][i].tokens.findIndex((t) => stop.includes(t))
      expect(completion.tokens).toEqual(at < 0 ? free[0][i].tokens : free[0][i].tokens.slice(0, at + 1))
      expect(completion.stopReason).toBe(at < 0 ? 'length' : 'stop')
    })
    expect(stopped.some((c) => c.stopReason === 'stop')).toBe(true)
  })

  it.each([1, 0.5])('draws from the model’s distribution at temperature %f', async (temperature) => {
    const prompt = tokens(core, 6, 2)
    const n = 2000
    const seeds = Array.from({ length: n }, (_, i) => seedFrom('draw', i))
    const [out] = await generate(
      core,
      [{ prompt, seeds }],
      { ...options, maxTokens: 1, temperature },
      'policy',
      never,
      ignore,
    )
    const all = Array.from({ length: core.config.vocab }, (_, i) => i)
    const [logits] = await labelLogits(core, [prompt], all, 'policy', never)
    const logprobs = logSoftmax(logits.map((l) => l / temperature))
    const counts = new Array(core.config.vocab).fill(0)
    for (const {
      tokens: [token],
      logprobs: [logprob],
    } of out) {
      counts[token]++
      expect(Math.abs(logprob - logprobs[token])).toBeLessThan(1e-4)
    }
    // Pearson's statistic over 63 degrees of freedom: beyond 120 once in 10⁵ (the seeds are fixed).
    const statistic = counts.reduce((sum, count, v) => {
      const wanted = n * Math.exp(logprobs[v])
      return sum + (count - wanted) ** 2 / wanted
    }, 0)
    expect(statistic).toBeLessThan(120)
  })

  it('is greedy at temperature 0, restricted or not', async () => {
    const prompt = tokens(core, 6, 3)
    const all = Array.from({ length: core.config.vocab }, (_, i) => i)
    const [plain] = await generate(
      core,
      [{ prompt, seeds: [1] }],
      { ...options, temperature: 0 },
      'base',
      never,
      ignore,
    )
    const restricted = { ...options, temperature: 0, allowed: { steps: [all] } }
    const [same] = await generate(core, [{ prompt, seeds: [2] }], restricted, 'base', never, ignore)
    expect(same[0].tokens).toEqual(plain[0].tokens)
    const [logits] = await labelLogits(core, [prompt], all, 'base', never)
    expect(plain[0].tokens[0]).toBe(logits.indexOf(Math.max(...logits)))
  })

  it('gives a permutation of distinct allowed tokens', async () => {
    const labels = [4, 9, 11, 30]
    const restricted = { ...options, maxTokens: 4, temperature: 0, allowed: { steps: [labels], distinct: true } }
    const [[{ tokens: given }]] = await generate(
      core,
      [{ prompt: tokens(core, 6, 4), seeds: [1] }],
      restricted,
      'base',
      never,
      ignore,
    )
    expect([...given].sort((a, b) => a - b)).toEqual(labels)
  })
})
