import { describe, expect, it } from 'vitest'
import type { LanguageModel } from '../model/contract.ts'
import { toyModel } from '../model/testing/toy-model.ts'
import { BumpError } from '../util/errors.ts'
import { type JudgeConfig, judgeConfigSchema, SCORER_NAMES } from './config.ts'
import { createJudge } from './judge.ts'
import { likelihoodPrefix, UNCONDITIONAL_PREFIX } from './prompts.ts'
import { toyUsers } from './testing/toy-world.ts'
import type { JudgeRequest } from './types.ts'

const SCORERS: Record<string, JudgeConfig> = {
  likelihood: judgeConfigSchema.parse({ scorer: 'likelihood' }),
  pointwise: judgeConfigSchema.parse({ scorer: 'pointwise' }),
  permutation: judgeConfigSchema.parse({ scorer: 'listwise' }),
  'first-token': judgeConfigSchema.parse({ scorer: 'listwise', decoder: 'first-token', orders: 3 }),
}

const users = toyUsers(5)

/** Each user against all others, both ways; the own candidate first. */
function request(): JudgeRequest {
  const others = (u: number) => users.filter((_, i) => i !== u)
  return {
    forward: users.map((user, u) => ({
      query: user.profile,
      candidates: [user.heldOut[0], ...others(u).map((other) => other.heldOut[0])],
      seed: u,
    })),
    backward: users.map((user, u) => ({
      query: user.heldOut[0],
      candidates: [user.profile, ...others(u).map((other) => other.profile)],
      seed: u,
    })),
  }
}

describe('judge config', () => {
  it('names every scorer of the table', () => {
    expect(SCORER_NAMES).toEqual(['likelihood', 'pointwise', 'listwise', 'embedding'])
    for (const scorer of SCORER_NAMES) expect(judgeConfigSchema.parse({ scorer, model: 'm' })).toMatchObject({ scorer })
  })

  it('defaults to the likelihood scorer, and the listwise judge to the paper', () => {
    expect(judgeConfigSchema.parse(undefined)).toMatchObject({ scorer: 'likelihood' })
    expect(SCORERS.permutation).toMatchObject({ decoder: 'permutation', orders: 2 })
    expect(judgeConfigSchema.safeParse({ scorer: 'likelihood', orders: 2 }).success).toBe(false)
    expect(judgeConfigSchema.safeParse({ scorer: 'pairwise' }).success).toBe(false)
  })
})

describe.each(Object.entries(SCORERS))('%s', (_, config) => {
  it('puts the own candidate first in every order of both directions', async () => {
    const { forward, backward } = await createJudge(toyModel(), config).score(request())
    expect(forward).toHaveLength(users.length)
    expect(backward).toHaveLength(users.length)
    for (const orders of [...forward, ...backward]) {
      expect(orders).toHaveLength(config.scorer === 'listwise' ? config.orders : 1)
      for (const [own, ...others] of orders) expect(own).toBeGreaterThan(Math.max(...others))
    }
  })

  it('says what it is, for a run to record', () => {
    const judge = createJudge(toyModel(), config)
    expect(judge.name).toMatch(new RegExp(`^${config.scorer}`))
    expect(judge.describe()).toEqual({ ...config, name: 'toy', digest: 'toy', parameters: 0, trainableParameters: 0 })
  })

  it('is asked at most one call a direction, and gives the same answer again', async () => {
    const model = toyModel()
    const judge = createJudge(model, config)
    const first = await judge.score(request())
    expect(model.calls.score + model.calls.labelLogits + model.calls.sample).toBe(1)
    expect(await judge.score(request())).toEqual(first)
  })

  it('asks nothing twice where a cache is kept, and asks everything again where none is', async () => {
    const model = toyModel()
    const judge = createJudge(model, config, { cacheEntries: 1000 })
    const first = await judge.score(request())
    const second = await judge.score(request())
    expect(second).toEqual({ ...first, usage: { pairs: 0, tokens: 0 } })
    expect(model.calls.score + model.calls.labelLogits + model.calls.sample).toBe(1)
    await createJudge(model, config).score(request())
    expect(model.calls.score + model.calls.labelLogits + model.calls.sample).toBe(2)
  })

  it('reads the frozen base, and stops when cancelled', async () => {
    const model = toyModel()
    const asked: (string | undefined)[] = []
    const note = (options?: { weights?: string }) => void asked.push(options?.weights)
    const spied: LanguageModel = {
      ...model,
      score(requests, options) {
        note(options)
        return model.score(requests, options)
      },
      labelLogits(prompts, labels, options) {
        note(options)
        return model.labelLogits(prompts, labels, options)
      },
      sample(requests, options) {
        note(options)
        return model.sample(requests, options)
      },
    }
    await createJudge(spied, config).score(request())
    expect(asked).toEqual(['base'])
    const cancelled = createJudge(spied, config).score(request(), { signal: AbortSignal.abort() })
    await expect(cancelled).rejects.toThrow('cancelled')
  })

  it('cuts texts to their budgets, and names a prompt that cannot fit', async () => {
    const long = { ...request().forward[0], query: 'word '.repeat(500) + users[0].profile }
    const narrow = createJudge(toyModel(), { ...config, maxProfileTokens: 20 })
    const { forward } = await narrow.score({ forward: [long], backward: [] })
    const own = forward[0].map((scores) => scores[0])
    const blindQuery = await narrow.score({ forward: [{ ...long, query: 'word '.repeat(20) }], backward: [] })
    expect(own).toEqual(blindQuery.forward[0].map((scores) => scores[0]))
    const small = createJudge(toyModel({ contextLength: 40 }), config).score(request())
    await expect(small).rejects.toThrow(BumpError)
    await expect(small).rejects.toThrow('maxProfileTokens')
  })
})

describe('likelihood', () => {
  const sum = (values: Float32Array) => values.reduce((total, value) => total + value, 0)

  it('is the gain in log probability a token, on texts tokenised as a whole', async () => {
    const model = toyModel()
    const interaction = 'barden folgim hulkep'
    const profile = 'likes folgim '
    const { forward } = await createJudge(model, SCORERS.likelihood).score({
      forward: [{ query: profile, candidates: [interaction], seed: 0 }],
      backward: [],
    })
    const logprob = async (prefix: string) => {
      const whole = [0, ...model.tokenizer.encode(prefix + interaction)]
      const [[logprobs]] = await model.score([{ prefix: whole.slice(0, -3), continuations: [whole.slice(-3)] }])
      return sum(logprobs)
    }
    const expected = ((await logprob(likelihoodPrefix(profile))) - (await logprob(UNCONDITIONAL_PREFIX))) / 3
    expect(expected).toBeGreaterThan(0)
    expect(forward[0][0][0]).toBeCloseTo(expected, 6)
  })

  it('scores a pair once for both directions', async () => {
    const judge = createJudge(toyModel(), SCORERS.likelihood)
    const { forward, backward, usage } = await judge.score(request())
    // All 25 cells of 5 profiles × 5 interactions, each read row-wise and column-wise.
    expect(usage?.pairs).toBe(25)
    expect(forward[2][0][0]).toBe(backward[2][0][0])
    expect(forward[0][0][1]).toBe(backward[1][0][1])
  })
})

describe('listwise', () => {
  const pool = (n: number) => ({
    forward: [
      { query: users[0].profile, candidates: Array.from({ length: n }, (_, i) => `text number ${i}`), seed: 1 },
    ],
    backward: [],
  })

  it('ranks 26 candidates completely and says where there are more', async () => {
    const judge = createJudge(toyModel(), SCORERS.permutation)
    const { forward, usage } = await judge.score(pool(26))
    for (const scores of forward[0]) expect(scores.map((s) => -s).sort((a, b) => a - b)).toEqual([...Array(26).keys()])
    expect(usage?.pairs).toBe(52)
    await expect(judge.score(pool(27))).rejects.toThrow('at most 26 candidates, but a pool has 27')
  })

  it('shows the orders that the seed names, alike for equal seeds', async () => {
    const judge = createJudge(toyModel({ blind: true, positionBias: 1 }), SCORERS.permutation)
    const ask = async (seed: number) =>
      (await judge.score({ ...pool(9), forward: [{ ...pool(9).forward[0], seed }] })).forward[0]
    expect(await ask(1)).toEqual(await ask(1))
    expect(await ask(1)).not.toEqual(await ask(2))
    const [first, second] = await ask(1)
    expect(first).not.toEqual(second)
  })

  it('needs labels of one token', () => {
    const model = toyModel()
    const split = {
      ...model,
      tokenizer: { ...model.tokenizer, encode: (text: string) => [...text, '.'].map((c) => c.charCodeAt(0)) },
    }
    expect(() => createJudge(split, SCORERS.permutation)).toThrow('splits the letters A to Z')
  })
})
