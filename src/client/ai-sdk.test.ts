// The middleware in the AI SDK itself, with its own model for tests.
import { generateText, simulateReadableStream, streamText, wrapLanguageModel } from 'ai'
import { MockLanguageModelV3 } from 'ai/test'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { profileBlock } from '../serve/block.ts'
import { type Serving, serving } from '../serve/testing/serving.ts'
import { listInteractions } from '../store/interactions.ts'
import { writeProfileByHand } from '../store/profiles.ts'
import { profileMiddleware } from './ai-sdk.ts'
import { BumpClient } from './client.ts'

let api: Serving
let client: BumpClient
const of = (user: string) => ({ project: 'a', user, actor: 'test' })
const BLOCK = profileBlock({ text: 'Grows roses.', statements: [] }, 256)
beforeAll(async () => {
  api = await serving()
  const fetch = async (url: string, init: RequestInit) => await api.app.request(url, init)
  client = new BumpClient({ url: 'http://bump.test', key: await api.key('write'), fetch })
  await client.addInteractions([{ user: 'u', id: 'x', text: 'x' }])
  await writeProfileByHand(api.store, of('u'), { text: 'Grows roses.' })
})
afterAll(() => api.close())

const usage = {
  inputTokens: { total: 1, noCache: 1, cacheRead: undefined, cacheWrite: undefined },
  outputTokens: { total: 1, text: 1, reasoning: undefined },
}
const finishReason = { unified: 'stop' as const, raw: undefined }

/** A model with the middleware, and the prompts that reached it. */
function personal(options: Partial<Parameters<typeof profileMiddleware>[0]> = {}) {
  const model = new MockLanguageModelV3({
    doGenerate: { content: [{ type: 'text', text: 'Hi.' }], finishReason, usage, warnings: [] },
    doStream: async () => ({
      stream: simulateReadableStream({
        chunks: [
          { type: 'text-start' as const, id: '1' },
          { type: 'text-delta' as const, id: '1', delta: 'Hi.' },
          { type: 'text-end' as const, id: '1' },
          { type: 'finish' as const, finishReason, usage },
        ],
      }),
    }),
  })
  const middleware = profileMiddleware({ client, user: 'u', timeoutMs: 10_000, ...options })
  const prompts = () => [...model.doGenerateCalls, ...model.doStreamCalls].map(({ prompt }) => prompt)
  return { wrapped: wrapLanguageModel({ model, middleware }), prompts }
}

it('ends the system message with the profile, generated and streamed', async () => {
  const { wrapped, prompts } = personal()
  expect((await generateText({ model: wrapped, system: 'Be brief.', prompt: 'hello' })).text).toBe('Hi.')
  expect(await streamText({ model: wrapped, prompt: 'hello' }).text).toBe('Hi.')
  const user = expect.objectContaining({ role: 'user', content: [expect.objectContaining({ text: 'hello' })] })
  expect(prompts()).toEqual([
    [{ role: 'system', content: `Be brief.\n\n${BLOCK}` }, user],
    [{ role: 'system', content: BLOCK }, user],
  ])
})

it('stores what the user said, each turn once, where it is asked to', async () => {
  const { wrapped } = personal({ record: true })
  const first = { role: 'user' as const, content: 'I prune roses.' }
  for (let i = 0; i < 2; i++) await generateText({ model: wrapped, system: `now ${i}`, messages: [first] })
  const answer = { role: 'assistant' as const, content: 'Nice.' }
  await generateText({ model: wrapped, messages: [first, answer, { role: 'user', content: 'And beans.' }] })
  const { data } = await listInteractions(api.store, of('u'), { limit: 10 })
  expect(data.map(({ text }) => text)).toEqual(['x', 'I prune roses.', 'And beans.'])
})

it('goes on without a profile where there is none, and says why', async () => {
  const problems: unknown[] = []
  const onProblem = (problem: unknown) => problems.push(problem)
  const { wrapped, prompts } = personal({ user: 'nobody', onProblem })
  expect((await generateText({ model: wrapped, prompt: 'hello' })).text).toBe('Hi.')
  const silent = new BumpClient({
    ...{ url: 'http://bump.test', key: '' },
    fetch: (_, { signal }) => new Promise((_, no) => signal?.addEventListener('abort', () => no(signal.reason))),
  })
  const late = personal({ client: silent, timeoutMs: 20, record: true, onProblem })
  expect((await generateText({ model: late.wrapped, prompt: 'hello' })).text).toBe('Hi.')
  for (const [message] of [...prompts(), ...late.prompts()]) expect(message.role).toBe('user')
  expect(problems).toMatchObject([{ code: 'not-found' }, { name: 'TimeoutError' }, { name: 'TimeoutError' }])
})
