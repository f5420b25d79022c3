// How answers come over the wire: streams, waits, sizes, and Azure's way of asking.
import { afterEach, describe, expect, it, vi } from 'vitest'
import { openOpenAi } from './open.ts'
import { answerOf, ask, closeServers, json, KEY, refuse, say, serving } from './testing/fake-server.ts'

afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllEnvs()
  closeServers()
})

describe('a stream', () => {
  const events = (...data: unknown[]) => data.map((each) => `data: ${JSON.stringify(each)}\n\n`).join('')
  const delta = (delta: object, finish_reason: string | null = null) => ({
    choices: [{ index: 0, delta, finish_reason }],
  })
  const whole = `: keep-alive\n\n${events(
    { choices: [] },
    delta({ role: 'assistant', content: '' }),
    delta({ reasoning_content: 'two and two' }),
    delta({ content: 'fo' }),
    delta({ content: [{ type: 'text', text: 'ur' }] }, 'stop'),
  )}data: [DONE]\n\n`

  it.each([
    'This model only support stream mode, please enable the stream parameter to access the model.',
    'Streaming is required for this model',
    'stream must be true',
  ])('is asked for where the server says: %s', async (message) => {
    const { model, requests } = await serving(({ body }, response) =>
      body.stream === true ? response.end(whole) : json(response, { error: { message } }, 400),
    )
    expect(await model.answer([ask('a')], { maxTokens: 7 })).toEqual(['four'])
    expect(await model.answer([ask('b')], { maxTokens: 7 })).toEqual(['four'])
    expect(requests.map(({ body }) => body.stream)).toEqual([undefined, true, true])
  })

  it('is read where none was asked for, with line ends of every kind', async () => {
    for (const text of [
      whole,
      whole.replaceAll('\n', '\r\n'),
      whole.replaceAll('\n', '\r'),
      whole.slice(0, -15),
      whole.replaceAll('\n\n', '\n'),
    ])
      expect((await answerOf((_, response) => response.end(text))).answer).toBe('four')
  })

  it('that ends in the middle is asked for again, one that tells of an error is told', async () => {
    const cut = events(delta({ content: 'fo' }))
    const again = await answerOf((_, response, number) => response.end(number === 1 ? cut : whole))
    expect(again.answer).toBe('four')
    expect((await answerOf((_, response) => response.end(cut))).answer).toMatch(/stream ends in the middle/)
    const failing = cut + events({ error: { message: 'overloaded', code: 502 } })
    expect((await answerOf((_, response) => response.end(failing))).answer).toMatch(/BASE fails .*\(502: overloaded\)/)
  })
})

describe('waiting', () => {
  it.each<[string, Record<string, string>, string, number]>([
    ['retry-after-ms', { 'retry-after-ms': '1500', 'retry-after': '60' }, 'x', 1.5],
    ['x-ms-retry-after-ms', { 'x-ms-retry-after-ms': '2500' }, 'x', 2.5],
    ['seconds with a unit', { 'retry-after': '20s' }, 'x', 20],
    ['minutes and seconds', { 'retry-after': '1m30s' }, 'x', 90],
    ['a fraction', { 'retry-after': '0.5' }, 'x', 0.5],
    ['milliseconds', { 'retry-after': '800 ms' }, 'x', 0.8],
    ['words of the error', {}, 'Rate limit reached. Please try again in 7.66s. Visit us', 7.66],
    ['words in full', {}, 'retry after 2 minutes', 120],
    ['a field of the error', {}, '{"retryDelay": "34s"}', 34],
  ])('is as long as asked: %s', async (_, headers, words, seconds) => {
    vi.useFakeTimers()
    const fetch = vi.fn<typeof globalThis.fetch>()
    fetch.mockResolvedValueOnce(new Response(`{"error":${JSON.stringify(words)}}`, { status: 429, headers }))
    fetch.mockResolvedValueOnce(new Response('{"choices":[{"message":{"content":"well"}}]}'))
    const run = openOpenAi({ baseUrl: 'http://host/v1', model: 'm', backoff: 0, fetch }).answer([ask('hi')], {
      maxTokens: 4,
    })
    await vi.advanceTimersByTimeAsync(seconds * 1000 - 100)
    expect(fetch).toHaveBeenCalledTimes(1)
    await vi.advanceTimersByTimeAsync(200)
    expect(await run).toEqual(['well'])
  })

  it('goes on beyond the 300 s that fetch has by itself, before and within the answer', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] })
    let proceed = () => {}
    const served = await serving(
      (_, response) => {
        response.on('error', () => {})
        proceed = () => {
          response.writeHead(200).write('{"choices":[{"message":')
          proceed = () => response.end('{"content":"late"}}]}')
        }
      },
      { timeout: 900, maxRetries: 0 },
    )
    const run = served.model.answer([ask('hi')], { maxTokens: 4 })
    const arrived = async () => {
      for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve))
    }
    while (served.requests.length === 0) await arrived()
    for (let part = 0; part < 2; part++) {
      for (let s = 0; s < 320; s++) await vi.advanceTimersByTimeAsync(1000)
      proceed()
      await arrived()
    }
    expect(await run).toEqual(['late'])
  })
})

describe('an endless answer', () => {
  it.each([200, 500])('is left at 16 MiB (status %i)', async (status) => {
    let sent = 0
    const { answer } = await answerOf(
      (_, response) => {
        response.writeHead(status)
        const part = Buffer.alloc(1 << 20, 0x20)
        const more = () => {
          if (response.destroyed) return
          sent++
          response.write(part, () => setImmediate(more))
        }
        more()
      },
      { maxRetries: 0 },
    )
    expect(answer).toMatch(/BASE answers with more than 16 MiB/)
    expect(sent).toBeLessThan(40)
  })
})

describe('Azure', () => {
  const answered = async (baseUrl: string, apiKey?: string) => {
    const fetch = vi.fn<typeof globalThis.fetch>(
      async () => new Response('{"choices":[{"message":{"content":"well"}}]}'),
    )
    expect(await openOpenAi({ baseUrl, model: 'm', apiKey, fetch }).answer([ask('hi')], { maxTokens: 4 })).toEqual([
      'well',
    ])
    const [url, init] = fetch.mock.calls[0]
    return { url: String(url), headers: init?.headers as Record<string, string>, redirect: init?.redirect }
  }
  const deployment = 'https://x.openai.azure.com/openai/deployments/gpt'

  it('gets the key in its own header, and its version', async () => {
    const { url, headers, redirect } = await answered(`${deployment}/chat/completions?api-version=2024-10-21`, KEY)
    expect(url).toBe(`${deployment}/chat/completions?api-version=2024-10-21`)
    expect(headers).toEqual({ 'content-type': 'application/json', 'api-key': KEY })
    // The header would follow a redirect to any host.
    expect(redirect).toBe('manual')
    expect((await answered('https://x.services.ai.azure.com/openai/v1', KEY)).headers).toHaveProperty('api-key')
    expect((await answered(`${deployment}?api-version=1`, 'eyJhbGciOi')).headers).toHaveProperty('authorization')
  })

  it('that sends requests elsewhere does not get the key sent there', async () => {
    const other = await serving((_, response) => say(response, 'well'))
    const served = await serving((_, response) => response.writeHead(307, { location: other.baseUrl }).end())
    const baseUrl = served.baseUrl.replace('/v1', '/openai/deployments/gpt?api-version=1')
    await expect(
      openOpenAi({ baseUrl, model: 'm', apiKey: KEY }).answer([ask('hi')], { maxTokens: 4 }),
    ).rejects.toThrow(/sends requests to another address \(307\)/)
    expect(other.requests).toEqual([])
  })

  it('is known behind a gateway by its path, and its settings come from the environment', async () => {
    vi.stubEnv('OPENAI_API_KEY', 'other')
    vi.stubEnv('AZURE_OPENAI_API_KEY', KEY)
    vi.stubEnv('OPENAI_API_VERSION', '2024-10-21')
    const { url, headers } = await answered('https://gateway.example/openai/deployments/gpt')
    expect(url).toContain('?api-version=2024-10-21')
    expect(headers['api-key']).toBe(KEY)
    expect((await answered('https://api.openai.com/v1')).headers.authorization).toBe('Bearer other')
    vi.stubEnv('OPENAI_API_VERSION', '')
    expect(() => openOpenAi({ baseUrl: deployment, model: 'm' })).toThrow(/add \?api-version=.*OPENAI_API_VERSION/)
  })
})

it('values of the address are not repeated, whatever the server says', async () => {
  const served = await serving(refuse(400, 'no key=query-secret here'))
  const model = openOpenAi({ baseUrl: `${served.baseUrl}?key=query-secret`, model: 'm' })
  await expect(model.answer([ask('a')], { maxTokens: 4 })).rejects.toThrow(/no key=\*\*\* here/)
})
