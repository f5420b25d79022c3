import { expect, it } from 'vitest'
import { toyEncoder } from '../model/testing/toy-encoder.ts'
import { toyModel } from '../model/testing/toy-model.ts'
import { judgeConfigSchema } from './config.ts'
import { createJudge } from './judge.ts'
import { toyUsers } from './testing/toy-world.ts'
import type { JudgeRequest } from './types.ts'

const config = judgeConfigSchema.parse({ scorer: 'embedding', model: 'toy encoder' })
const users = toyUsers(5)
const texts = users.map(({ heldOut }) => heldOut[0])
const profiles = users.map(({ profile }) => profile)

/** Each user against all others, both ways. */
const request: JudgeRequest = {
  forward: profiles.map((query, seed) => ({ query, candidates: texts, seed })),
  backward: texts.map((query, seed) => ({ query, candidates: profiles, seed })),
}

it('puts the own candidate first, by one encoding a text and one score a pair for both directions', async () => {
  const encoder = toyEncoder()
  const shares: number[] = []
  const { forward, backward, usage } = await createJudge(encoder, config).score(request, {
    onProgress: (share) => shares.push(share),
  })
  for (const [u, [scores]] of [...forward, ...backward].entries()) expect(Math.max(...scores)).toBe(scores[u % 5])
  for (let u = 0; u < 5; u++) for (let v = 0; v < 5; v++) expect(forward[u][0][v]).toBe(backward[v][0][u])
  expect(encoder.asked).toEqual([...profiles.map((text) => ['query', text]), ...texts.map((text) => ['passage', text])])
  expect(usage).toEqual({ pairs: 25, tokens: expect.any(Number) })
  expect(shares).toEqual([0.5, 1])
})

it('reads an interaction beyond its budget as what the budget holds', async () => {
  const pools = (candidates: string[]) => ({ forward: [{ query: 'barden', candidates, seed: 0 }], backward: [] })
  const judge = createJudge(toyEncoder(), { ...config, maxInteractionTokens: 2 })
  const { forward } = await judge.score(pools(['folgim hulkep barden', 'folgim hulkep']))
  expect(forward[0][0][0]).toBe(forward[0][0][1])
})

it('keeps vectors where a cache is kept, by role and budget, and else encodes anew', async () => {
  const encoder = toyEncoder()
  const judge = createJudge(encoder, config, { cacheEntries: 1000 })
  const first = await judge.score(request)
  expect(await judge.score(request)).toEqual({ ...first, usage: { pairs: 25, tokens: 0 } })
  expect(encoder.asked).toHaveLength(10)
  const more = { query: 'new', candidates: texts, seed: 0 }
  await judge.score({ forward: [more], backward: [] })
  expect(encoder.asked).toHaveLength(11)
  const without = createJudge(encoder, config)
  expect(await without.score(request)).toEqual(first)
  await without.score(request)
  expect(encoder.asked).toHaveLength(31)
})

it('stops when it is cancelled', async () => {
  const cancelled = createJudge(toyEncoder(), config).score(request, { signal: AbortSignal.abort() })
  await expect(cancelled).rejects.toThrow('cancelled')
})

it('says what it is, for a run to record', () => {
  const { info } = toyEncoder()
  expect(createJudge(toyEncoder(), config).describe()).toEqual({ ...config, ...info })
})

it('reads with an encoder alone, and needs its name', () => {
  expect(() => createJudge(toyModel(), config)).toThrow(/needs a sentence encoder, but toy is a language model/)
  const likelihood = judgeConfigSchema.parse(undefined)
  expect(() => createJudge(toyEncoder(), likelihood)).toThrow(
    /is a sentence encoder, which the likelihood scorer cannot/,
  )
  expect(judgeConfigSchema.safeParse({ scorer: 'embedding' }).error?.issues[0]).toMatchObject({
    path: ['model'],
    message: 'the embedding scorer needs an encoder, such as BAAI/bge-small-en-v1.5',
  })
})
