// A judge that reads with a model on a server gives the scores of one that reads with the same model here.
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { LanguageModel } from '../model/contract.ts'
import { openModel } from '../model/onnx/open.ts'
import { openServedModel } from '../model/openai/served.ts'
import { closeServers, serving } from '../model/openai/testing/fake-server.ts'
import { servedBy, VLLM } from '../model/openai/testing/judging-servers.ts'
import type { ServedModel } from '../model/served.ts'
import { type JudgeConfigInput, judgeConfigSchema } from './config.ts'
import { createJudge } from './judge.ts'
import type { JudgeRequest } from './types.ts'

const NANO = fileURLToPath(new URL('../../assets/nano', import.meta.url))
const PROFILES = ['Someone who grows roses and beans.', 'An actor who reads plays.', 'A keeper of bees.']
const TEXTS = [
  'Tried rose bushes in the garden.',
  'Compared stage lights for the play.',
  'Read about smokers at the hives.',
]

let nano: LanguageModel
beforeAll(async () => {
  nano = await openModel(NANO, { threads: 1 })
})
afterAll(() => nano.close())
afterEach(closeServers)

async function served(): Promise<{ model: ServedModel; asked: () => number }> {
  const { baseUrl, requests } = await serving(servedBy(nano, { ...VLLM, listed: 100 }))
  const model = openServedModel({ baseUrl, model: 'nano', maxRetries: 0, onNote: () => {} })
  return { model, asked: () => requests.length }
}

const REQUEST: JudgeRequest = {
  forward: PROFILES.map((query, seed) => ({ query, candidates: TEXTS, seed })),
  backward: TEXTS.map((query, seed) => ({ query, candidates: PROFILES, seed })),
}

describe.each<JudgeConfigInput>([
  { scorer: 'likelihood' },
  { scorer: 'likelihood', maxInteractionTokens: 3 },
  { scorer: 'listwise' },
])('%j', (input) => {
  it('scores as the same model here does', async () => {
    const config = judgeConfigSchema.parse(input)
    const { model } = await served()
    const there = await createJudge(model, config).score(REQUEST)
    const here = await createJudge(nano, config).score(REQUEST)
    for (const direction of ['forward', 'backward'] as const)
      for (const [p, orders] of here[direction].entries())
        for (const [o, scores] of orders.entries())
          for (const [c, score] of scores.entries()) expect(there[direction][p][o][c]).toBeCloseTo(score, 4)
    expect(there.usage?.pairs).toBe(here.usage?.pairs)
    expect(there.usage?.tokens).toBeGreaterThan(0)
  })
})

it.each<JudgeConfigInput>([{ scorer: 'pointwise' }, { scorer: 'listwise', decoder: 'first-token' }])(
  'labels of %j are asked in the prompts of the judge, each once',
  async (input) => {
    const { model, asked } = await served()
    const judge = createJudge(model, judgeConfigSchema.parse(input))
    const first = await judge.score(REQUEST)
    const before = asked()
    expect(await judge.score(REQUEST)).toEqual(first)
    expect(asked()).toBe(before)
  },
)

it('is recorded without address', async () => {
  const { model } = await served()
  const judge = createJudge(model, judgeConfigSchema.parse({ scorer: 'listwise', server: 'nano' }))
  expect(judge.describe()).toMatchObject({ scorer: 'listwise', server: 'nano', name: 'nano' })
  expect(JSON.stringify(judge.describe())).not.toContain('127.0.0.1')
})

it('reads with one model', () => {
  expect(() => judgeConfigSchema.parse({ scorer: 'pointwise', model: 'a', server: 'b' })).toThrow(/one model/)
  expect(judgeConfigSchema.safeParse({ scorer: 'embedding', model: 'a', server: 'b' }).success).toBe(false)
})
