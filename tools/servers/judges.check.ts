// A judge on real OpenAI-compatible servers of the nano model, beside the same judge on this machine.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { judgeConfigSchema } from '../../src/judge/config.ts'
import { createJudge } from '../../src/judge/judge.ts'
import type { Judge, JudgeRequest } from '../../src/judge/types.ts'
import type { LanguageModel } from '../../src/model/contract.ts'
import { openModel } from '../../src/model/onnx/open.ts'
import { openServedModel } from '../../src/model/openai/served.ts'
import { NANO } from './install.ts'

/** Where each kind of server is; one that is not started is not tested, and said to be skipped. */
const { LLAMA_CPP_URL, VLLM_URL } = process.env

const PROFILES = ['Someone who grows roses and beans.', 'An actor who reads plays.', 'A keeper of bees.']
const TEXTS = [
  'Tried rose bushes in the garden.',
  'Compared stage lights for the play.',
  'Read about smokers at the hives.',
]
const REQUEST: JudgeRequest = {
  forward: PROFILES.map((query, seed) => ({ query, candidates: TEXTS, seed })),
  backward: TEXTS.map((query, seed) => ({ query, candidates: PROFILES, seed })),
}

const judgeAt = (baseUrl: string, scorer: 'listwise' | 'likelihood', heard: string[] = []): Judge =>
  createJudge(
    openServedModel({ baseUrl, model: 'nano', onNote: (note) => heard.push(note) }),
    judgeConfigSchema.parse({ scorer }),
  )

describe.skipIf(!LLAMA_CPP_URL)('llama.cpp', () => {
  it('orders by a grammar', () => ordersBy(LLAMA_CPP_URL!, 'grammar'))

  it('is refused for log probabilities of a text, by name', async () => {
    const asked = judgeAt(LLAMA_CPP_URL!, 'likelihood').score(REQUEST)
    await expect(asked).rejects.toMatchObject({ code: 'judge-unusable' })
    await expect(asked).rejects.toThrow(/no log probabilities of a text.*use another scorer than likelihood/)
  })
})

describe.skipIf(!VLLM_URL)('vLLM', () => {
  let here: LanguageModel
  beforeAll(async () => {
    here = await openModel(NANO, { threads: 1 })
  })
  afterAll(() => here?.close())

  it('orders by structured_outputs', () => ordersBy(VLLM_URL!, 'structured_outputs'))

  it('gives the log probabilities of texts that the model has here', async () => {
    const there = await judgeAt(VLLM_URL!, 'likelihood').score(REQUEST)
    const own = await createJudge(here, judgeConfigSchema.parse({ scorer: 'likelihood' })).score(REQUEST)
    const [scores, expected] = [there, own].map(({ forward, backward }) => [...forward, ...backward].flat(2))
    const apart = scores.map((score, i) => Math.abs(score - expected[i]))
    console.log(`${scores.length} pairs, at most ${Math.max(...apart).toExponential(1)} nats a token apart`)
    for (const distance of apart) expect(distance).toBeLessThan(1e-5)
  })
})

/** Every answer is a complete order, each candidate once, whatever the model makes of the question. */
async function ordersBy(url: string, constraint: string): Promise<void> {
  const heard: string[] = []
  const { forward, backward } = await judgeAt(url, 'listwise', heard).score(REQUEST)
  expect(heard.join()).toContain(constraint)
  const orders = [...forward, ...backward].flat()
  expect(orders).toHaveLength(12)
  for (const scores of orders) expect(new Set(scores).size).toBe(TEXTS.length)
}
