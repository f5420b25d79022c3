// Against a server on this machine that misbehaves as scripted.
import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { BumpError, CancelledError } from '../../util/errors.ts'
import { cutByEstimate, estimateTokens } from './estimate.ts'
import { type OpenAiOptions, openOpenAi } from './open.ts'
import { ask, closeServers, json, KEY, refuse, type Script, say, servers, serving } from './testing/fake-server.ts'

afterEach(() => {
  vi.useRealTimers()
  closeServers()
})

/** Message of the BumpError that an answer fails with; no error may hold the key. */
async function problem(script: Script, options: Partial<OpenAiOptions> = {}): Promise<string> {
  const { model, baseUrl } = await serving(script, { maxRetries: 1, ...options })
  const error = await model.answer([ask('hi')], { maxTokens: 4 }).then(
    () => expect.fail('it answered'),
    (e) => e,
  )
  expect(error).toBeInstanceOf(BumpError)
  expect(`${error.stack}${JSON.stringify(error)}`).not.toContain(KEY)
  return error.message.replaceAll(baseUrl, 'BASE')
}

describe('a model on a server', () => {
  it('is asked with its name, the key, and greedy settings', async () => {
    const { model, requests, baseUrl } = await serving((_, response) => say(response, ' hello\n'))
    expect(await model.answer([ask('hi')], { maxTokens: 7 })).toEqual(['hello'])
    expect(requests[0].url).toBe('/v1/chat/completions')
    expect(requests[0].headers.authorization).toBe(`Bearer ${KEY}`)
    expect(requests[0].body).toEqual({ model: 'm', messages: ask('hi'), temperature: 0, seed: 1, max_tokens: 7 })
    await model.answer([ask('hi')], { maxTokens: 7, temperature: 0.7, seed: 9 })
    expect(requests[1].body).toMatchObject({ temperature: 0.7, seed: 9 })
    expect(model.name).toBe(`m at ${baseUrl}`)
    expect(model.chooseLogprobs).toBeUndefined()
  })

  it('says what it was asked, and what that costs', async () => {
    const usage = { prompt_tokens: 2000, completion_tokens: 300 }
    const script: Script = (_, response) => json(response, { choices: [{ message: { content: 'yes' } }], usage })
    const { model, baseUrl } = await serving(script, { price: { read: 0.25, written: 1 } })
    expect(model.spent?.()).toBeUndefined()
    await model.answer([ask('hi'), ask('ho')], { maxTokens: 7 })
    expect(model.spent?.()).toBe(
      `m at ${baseUrl}: 2 answers, 4,000 tokens read and 600 written: 0.0016 at 0.25 and 1 a million`,
    )
  })

  it('answers in order, with as many requests at a time as allowed, and progress', async () => {
    // Each answer waits until three requests are open (or all have come): with fewer at a time this would never end.
    const open: (() => void)[] = []
    let most = 0
    const { model, requests } = await serving(
      ({ body }, response) => {
        open.push(() => say(response, `<think>hm</think>${body.messages[0].content}!`))
        most = Math.max(most, open.length)
        if (requests.length === 10) for (const answer of open.splice(0)) answer()
        else if (open.length >= 3) open.splice(1, 1)[0]()
      },
      { concurrency: 3 },
    )
    const words = Array.from({ length: 10 }, (_, i) => String(i))
    const progress: number[] = []
    const answers = await model.answer(words.map(ask), { maxTokens: 4, onProgress: (n) => progress.push(n) })
    expect(answers).toEqual(words.map((word) => `${word}!`))
    expect(requests).toHaveLength(10)
    expect(most).toBe(3)
    expect(progress).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  })

  it('has one identity however its address is written, and shows no query', () => {
    const of = (baseUrl: string) => openOpenAi({ baseUrl, model: 'm' })
    const plain = of('http://host:1/v1')
    expect(of('http://host:1/v1/').identity).toBe(plain.identity)
    expect(of('http://host:1/v1/chat/completions').identity).toBe(plain.identity)
    expect(of('http://host:1/v2').identity).not.toBe(plain.identity)
    expect(openOpenAi({ baseUrl: 'http://host:1/v1', model: 'n' }).identity).not.toBe(plain.identity)
    expect(of('http://host:1/v1?key=secret').name).toBe('m at http://host:1/v1')
  })

  it('takes the other name of the token limit where the server wants it, also for requests under way', async () => {
    const { model, requests } = await serving(({ body }, response) => {
      if ('max_tokens' in body)
        json(response, { error: { message: "'max_tokens' is not supported. Use 'max_completion_tokens'." } }, 400)
      else say(response, String(body.max_completion_tokens))
    })
    expect(await model.answer(['a', 'b', 'c'].map(ask), { maxTokens: 7 })).toEqual(['7', '7', '7'])
    const before = requests.length
    await model.answer([ask('d')], { maxTokens: 7 })
    expect(requests).toHaveLength(before + 1)
  })
})

describe('a server in trouble', () => {
  it.each([
    ['busy', refuse(429, { message: 'slow down' }, { 'retry-after': '0' })],
    ['busy until a date', refuse(429, { message: 'slow down' }, { 'retry-after': new Date(0).toUTCString() })],
    ['failing', refuse(500, 'oops')],
    ['behind a failing proxy', (_, response) => response.writeHead(502).end('<html>Bad gateway</html>')],
    [
      'reported so by a gateway that answers 200',
      (_, response) => json(response, { error: { message: 'x', code: 503 } }),
    ],
    ['hanging up', (_, response) => response.destroy()],
    [
      'hanging up in the middle',
      (_, response) => {
        response.writeHead(200, { 'content-length': '1000' }).write('{"choices"')
        setTimeout(() => response.destroy(), 5)
      },
    ],
  ] as [string, Script][])('that is %s is asked again', async (_, trouble) => {
    const { model, requests } = await serving((received, response, number) =>
      number <= 2 ? trouble(received, response, number) : say(response, 'well'),
    )
    expect(await model.answer([ask('hi')], { maxTokens: 4 })).toEqual(['well'])
    expect(requests).toHaveLength(3)
  })

  it('is not asked before it said', async () => {
    vi.useFakeTimers()
    const fetch = vi.fn<typeof globalThis.fetch>()
    fetch.mockResolvedValueOnce(new Response('{"error":"wait"}', { status: 503, headers: { 'retry-after': '30' } }))
    fetch.mockResolvedValueOnce(new Response('{"choices":[{"message":{"content":"well"}}]}'))
    const model = openOpenAi({ baseUrl: 'http://host/v1', model: 'm', backoff: 0, fetch })
    const run = model.answer([ask('hi')], { maxTokens: 4 })
    await vi.advanceTimersByTimeAsync(29_900)
    expect(fetch).toHaveBeenCalledTimes(1)
    await vi.advanceTimersByTimeAsync(200)
    expect(await run).toEqual(['well'])
  })

  it.each<[string, Script, RegExp]>([
    [
      '401',
      refuse(401, { message: `Incorrect API key: ${KEY}` }),
      /BASE refuses the API key .*key: \*\*\*.*OPENAI_API_KEY/,
    ],
    ['429 for good', refuse(429, { message: 'slow down' }), /BASE turns requests away after 2 tries \(429: slow down/],
    [
      '429 with a long wait',
      refuse(429, 'day limit', { 'retry-after': '4000' }),
      /away \(429: day limit; .* wait 4000 s/,
    ],
    ['no credit', refuse(429, { message: 'quota', code: 'insufficient_quota' }), /away \(429: quota\).*credit/],
    ['500 for good', refuse(500, 'oops'), /BASE fails after 2 tries \(500: oops\)/],
    [
      '400',
      refuse(400, { message: 'maximum context length is 10' }),
      /the prompt is too long for "m" at BASE \(400: maximum context/,
    ],
    ['a detail', (_, r) => json(r, { detail: 'no seed' }, 422), /\(422: .*no seed/],
    ['a page', (_, r) => r.end('<!doctype html><p>hi'), /BASE answers with a web page instead of JSON.*ends in \/v1/],
    ['text', (_, r) => r.end('Ollama is running'), /answers with something that is not JSON/],
    ['nothing', (_, r) => r.end(), /answers with an empty answer/],
    ['no choices', (_, r) => json(r, { choices: [] }), /answer of m at BASE is not there: "choices" is empty/],
    ['other JSON', (_, r) => json(r, { models: [] }), /BASE sent no chat completion: "choices"/],
    ['hanging up', (_, r) => r.destroy(), /no connection to BASE after 2 tries .*Is the server running/],
  ])('%s is told', async (_, script, message) => expect(await problem(script)).toMatch(message))

  it('without the model is told, with those that are there', async () => {
    const missing = refuse(404, { message: 'no m' })
    const listing: Script = (received, response, number) =>
      received.url === '/v1/models'
        ? json(response, { data: [{ id: 'a' }, { id: 'b' }] })
        : missing(received, response, number)
    expect(await problem(listing)).toMatch(/BASE does not serve "m" \(404: no m\)\. It serves: a, b\./)
    expect(await problem(missing)).toMatch(/BASE has no chat completions \(404: no m\).*ends in \/v1/)
  })

  it('that does not answer in time is told', async () => {
    expect(await problem(() => {}, { timeout: 0.05 })).toMatch(
      /no connection to BASE after 2 tries \(no answer within 0.05 s/,
    )
  })

  it('that is not there is told', async () => {
    const { model, baseUrl } = await serving(() => {}, { maxRetries: 0 })
    await new Promise((resolve) => servers.splice(0)[0].close(resolve))
    await expect(model.answer([ask('hi')], { maxTokens: 4 })).rejects.toThrow(
      `no connection to ${baseUrl} (ECONNREFUSED)`,
    )
  })

  it('ends the requests beside the first that fails', async () => {
    const { model, requests } = await serving(
      (received, response) => {
        if (received.body.messages[0].content === 'bad') refuse(400, 'bad')(received, response, 0)
      },
      { concurrency: 2 },
    )
    await expect(model.answer(['slow', 'bad', 'never'].map(ask), { maxTokens: 4 })).rejects.toThrow(/400: bad/)
    expect(requests).toHaveLength(2)
  })

  it('can be left by the caller, also between retries', async () => {
    const abort = new AbortController()
    const waiting = await serving(refuse(429, 'busy', { 'retry-after': '100' }))
    const run = waiting.model.answer([ask('hi')], { maxTokens: 4, signal: abort.signal })
    void vi.waitUntil(() => waiting.requests.length > 0).then(() => setTimeout(() => abort.abort(), 30))
    await expect(run).rejects.toThrow(CancelledError)
    await expect(waiting.model.answer([ask('hi')], { maxTokens: 4, signal: abort.signal })).rejects.toThrow(
      CancelledError,
    )
    expect(waiting.requests).toHaveLength(1)
  })
})

describe('what cannot be a server', () => {
  it.each([
    ['localhost:8000', /not the address of a server: give one such as/],
    ['ftp://host/v1', /not the address of a server/],
    ['http://me:secret@host/v1', /address of the server at host holds a user name or password/],
  ])('%s is refused', (baseUrl, message) => {
    expect(() => openOpenAi({ baseUrl, model: 'm' })).toThrow(message)
    expect(() => openOpenAi({ baseUrl, model: 'm' })).not.toThrow(/secret@/)
  })

  it('a key that cannot be sent is refused and not shown', () => {
    const open = () => openOpenAi({ baseUrl: 'http://host/v1', model: 'm', apiKey: 'sk one\ntwo' })
    expect(open).toThrow(/OPENAI_API_KEY/)
    expect(open).not.toThrow(/sk one/)
  })
})

describe('estimates', () => {
  it('are near the usual counts', () => {
    expect(estimateTokens('')).toBe(0)
    expect(estimateTokens('The cat sat on the mat.')).toBe(7)
    expect(estimateTokens('internationalisation')).toBe(4)
    expect(estimateTokens('日本語のテキスト')).toBe(8)
  })

  it('a cut is a beginning of the text within the limit, and the whole text where it fits', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 60 }), fc.nat(40), (text, limit) => {
        const cut = cutByEstimate(text, limit)
        expect(text.startsWith(cut)).toBe(true)
        expect(estimateTokens(cut)).toBeLessThanOrEqual(limit)
        if (estimateTokens(text) <= limit) expect(cut).toBe(text)
      }),
    )
  })
})
