// The typed client against the application itself, and against what networks do.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Serving, serving } from '../serve/testing/serving.ts'
import { BumpClient, type BumpClientOptions, type BumpProblem } from './client.ts'

let api: Serving
let calls: { method: string; path: string; headers: Headers; status: number }[] = []
beforeAll(async () => {
  api = await serving()
})
afterAll(() => api.close())

/** A client whose requests reach the application without a socket. */
function clientOf(key: string, options: Partial<BumpClientOptions> = {}): BumpClient {
  return new BumpClient({
    ...{ url: 'http://bump.test/', key },
    async fetch(url, init) {
      const response = await api.app.request(url, init)
      const { pathname, search } = new URL(url)
      const [method, headers] = [init.method ?? '', new Headers(init.headers)]
      calls.push({ method, path: pathname + search, headers, status: response.status })
      return response
    },
    ...options,
  })
}

/** What a call throws. */
const problem = (call: Promise<unknown>) =>
  call.then(
    () => undefined,
    (error) => error as BumpProblem,
  )

describe('a client', () => {
  it('stores, reads, corrects and erases, by names of the API', async () => {
    const bump = clientOf(await api.key('write'))
    const ids = ['i1', 'i2', 'i3']
    const interactions = ids.map((id) => ({ user: 'o/ne ü', id, time: '2026-01-01T00:00:00Z', text: `roses ${id}` }))
    expect(await bump.addInteractions(interactions)).toMatchObject({ accepted: 3, duplicates: 0 })
    expect(await bump.addInteractions(interactions)).toMatchObject({ accepted: 0, duplicates: 3 })
    const user = 'o/ne ü'
    const page = await bump.interactions(user, { limit: 2 })
    expect(page.data.map(({ id }) => id)).toEqual(['i1', 'i2'])
    expect((await bump.interactions(user, { cursor: page.nextCursor! })).data).toHaveLength(1)
    expect((await bump.users()).data).toMatchObject([{ user, interactions: 3 }])

    const { etag, status } = await bump.profile(user)
    expect(status).toBe('pending')
    expect(await bump.writeProfile(user, 'Grows roses.', { etag })).toMatchObject({ version: 1, text: 'Grows roses.' })
    expect(await problem(bump.writeProfile(user, 'x', { etag }))).toMatchObject({
      code: 'precondition-failed',
      status: 412,
    })
    const correction = await bump.correct(user, { kind: 'state', text: 'I live in Bath.' })
    expect((await bump.corrections(user)).data).toEqual([correction])
    expect(await bump.profileBlock(user)).toMatch(/^<user_profile>[^<]*Grows roses\.\n[^<]*I live in Bath/)
    await bump.retract(user, correction.id)
    await bump.writeProfile(user, 'Grows beans.', { etag: (await bump.profile(user)).etag })
    expect((await bump.versions(user)).data.map(({ version }) => version)).toEqual([2, 1])
    expect(await bump.restore(user, 1)).toMatchObject({ version: 3, text: (await bump.version(user, 1)).text })
    expect(await bump.sources(user)).toEqual({ version: 3, data: [] })
    expect((await bump.setProfiling(user, 'on')).profiling).toBe('on')
    expect(await bump.refresh(user)).toMatchObject({ stale: true })

    expect(await bump.forget(user, { match: 'roses i1' })).toMatchObject({ dryRun: true, ids: ['i1'] })
    expect(await bump.forget(user, { ids: ['i1'], dryRun: false })).toMatchObject({ dryRun: false, interactions: 1 })
    expect(await bump.export(user)).toHaveProperty('exportedAt')
    expect((await bump.deleteUser(user)).interactions).toBe(2)
    expect(await problem(bump.user(user))).toMatchObject({ code: 'not-found', status: 404 })
    const admin = clientOf(await api.key('admin'))
    expect((await admin.request('GET /v1/audit', { query: { limit: 1 } })).data).toHaveLength(1)
    await bump.addInteractions([{ user: 'two', text: 'x' }])
    expect((await admin.link('two', { ttl: 60 })).url).toContain('/me/enter/')
  })

  it('asks for a profile again by its ETag, and never gives what is gone', async () => {
    const [write, read] = [clientOf(await api.key('write')), clientOf(await api.key('read'))]
    await write.addInteractions([{ user: 'cached', text: 'x' }])
    const first = await read.profile('cached')
    calls = []
    expect(await read.profile('cached')).toEqual(first)
    expect(calls).toMatchObject([{ status: 304 }])
    await write.correct('cached', { kind: 'state', text: 'I keep bees.' })
    expect((await read.profile('cached')).statements).toEqual(['I keep bees.'])
    expect(await read.profileBlock('cached')).toBe(await read.profileBlock('cached'))
    await write.deleteUser('cached')
    expect(await problem(read.profile('cached'))).toMatchObject({ code: 'not-found' })
    expect(await problem(read.profileBlock('cached'))).toMatchObject({ code: 'not-found' })
  })

  it('reaches nothing else by an id', async () => {
    const bump = clientOf(await api.key('read'))
    calls = []
    for (const id of ['', '.', '..']) expect(await problem(bump.user(id))).toMatchObject({ code: 'invalid-request' })
    expect(calls).toEqual([])
    expect(await problem(bump.user('../keys?x#y'))).toMatchObject({ code: 'not-found' })
    expect(calls[0].path).toBe('/v1/users/..%2Fkeys%3Fx%23y')
    expect(() => new BumpClient({ url: 'bump.firm', key: '' })).toThrow(/no http/)
  })
})

describe('a call that fails', () => {
  const answers = (...list: (() => Response | Promise<Response>)[]) => {
    let asked = 0
    const fetch = async (_: string, { signal }: RequestInit) => {
      signal?.throwIfAborted()
      return await list[Math.min(asked++, list.length - 1)]()
    }
    return { asked: () => asked, bump: clientOf('k', { fetch, timeoutMs: 50 }) }
  }
  const busy = () =>
    new Response('{"code":"rate-limited","detail":"wait"}', { status: 429, headers: { 'retry-after': '0' } })
  const gone = () => new Response('<h1>Bad gateway</h1>', { status: 502 })
  const reset = () => Promise.reject(new TypeError('fetch failed'))
  const good = () => Response.json({ data: [], nextCursor: null })

  it('is made again where that changes nothing', async () => {
    const read = answers(gone, reset, good)
    expect((await read.bump.users()).data).toEqual([])
    const limited = answers(busy, good)
    await limited.bump.refresh('u')
    expect([read.asked(), limited.asked()]).toEqual([3, 2])
  })

  it('is not made again where it may have been done, or has no sense', async () => {
    const unsure = answers(reset)
    expect(await problem(unsure.bump.refresh('u'))).toMatchObject({ code: 'unreachable', status: 0 })
    const never = answers(() => new Response('{"code":"not-found","detail":"x"}', { status: 404 }))
    expect(await problem(never.bump.users())).toMatchObject({ code: 'not-found', message: 'x' })
    const late = answers(() => new Response('', { status: 429, headers: { 'retry-after': '600' } }))
    expect(await problem(late.bump.users())).toMatchObject({ retryAfter: 600 })
    expect([unsure.asked(), never.asked(), late.asked()]).toEqual([1, 1, 1])
  })

  it('says what it was', async () => {
    const page = answers(() => new Response('<html>', { headers: { 'content-type': 'application/json' } }))
    expect(await problem(page.bump.refresh('u'))).toMatchObject({ code: 'unexpected-answer' })
    const moved = answers(() => new Response('', { status: 302, headers: { location: 'http://evil.test' } }))
    expect(await problem(moved.bump.users())).toMatchObject({ code: 'unexpected-answer', status: 302 })
    const silent = clientOf('k', {
      timeoutMs: 20,
      fetch: (_, { signal }) =>
        new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason))),
    })
    expect(await problem(silent.refresh('u'))).toMatchObject({ code: 'timed-out' })
    const leaving = new AbortController()
    leaving.abort(new Error('I leave'))
    await expect(answers(good).bump.users({ signal: leaving.signal })).rejects.toThrow('I leave')
  })
})
