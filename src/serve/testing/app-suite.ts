// The API as its callers meet it: every promise of docs/serve.md about requests and answers, in process.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { revokeKey } from '../../store/keys.ts'
import type { OpenServing, Serving } from './serving.ts'

const interactions = (user: string, count: number) =>
  Array.from({ length: count }, (_, i) => ({
    user,
    id: `i${i + 1}`,
    time: 1000 * (i + 1),
    text: `${user} wrote ${i + 1}`,
  }))

/** The application, wherever `open` has its store. */
export function testApi(open: OpenServing): void {
  let api: Serving
  let admin: string
  beforeAll(async () => {
    api = await open()
    admin = await api.key('admin')
  })
  afterAll(() => api.close())

  describe('a key', () => {
    it('is needed, and a bad one says nothing of why', async () => {
      const [expired, revoked] = [await api.key('read', { expiresAt: 1 }), await api.key('read')]
      await revokeKey(api.store, { project: 'a', actor: 'test' }, revoked.split('_')[1])
      const answers = await Promise.all(
        [undefined, 'bump_nonsense', expired, revoked, `${admin}x`].map((key) => api.call(key, 'GET', '/v1/users')),
      )
      for (const { status, headers, json } of answers) {
        expect([status, json.code, json.detail]).toEqual([401, 'unauthenticated', answers[0].json.detail])
        expect(headers.get('www-authenticate')).toContain('Bearer')
        expect(headers.get('content-type')).toBe('application/problem+json')
      }
    })

    it('of each role may do what the role says', async () => {
      const body = { interactions: interactions('roles', 1) }
      await api.call(admin, 'POST', '/v1/interactions', body)
      const allowed = async (role: 'ingest' | 'read' | 'write' | 'admin') => {
        const key = await api.key(role)
        const calls = [
          api.call(key, 'POST', '/v1/interactions', body),
          api.call(key, 'GET', '/v1/users/roles/profile'),
          api.call(key, 'PATCH', '/v1/users/roles', { profiling: 'on' }),
          api.call(key, 'GET', '/v1/keys'),
        ]
        return (await Promise.all(calls)).map(({ status }) => status)
      }
      expect(await allowed('ingest')).toEqual([200, 403, 403, 403])
      expect(await allowed('read')).toEqual([403, 200, 403, 403])
      expect(await allowed('write')).toEqual([200, 200, 200, 403])
      expect(await allowed('admin')).toEqual([200, 200, 200, 200])
    })

    it('of one user reaches that one alone', async () => {
      await api.call(admin, 'POST', '/v1/interactions', {
        interactions: [...interactions('me', 1), ...interactions('you', 1)],
      })
      const mine = await api.key('write', { user: 'me' })
      expect((await api.call(mine, 'GET', '/v1/users/me')).json.interactions).toBe(1)
      const [other, missing] = [
        await api.call(mine, 'GET', '/v1/users/you'),
        await api.call(mine, 'GET', '/v1/users/nobody'),
      ]
      expect([other.status, other.json.detail]).toEqual([404, missing.json.detail])
      expect((await api.call(mine, 'GET', '/v1/users')).status).toBe(404)
      expect((await api.call(mine, 'POST', '/v1/interactions', { interactions: interactions('you', 1) })).status).toBe(
        403,
      )
    })
  })

  describe('interactions', () => {
    const send = (body: unknown, headers?: Record<string, string>, query = '') =>
      api.call(admin, 'POST', `/v1/interactions${query}`, body, headers)

    it('are stored once, whatever is sent again', async () => {
      const some = interactions('ann', 3)
      expect((await send({ interactions: some })).json).toMatchObject({ accepted: 3, duplicates: 0 })
      expect((await send({ interactions: some })).json).toMatchObject({ accepted: 0, duplicates: 3 })
      const changed = { ...some[1], text: 'something else' }
      expect((await send({ interactions: [changed] })).json.conflicts).toEqual([{ index: 0, id: 'i2' }])
      expect((await send({ interactions: [changed] }, {}, '?upsert=true')).json.replaced).toBe(1)
      const listed = await api.call(admin, 'GET', '/v1/users/ann/interactions?limit=2')
      expect(listed.json.data.map(({ text }: { text: string }) => text)).toEqual(['ann wrote 1', 'something else'])
      const rest = await api.call(admin, 'GET', `/v1/users/ann/interactions?cursor=${listed.json.nextCursor}`)
      expect(rest.json).toMatchObject({ data: [{ id: 'i3', time: 3000 }], nextCursor: null })
    })

    it('come as lines too, and times as text', async () => {
      const lines = '{"user":"bea","text":"one","time":"2026-01-02T03:04:05+01:00"}\n\n{"user":"bea","text":"two"}\n'
      const headers = { 'content-type': 'application/x-ndjson' }
      expect((await send(lines, headers)).json.accepted).toBe(2)
      expect((await api.call(admin, 'GET', '/v1/users/bea/interactions')).json.data[0].time).toBe(1767319445000)
      expect((await send('{"user":"bea"}', headers)).json.detail).toContain('interaction 0: text')
      expect((await send('{"user":', headers)).json.detail).toBe('interaction 0 is no JSON')
      expect((await send('\n', headers)).status).toBe(400)
    })

    it('are answered alike for the same Idempotency-Key, and refused for another body', async () => {
      const headers = { 'idempotency-key': 'k1' }
      const first = await send({ interactions: interactions('cat', 2) }, headers)
      expect((await send({ interactions: interactions('cat', 2) }, headers)).json).toEqual(first.json)
      const other = await send({ interactions: interactions('cat', 3) }, headers)
      expect([other.status, other.json.code]).toEqual([422, 'idempotency-mismatch'])
    })

    it('that cannot be are named by their place, and the others are stored', async () => {
      const [good] = interactions('dan', 1)
      const { json } = await send({
        interactions: [
          { user: 'dan', text: ' ' },
          good,
          { user: 'dan', text: 'nul \0' },
          { user: 'dan', text: '\ud800' },
        ],
      })
      expect(json.accepted).toBe(1)
      expect(json.rejected.map(({ index, reason }: { index: number; reason: string }) => [index, reason])).toEqual([
        [0, 'text'],
        [2, 'text'],
        [3, 'text'],
      ])
    })

    it.each<[string, unknown, Record<string, string>, number, RegExp]>([
      ['an unknown field', { interactions: [{ user: 'e', text: 'x', txt: 'y' }] }, {}, 400, /interactions\.0: .*txt/],
      ['no list', { interactions: 5 }, {}, 400, /interactions: /],
      ['an empty list', { interactions: [] }, {}, 400, /interactions: /],
      ['no JSON', '{', {}, 400, /not of the form/],
      ['another type', 'user=e', { 'content-type': 'text/plain' }, 415, /type/],
      ['too long', { interactions: [{ user: 'e', text: 'x'.repeat(5e6) }] }, {}, 413, /4 MiB/],
      [
        'deep metadata',
        `{"interactions":[{"user":"e","text":"x","metadata":{"a":${'['.repeat(5000)}${']'.repeat(5000)}}}]}`,
        {},
        400,
        /deeper/,
      ],
      ['no body', undefined, {}, 400, /no body/],
    ])('%s is refused', async (_, body, headers, status, detail) => {
      const answer = await send(body, headers)
      expect([answer.status, answer.json.detail]).toEqual([status, expect.stringMatching(detail)])
      expect(answer.text).not.toContain('xxxx')
    })
  })

  describe('a profile', () => {
    const path = '/v1/users/eve/profile'
    beforeAll(() => api.call(admin, 'POST', '/v1/interactions', { interactions: interactions('eve', 2) }))

    it('is pending, then as written, with an ETag that says whether it changed', async () => {
      const before = await api.call(admin, 'GET', path)
      expect(before.json).toMatchObject({ status: 'pending', text: '', newInteractions: 2 })
      expect((await api.call(admin, 'PUT', path, { text: 'Grows roses.' })).status).toBe(428)
      const written = await api.call(
        admin,
        'PUT',
        path,
        { text: 'Grows roses.' },
        { 'if-match': before.headers.get('etag')! },
      )
      expect(written.json).toMatchObject({ status: 'published', version: 1, text: 'Grows roses.', origin: 'manual' })
      const stale = await api.call(admin, 'PUT', path, { text: 'x' }, { 'if-match': before.headers.get('etag')! })
      expect(stale.status).toBe(412)
      const etag = written.headers.get('etag')!
      const again = await api.call(admin, 'GET', path, undefined, { 'if-none-match': `"x", W/${etag}` })
      expect([again.status, again.text, again.headers.get('etag')]).toEqual([304, '', etag])
      expect(again.headers.get('cache-control')).toBe('private, no-store')
    })

    it('is corrected at once, and served as text and as a block', async () => {
      const stated = await api.call(admin, 'POST', '/v1/users/eve/corrections', {
        kind: 'state',
        text: 'I live by the sea.',
      })
      expect(stated.status).toBe(200)
      expect((await api.call(admin, 'GET', `${path}?format=text`)).text).toBe('Grows roses.\nI live by the sea.')
      expect((await api.call(admin, 'GET', `${path}?format=block`)).text).toMatch(
        /^<user_profile>\n.+\nGrows roses\.\n.+\n- I live by the sea\.\n<\/user_profile>$/,
      )
      await api.call(admin, 'POST', '/v1/users/eve/corrections', { kind: 'deny', text: 'roses' })
      expect((await api.call(admin, 'GET', `${path}?format=text`)).text).toBe('I live by the sea.')
      const listed = await api.call(admin, 'GET', '/v1/users/eve/corrections')
      expect(listed.json.data).toHaveLength(2)
      for (const { id } of listed.json.data) await api.call(admin, 'DELETE', `/v1/users/eve/corrections/${id}`)
      expect((await api.call(admin, 'GET', `${path}?format=text`)).text).toBe('Grows roses.')
    })

    it('keeps its versions, and serves an older one again', async () => {
      const { headers } = await api.call(admin, 'GET', path)
      await api.call(admin, 'PUT', path, { text: 'Grows beans.' }, { 'if-match': headers.get('etag')! })
      const versions = await api.call(admin, 'GET', `${path}/versions?limit=1`)
      expect(versions.json).toMatchObject({ data: [{ version: 2, served: true }], nextCursor: '2' })
      expect((await api.call(admin, 'GET', `${path}/versions?cursor=2`)).json.data).toMatchObject([{ version: 1 }])
      expect((await api.call(admin, 'POST', `${path}/versions/1/restore`)).json).toMatchObject({
        version: 3,
        text: 'Grows roses.',
      })
      expect((await api.call(admin, 'GET', `${path}/versions/9`)).status).toBe(404)
      expect((await api.call(admin, 'GET', `${path}/sources`)).json).toEqual({ version: 3, data: [] })
    })

    it('that is frozen has no refresh, and one that is due is waited for', async () => {
      expect((await api.call(admin, 'POST', `${path}/refresh`)).status).toBe(409)
      await api.call(admin, 'PATCH', '/v1/users/eve', { profiling: 'on' })
      expect((await api.call(admin, 'POST', `${path}/refresh?wait=0.3`)).status).toBe(202)
      expect((await api.call(admin, 'GET', '/v1/users/eve')).json.dueReason).toBe('requested')
    })
  })

  describe('what is erased', () => {
    it('is said before, goes with all that was written from it, and does not come back', async () => {
      await api.call(admin, 'POST', '/v1/interactions', { interactions: interactions('fay', 3) })
      const dry = await api.call(admin, 'POST', '/v1/users/fay/forget', { match: 'WROTE 2' })
      expect(dry.json).toMatchObject({ dryRun: true, interactions: 1, ids: ['i2'] })
      expect((await api.call(admin, 'POST', '/v1/users/fay/forget', {})).status).toBe(422)
      const gone = await api.call(admin, 'DELETE', '/v1/users/fay/interactions/i2')
      expect(gone.json).toMatchObject({ dryRun: false, interactions: 1 })
      expect((await api.call(admin, 'DELETE', '/v1/users/fay/interactions/i2')).status).toBe(404)
      const again = await api.call(admin, 'POST', '/v1/interactions', { interactions: interactions('fay', 3) })
      expect(again.json).toMatchObject({ duplicates: 2, rejected: [{ index: 1, reason: 'deleted' }] })
      const exported = await api.call(admin, 'GET', '/v1/users/fay/export')
      expect(exported.json.interactions.map(({ id }: { id: string }) => id)).toEqual(['i1', 'i3'])
      expect((await api.call(admin, 'DELETE', '/v1/users/fay')).json).toMatchObject({
        interactions: 2,
        beyond: expect.any(Array),
      })
      expect((await api.call(admin, 'GET', '/v1/users/fay')).status).toBe(404)
    })
  })

  describe('the operator', () => {
    it('makes, lists and revokes keys', async () => {
      const made = await api.call(admin, 'POST', '/v1/keys', { role: 'read', user: 'eve' })
      expect((await api.call(made.json.key, 'GET', '/v1/users/eve')).status).toBe(200)
      const listed = await api.call(admin, 'GET', '/v1/keys')
      expect(listed.text).not.toContain(made.json.key)
      expect(listed.json.data).toContainEqual(expect.objectContaining({ id: made.json.id, user: 'eve' }))
      expect((await api.call(admin, 'DELETE', `/v1/keys/${made.json.id}`)).status).toBe(200)
      expect((await api.call(made.json.key, 'GET', '/v1/users/eve')).status).toBe(401)
      const { json } = await api.call(admin, 'GET', '/v1/audit?limit=1')
      expect(json.data).toMatchObject([{ action: 'key.revoked', details: { key: made.json.id } }])
      const queue = await api.call(admin, 'GET', '/v1/queue')
      expect(queue.json.data).toContainEqual(
        expect.objectContaining({ user: 'eve', reason: 'requested', claimed: false }),
      )
    })
  })

  describe('every answer', () => {
    it('has an id, and the log neither texts nor ids of users', async () => {
      await api.call(admin, 'POST', '/v1/interactions', { interactions: [{ user: 'zoe-secret', text: 'my secret' }] })
      const { headers } = await api.call(admin, 'GET', '/v1/users/zoe-secret', undefined, {
        'x-request-id': 'trace-12345',
      })
      expect(headers.get('x-request-id')).toBe('trace-12345')
      const bad = await api.call(admin, 'GET', '/v1/users', undefined, { 'x-request-id': 'a b"c' })
      expect(bad.headers.get('x-request-id')).toMatch(/^[\w-]{36}$/)
      expect(JSON.parse(api.logged.at(-2)!)).toMatchObject({
        route: '/v1/users/:user',
        status: 200,
        requestId: 'trace-12345',
      })
      expect(api.logged.join('')).not.toMatch(/secret|bump_/)
    })

    it('that nothing is behind is a problem', async () => {
      expect((await api.call(admin, 'GET', '/v1/nothing')).json).toMatchObject({ status: 404, code: 'not-found' })
      expect((await api.call(undefined, 'GET', '/')).status).toBe(404)
      const other = await api.call(admin, 'DELETE', '/v1/users/ann/profile')
      expect([other.status, other.json.code, other.headers.get('allow')]).toEqual([
        405,
        'method-not-allowed',
        'GET, PUT',
      ])
      expect((await api.call(undefined, 'DELETE', '/v1/users')).status).toBe(401)
    })

    it('of the database in trouble says nothing of it', async () => {
      const broken = await open()
      const key = await broken.key('read')
      await broken.store.close()
      const { status, json } = await broken.call(key, 'GET', '/v1/users')
      expect([status, json.code, json.detail]).toEqual([500, 'internal', expect.not.stringMatching(/driver|sql/i)])
      expect((await broken.call(undefined, 'GET', '/readyz')).status).toBe(503)
      expect(broken.logged.join('')).toContain('"stack"')
    })

    it('counts', async () => {
      const { text } = await api.call(undefined, 'GET', '/metrics')
      expect(text).toMatch(/interactions_total\{result="accepted"\} \d+/)
      expect(text).toMatch(
        /http_request_duration_seconds_count\{method="GET",route="\/v1\/users\/:user",status="200"\} \d+/,
      )
      expect(text).not.toContain('zoe')
    })
  })

  describe('too many requests of a key', () => {
    it('are refused until there are more, and other keys go on', async () => {
      const limited = await open({ requestsPerMinute: 2 })
      const [key, other] = [await limited.key('read'), await limited.key('read')]
      const first = await limited.call(key, 'GET', '/v1/users')
      expect(first.headers.get('ratelimit-remaining')).toBe('1')
      await limited.call(key, 'GET', '/v1/users')
      const third = await limited.call(key, 'GET', '/v1/users')
      expect([third.status, third.headers.get('retry-after')]).toEqual([429, '30'])
      expect((await limited.call(other, 'GET', '/v1/users')).status).toBe(200)
      await limited.close()
    })
  })
}
