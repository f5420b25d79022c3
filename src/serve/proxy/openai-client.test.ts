// OpenAI's own client through the proxy: what it sends arrives with one message changed, and what a model server
// answers arrives with its own bytes.
import OpenAI from 'openai'
import pino from 'pino'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { addInteractions } from '../../store/interactions.ts'
import { writeProfileByHand } from '../../store/profiles.ts'
import { profileBlock } from '../block.ts'
import { type RunningServer, startServer } from '../server.ts'
import { type Serving, serving } from '../testing/serving.ts'
import { type TestUpstream, testUpstream } from '../testing/upstream.ts'

let upstream: TestUpstream
let stores: Serving
let server: RunningServer
let openai: OpenAI
/** Bytes of the latest answer, as they reached the client. */
let received: () => Promise<string>
const BLOCK = profileBlock({ text: 'Grows roses.', statements: [] }, 256)

beforeAll(async () => {
  ;[upstream, stores] = await Promise.all([testUpstream(), serving()])
  const { store } = stores
  server = await startServer({
    store,
    log: pino({ level: 'silent' }),
    port: 0,
    upstream: { baseUrl: upstream.baseUrl },
  })
  await addInteractions(store, { project: 'a', actor: 'test' }, [{ user: 'u1', text: 'x' }])
  await writeProfileByHand(store, { project: 'a', user: 'u1', actor: 'test' }, { text: 'Grows roses.' })
  openai = new OpenAI({
    baseURL: `${server.address}/openai/v1`,
    apiKey: await stores.key('read'),
    defaultHeaders: { 'x-bump-user': 'u1' },
    maxRetries: 0,
    async fetch(url: string | URL | Request, init?: RequestInit) {
      const response = await fetch(url, init)
      if (init?.signal?.aborted || !response.body) return response
      const [one, two] = response.body.tee()
      received = () => new Response(two).text()
      return new Response(one, response)
    },
  })
})
afterAll(async () => {
  await server.stop()
  await upstream.close()
  await stores.close()
})
beforeEach(() => {
  upstream.asked = []
})

const MESSAGES = [
  { role: 'system' as const, content: 'Be brief.' },
  { role: 'user' as const, content: 'hello' },
]
const PLACED = [{ role: 'system', content: `Be brief.\n\n${BLOCK}` }, MESSAGES[1]]
const head = { id: 'c1', object: 'chat.completion', created: 1, model: 'm' }
const chunk = (fields: object) =>
  `data: ${JSON.stringify({ ...head, object: 'chat.completion.chunk', choices: [], ...fields })}\n\n`
const delta = (delta: object, finish_reason: string | null = null, index = 0) =>
  chunk({ choices: [{ index, delta, finish_reason, logprobs: null }] })
const answers = (text: string, status = 200, headers = {}) => {
  const type = text.startsWith('data:') ? 'text/event-stream' : 'application/json'
  upstream.answer = (response) => {
    response.writeHead(status, { 'content-type': type, ...headers })
    response.end(text)
  }
}
/** What was asked, but for the messages, which must be those that were sent with the profile. */
function arrived(): object {
  const { messages, ...rest } = JSON.parse(upstream.asked[0].body)
  expect(messages).toEqual(PLACED)
  return rest
}

const parameters = { type: 'object', properties: { city: { type: 'string' } } }
const tools = [{ type: 'function' as const, function: { name: 'weather', parameters } }]

it('streams texts, parallel tools and the usage', async () => {
  const call = (index: number, fields: object) => delta({ tool_calls: [{ index, ...fields }] })
  const begun = (index: number) =>
    call(index, { id: `t${index}`, type: 'function', function: { name: 'weather', arguments: '' } })
  const stream = [
    delta({ role: 'assistant', content: 'Wait, ü\ud83c\udf39.' }),
    begun(0),
    call(0, { function: { arguments: '{"city":' } }),
    begun(1),
    call(1, { function: { arguments: '{"city":"Bath"}' } }),
    call(0, { function: { arguments: '"Ulm"}' } }),
    delta({}, 'tool_calls'),
    chunk({ usage: { prompt_tokens: 9, completion_tokens: 3, total_tokens: 12 } }),
    'data: [DONE]\n\n',
  ].join('')
  answers(stream)
  const sent = {
    model: 'm',
    tools,
    parallel_tool_calls: true,
    stream: true as const,
    stream_options: { include_usage: true },
  }
  const running = openai.chat.completions.stream({ ...sent, messages: MESSAGES })
  const { choices } = await running.finalChatCompletion()
  expect(choices[0]).toMatchObject({ finish_reason: 'tool_calls', message: { content: 'Wait, ü\ud83c\udf39.' } })
  expect(choices[0].message.tool_calls?.map((one) => one.type === 'function' && one.function.arguments)).toEqual([
    '{"city":"Ulm"}',
    '{"city":"Bath"}',
  ])
  expect(await running.totalUsage()).toMatchObject({ total_tokens: 12 })
  expect(await received()).toBe(stream)
  expect(arrived()).toEqual(sent)
})

it('asks for several answers, and for one of a schema', async () => {
  const message = (content: string, index: number) => ({
    ...{ index, finish_reason: 'stop', logprobs: null },
    message: { role: 'assistant', content, refusal: null },
  })
  const both = JSON.stringify({ ...head, choices: ['{"a":1}', '{"a":2}'].map(message), odd: 1e21 })
  answers(both)
  const schema = {
    type: 'object',
    properties: { a: { type: 'integer' } },
    required: ['a'],
    additionalProperties: false,
  }
  const json_schema = { name: 'answer', strict: true, schema }
  const sent = { model: 'm', n: 2, seed: 7, response_format: { type: 'json_schema' as const, json_schema } }
  const { choices } = await openai.chat.completions.create({ ...sent, messages: MESSAGES })
  expect(choices.map(({ message }) => message.content)).toEqual(['{"a":1}', '{"a":2}'])
  expect(await received()).toBe(both)
  expect(arrived()).toEqual(sent)
})

it('sees the errors of the model server, and those of bump', async () => {
  answers('{"error":{"message":"slow down","type":"rate_limit","code":"busy"}}', 429, { 'retry-after': '7' })
  const plain = openai.withOptions({ fetch })
  const busy = await plain.chat.completions.create({ model: 'm', messages: MESSAGES }).catch((error) => error)
  expect(busy).toBeInstanceOf(OpenAI.RateLimitError)
  expect([busy.code, busy.headers.get('retry-after')]).toEqual(['busy', '7'])
  const stranger = openai.withOptions({ fetch, apiKey: 'bump_none' })
  const refused = await stranger.chat.completions.create({ model: 'm', messages: MESSAGES }).catch((error) => error)
  expect(refused).toBeInstanceOf(OpenAI.AuthenticationError)
  expect(refused.code).toBe('unauthenticated')
})

it('that leaves a stream ends it at the model server', async () => {
  upstream.answer = (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(delta({ content: 'one' }))
  }
  const before = upstream.broken
  const plain = openai.withOptions({ fetch })
  const stream = await plain.chat.completions.create({ model: 'm', messages: MESSAGES, stream: true })
  for await (const { choices } of stream) {
    expect(choices[0].delta.content).toBe('one')
    break
  }
  await expect.poll(() => upstream.broken, { timeout: 5000 }).toBe(before + 1)
})
