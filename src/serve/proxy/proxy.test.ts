// The proxy between a client on a socket and a model server on another: what arrives there, and what comes back.
import fc from 'fast-check'
import { sql } from 'kysely'
import pino from 'pino'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { addCorrection } from '../../store/corrections.ts'
import { addInteractions, listInteractions } from '../../store/interactions.ts'
import { setProfiling } from '../../store/persons.ts'
import { writeProfileByHand } from '../../store/profiles.ts'
import { changeSettings } from '../../store/projects.ts'
import { type RunningServer, startServer } from '../server.ts'
import { type Answer, answerOf, type Serving, serving } from '../testing/serving.ts'
import { type TestUpstream, testUpstream } from '../testing/upstream.ts'

let upstream: TestUpstream
let stores: Serving
let server: RunningServer
let key: string
const scope = (project: string, user: string) => ({ project, user, actor: 'test' })
const USERS = ['a', 'b'].flatMap((project) => ['u1', 'u2', 'u3'].map((user) => ({ project, user })))
const secretOf = ({ project, user }: { project: string; user: string }) => `Canary ${project}-${user}.`

beforeAll(async () => {
  ;[upstream, stores] = await Promise.all([testUpstream(), serving()])
  const { store } = stores
  const log = pino({ level: 'silent' })
  const access = { baseUrl: upstream.baseUrl, apiKey: 'upstream-key' }
  server = await startServer({ store, log, port: 0, upstream: access, contextTokens: 1000 })
  key = await stores.key('write')
  for (const { project, user } of USERS) {
    await addInteractions(store, { project, actor: 'test' }, [{ user, text: 'x' }])
    await writeProfileByHand(store, scope(project, user), { text: secretOf({ project, user }) })
  }
})
afterAll(async () => {
  await server.stop()
  await upstream.close()
  await stores.close()
})
beforeEach(() => {
  upstream.asked = []
  upstream.answer = (response) => response.end('{"ok":1}')
})

type Headers_ = Record<string, string>
const CHAT = {
  model: 'm',
  messages: [
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: 'hello' },
  ],
}

async function chat(headers: Headers_ = {}, body: unknown = CHAT, path = '/chat/completions'): Promise<Answer> {
  const sent = { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers }
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return answerOf(await fetch(`${server.address}/openai/v1${path}`, { method: 'POST', headers: sent, body: text }))
}

describe('a request', () => {
  it("carries the project's own key of the upstream, unless the client brings one", async () => {
    const of = { project: 'a', actor: 'test' }
    await changeSettings(stores.store, of, { upstreamKey: 'OPENAI_API_KEY_TEST' })
    expect((await chat()).status).toBe(503)
    vi.stubEnv('OPENAI_API_KEY_TEST', 'key-of-a')
    await chat()
    await chat({ authorization: 'Bearer own', 'x-bump-key': key })
    vi.unstubAllEnvs()
    await changeSettings(stores.store, of, {})
    await chat()
    expect(upstream.asked.map(({ headers }) => headers.authorization)).toEqual([
      'Bearer key-of-a',
      'Bearer own',
      'Bearer upstream-key',
    ])
  })

  it('gets the profile of its user, and is else as it was sent', async () => {
    const tools = [{ type: 'function', function: { name: 'f', parameters: { type: 'object', properties: {} } } }]
    const body = { ...CHAT, tools, n: 2, store: true, prompt_cache_key: 'k', response_format: { type: 'json_object' } }
    const { headers, text } = await chat({ 'x-bump-user': 'u1', 'openai-beta': 'x=1' }, body)
    expect([headers.get('x-bump-profile'), headers.get('x-bump-profile-version'), text]).toEqual([
      'injected',
      '1',
      '{"ok":1}',
    ])
    const [asked] = upstream.asked
    const { messages, ...rest } = JSON.parse(asked.body)
    expect({ ...rest, messages: CHAT.messages }).toEqual(body)
    expect(messages[0].content).toMatch(/^Be brief\.\n\n<user_profile>\n[^<]*\nCanary a-u1\.\n<\/user_profile>$/)
    expect(messages[1]).toEqual(CHAT.messages[1])
    expect(asked).toMatchObject({ method: 'POST', path: '/v1/chat/completions' })
    expect(asked.headers).toMatchObject({ authorization: 'Bearer upstream-key', 'openai-beta': 'x=1' })
    expect(Object.keys(asked.headers).filter((name) => /bump|cookie/.test(name))).toEqual([])
  })

  it('without a user, or with the profile switched off, goes byte for byte', async () => {
    const odd = '{ "model":"m", "seed": 12345678901234567890, "messages":[{"role":"user","content":"\\u0068i"}] }'
    expect((await chat({}, odd)).headers.get('x-bump-profile')).toBe('none')
    expect((await chat({ 'x-bump-user': 'u1', 'x-bump-profile': 'off' }, odd)).headers.get('x-bump-profile')).toBe(
      'off',
    )
    expect((await chat({ 'x-bump-user': 'nobody' }, odd)).headers.get('x-bump-profile')).toBe('none')
    expect(upstream.asked.map(({ body }) => body)).toEqual([odd, odd, odd])
  })

  it('that the model could not read with the profile goes without, and says so', async () => {
    const messages = [{ role: 'user', content: 'word '.repeat(980) }]
    expect((await chat({ 'x-bump-user': 'u1' }, { messages })).headers.get('x-bump-profile')).toBe('skipped')
    expect((await chat({ 'x-bump-user': 'u1' }, { ...CHAT, max_tokens: 990 })).headers.get('x-bump-profile')).toBe(
      'skipped',
    )
  })

  it('keeps to the version that a conversation began with', async () => {
    await writeProfileByHand(stores.store, scope('a', 'u2'), { text: 'A second version.' })
    const pinned = { 'x-bump-user': 'u2', 'x-bump-profile-version': '1' }
    expect((await chat(pinned)).headers.get('x-bump-profile-version')).toBe('1')
    expect(upstream.asked[0].body).toContain('Canary a-u2.')
    await addCorrection(stores.store, scope('a', 'u2'), { kind: 'deny', text: 'Canary' })
    await chat(pinned)
    expect(upstream.asked[1].body).not.toContain('Canary')
    expect((await chat({ ...pinned, 'x-bump-profile-version': '99' })).headers.get('x-bump-profile-version')).toBe('2')
    expect((await chat({ ...pinned, 'x-bump-profile-version': 'x' })).status).toBe(400)
    await setProfiling(stores.store, scope('a', 'u2'), 'off')
    expect((await chat(pinned)).headers.get('x-bump-profile')).toBe('none')
  })

  it('of the responses API has it in its instructions; models are listed', async () => {
    await chat({ 'x-bump-user': 'u1' }, { model: 'm', input: 'hello' }, '/responses')
    expect(JSON.parse(upstream.asked[0].body).instructions).toContain('Canary a-u1.')
    const headers = { authorization: `Bearer ${key}` }
    await fetch(`${server.address}/openai/v1/models/org/name:tag?x=1`, { headers })
    expect(upstream.asked[1]).toMatchObject({ method: 'GET', path: '/v1/models/org/name:tag?x=1' })
    expect((await chat({}, {}, '/files')).status).toBe(404)
  })

  it.each([
    ['a list', '[1]'],
    ['cut', '{'],
    ['a text', '"x"'],
    ['empty', ''],
    ['nested too deep', `${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`],
  ])('that is no JSON object is refused: %s', async (_, body) => {
    expect(await chat({}, body)).toMatchObject({ status: 400, json: { error: { code: 'invalid-request' } } })
    expect(upstream.asked).toEqual([])
  })
})

describe('whose profile it is', () => {
  it('is decided by the key and one header', async () => {
    const bound = `Bearer ${await stores.key('read', { user: 'u1' })}`
    expect((await chat({ authorization: bound })).headers.get('x-bump-profile')).toBe('injected')
    expect((await chat({ authorization: bound, 'x-bump-user': 'u1' })).status).toBe(200)
    const other = await chat({ authorization: bound, 'x-bump-user': 'u2' })
    expect([other.status, other.json.error.type]).toEqual([403, 'forbidden'])
    expect((await chat({ authorization: `Bearer ${await stores.key('ingest')}` })).status).toBe(403)
    expect((await chat({ authorization: 'Bearer none' })).status).toBe(401)
    expect((await chat({ 'x-bump-user': 'x'.repeat(300) })).status).toBe(400)
    const { headers } = await chat({}, { ...CHAT, user: 'u1', safety_identifier: 'u1' })
    expect(headers.get('x-bump-profile')).toBe('none')
  })

  it('is never another than asked for, however requests cross', async () => {
    const keys = { a: key, b: await stores.key('read', { project: 'b' }) }
    const readable = USERS.filter(({ project, user }) => project !== 'a' || user !== 'u2')
    upstream.answer = (response, { body }) => {
      const delay = JSON.parse(body).delay
      setTimeout(() => response.end(body), delay)
    }
    const one = fc.record({ whose: fc.constantFrom(...readable), delay: fc.integer({ min: 0, max: 5 }) })
    await fc.assert(
      fc.asyncProperty(fc.array(one, { minLength: 2, maxLength: 8 }), async (requests) => {
        const answers = await Promise.all(
          requests.map(({ whose: { project, user }, delay }) =>
            chat({ authorization: `Bearer ${keys[project as 'a' | 'b']}`, 'x-bump-user': user }, { ...CHAT, delay }),
          ),
        )
        for (const [i, { text }] of answers.entries())
          expect(text.match(/Canary [\w-]+\./g)).toEqual([secretOf(requests[i].whose)])
      }),
      { numRuns: 6 },
    )
  })

  it("is nobody's where the store is in trouble, and the chat goes on", async () => {
    const broken = await serving()
    const own = await broken.key('read')
    await sql`drop table person`.execute(broken.store.db)
    const log = pino({ level: 'silent' })
    const troubled = await startServer({ store: broken.store, log, port: 0, upstream })
    const headers = { authorization: `Bearer ${own}`, 'x-bump-user': 'u1' }
    const url = `${troubled.address}/openai/v1/chat/completions`
    const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(CHAT) })
    expect([answer.status, answer.headers.get('x-bump-profile')]).toEqual([200, 'error'])
    await troubled.stop()
    await broken.close()
  })
})

describe('an answer', () => {
  it('comes piece by piece with its own bytes, status and headers', async () => {
    const pieces = ['data: {"a":1}\n\n', ': comment\n\n', 'data: \u00fc\ud83c\udf39', '\n\ndata: [DONE]\n\n']
    upstream.answer = async (response) => {
      response.writeHead(200, {
        'content-type': 'text/event-stream',
        'x-request-id': 'up',
        'set-cookie': 'a=b',
        'x-ratelimit-remaining-requests': '7',
      })
      for (const piece of pieces) {
        response.write(piece)
        await new Promise((resolve) => setTimeout(resolve, 30))
      }
      response.end()
    }
    const response = await fetch(`${server.address}/openai/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'x-bump-user': 'u1' },
      body: JSON.stringify({ ...CHAT, stream: true }),
    })
    const seen: string[] = []
    const decoder = new TextDecoder()
    for await (const chunk of response.body!) seen.push(decoder.decode(chunk, { stream: true }))
    expect(seen.join('')).toBe(pieces.join(''))
    expect(seen.length).toBeGreaterThan(1)
    expect(upstream.asked[0].headers['accept-encoding']).toBe('identity')
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'text/event-stream',
      'x-accel-buffering': 'no',
      'x-ratelimit-remaining-requests': '7',
      'cache-control': 'private, no-store',
    })
    expect(response.headers.get('set-cookie')).toBeNull()
  })

  it('that is an error passes as it is', async () => {
    upstream.answer = (response) => {
      response.writeHead(429, { 'content-type': 'application/json', 'retry-after': '7' })
      response.end('{"error":{"message":"slow down"}}')
    }
    const { status, headers, text } = await chat({ 'x-bump-user': 'u1' })
    expect([status, headers.get('retry-after'), text]).toEqual([429, '7', '{"error":{"message":"slow down"}}'])
  })

  it('that nobody waits for any more is broken off at the model', async () => {
    upstream.answer = (response) => response.write('data: 1\n\n')
    const before = upstream.broken
    const leaving = new AbortController()
    const response = await fetch(`${server.address}/openai/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}` },
      body: JSON.stringify({ ...CHAT, stream: true }),
      signal: leaving.signal,
    })
    await response.body!.getReader().read()
    leaving.abort()
    await expect.poll(() => upstream.broken, { timeout: 5000 }).toBe(before + 1)
  })

  it('that breaks in the middle breaks for the client', async () => {
    upstream.answer = (response) => {
      response.write('data: 1\n\n')
      setTimeout(() => response.destroy(), 20)
    }
    await expect(chat()).rejects.toThrow()
  })

  it('of a server that is not there is a problem', async () => {
    const gone = await startServer({
      store: stores.store,
      log: pino({ level: 'silent' }),
      port: 0,
      upstream: { baseUrl: 'http://127.0.0.1:9/v1' },
    })
    const headers = { authorization: `Bearer ${key}` }
    const answer = await fetch(`${gone.address}/openai/v1/models`, { headers })
    expect([answer.status, await answer.json()]).toEqual([502, expect.objectContaining({ code: 'upstream-failed' })])
    await gone.stop()
  })
})

describe('keys', () => {
  it("of the client's own reach the model, and those of bump never do", async () => {
    await chat({ 'x-bump-key': key, authorization: 'Bearer sk-own' })
    await chat({ 'x-bump-key': key, authorization: `Bearer ${key}` })
    expect(upstream.asked.map(({ headers }) => headers.authorization)).toEqual(['Bearer sk-own', 'Bearer upstream-key'])
    expect(JSON.stringify(upstream.asked)).not.toContain('bump_')
  })
})

describe('turns of a user', () => {
  it('are stored where it is asked for, each once', async () => {
    const record = { 'x-bump-user': 'u3', 'x-bump-record': 'user' }
    const turn = (content: string) => ({ role: 'user', content })
    const first = [{ role: 'system', content: 'now 10:00' }, turn('I prune roses.')]
    expect((await chat(record, { messages: first })).headers.get('x-bump-recorded')).toBe('1')
    await chat(record, { messages: [{ role: 'system', content: 'now 10:01' }, first[1]] })
    const later = [
      ...first,
      { role: 'assistant', content: 'Nice.' },
      turn('And beans.'),
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Look:' },
          { type: 'image_url', image_url: { url: 'x' } },
        ],
      },
    ]
    expect((await chat(record, { messages: later })).headers.get('x-bump-recorded')).toBe('2')
    const { data } = await listInteractions(stores.store, scope('a', 'u3'), { limit: 10 })
    expect(data.map(({ text }) => text)).toEqual(['x', 'I prune roses.', 'And beans.', 'Look:'])
    expect((await chat({ 'x-bump-record': 'user' })).status).toBe(400)
    expect((await chat({ ...record, 'x-bump-record': 'all' })).status).toBe(400)
    const reader = `Bearer ${await stores.key('read')}`
    expect((await chat({ ...record, authorization: reader })).status).toBe(403)
  })
})
