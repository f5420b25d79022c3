// The pages as a browser without a script has them: who gets in, what stands there, and what their forms do.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { addInteractions } from '../../store/interactions.ts'
import { readProfile, writeProfileByHand } from '../../store/profiles.ts'
import type { OpenServing, Serving } from './serving.ts'

const HOSTILE = `<script>alert("1")</script>' onload="x`

const SAME = { 'sec-fetch-site': 'same-origin', 'content-type': 'application/x-www-form-urlencoded' }
const cookieOf = (headers: Headers): string => headers.getSetCookie()[0].split(';')[0]

/** The pages, wherever `open` has their store. */
export function testPages(open: OpenServing): void {
  let s: Serving
  let admin: string
  beforeAll(async () => {
    s = await open()
    admin = await s.key('admin')
    const texts = ['pruned the roses', 'sowed beans by the trellis', HOSTILE]
    await addInteractions(
      s.store,
      { project: 'a', actor: 'test' },
      ['u/1', HOSTILE, 'gone'].flatMap((user) => texts.map((text, i) => ({ user, id: `i${i}`, time: i, text }))),
    )
    const scope = { project: 'a', user: 'u/1', actor: 'test' }
    const { revision } = await readProfile(s.store, scope)
    await writeProfileByHand(s.store, scope, { text: `Pruned roses. Loves ${HOSTILE}. Likes beans.`, revision })
  })
  afterAll(() => s.close())

  /** A browser that entered: pages by path, and forms. */
  function browser(cookie: string) {
    return {
      read: (path: string) => s.call(undefined, 'GET', path, undefined, { cookie }),
      send: (path: string, fields: Record<string, string> | [string, string][]) =>
        s.call(undefined, 'POST', path, new URLSearchParams(fields).toString(), { cookie, ...SAME }),
    }
  }

  async function operator(key = admin) {
    const { status, headers } = await s.call(undefined, 'POST', '/ui/enter', `key=${key}`, SAME)
    expect([status, headers.get('location')]).toEqual([303, '/ui'])
    return browser(cookieOf(headers))
  }

  async function person(user: string) {
    const { json } = await s.call(admin, 'POST', `/v1/users/${encodeURIComponent(user)}/links`, { ttl: 60 })
    const { pathname } = new URL(json.url)
    const looked = await s.call(undefined, 'GET', pathname)
    expect(looked.headers.getSetCookie()).toEqual([])
    const { status, headers } = await s.call(undefined, 'POST', pathname, '', SAME)
    expect([status, headers.get('location')]).toEqual([303, '/me'])
    expect(headers.getSetCookie()[0]).toMatch(/Max-Age=(59|60); Path=\/me; HttpOnly; SameSite=Strict/)
    return browser(cookieOf(headers))
  }

  describe('pages of the operator', () => {
    it('are read by a key of the whole project only', async () => {
      const none = await s.call(undefined, 'GET', '/ui')
      expect([none.status, none.headers.get('location')]).toEqual([303, '/ui/enter'])
      for (const key of ['bump_x_y', await s.key('ingest'), await s.key('read', { user: 'u/1' })]) {
        const { status, headers, text } = await s.call(undefined, 'POST', '/ui/enter', `key=${key}`, SAME)
        expect([status, headers.getSetCookie()]).toEqual([401, []])
        expect(text).toContain('This key opens no pages')
      }
      const other = await operator(await s.key('read', { project: 'b' }))
      expect((await other.read('/ui/users/u%2F1')).status).toBe(404)
      expect((await other.send('/ui/users/u%2F1/refresh', {})).status).toBe(403)
      expect((await other.read('/ui/keys')).status).toBe(403)
    })

    it('hold ids and texts of any kind as texts, load nothing foreign, and answer to no other site', async () => {
      const { read, send } = await operator()
      await send(`/ui/users/${encodeURIComponent(HOSTILE)}/refresh`, {})
      for (const path of [
        '/ui',
        '/ui/queue',
        '/ui/users/u%2F1',
        '/ui/users/u%2F1/interactions',
        '/ui/users/u%2F1/sentences/2',
      ].concat(`/ui/users/${encodeURIComponent(HOSTILE)}`)) {
        const { status, text, headers } = await read(path)
        expect([path, status]).toEqual([path, 200])
        expect(text).toContain('&lt;script&gt;')
        expect(text).not.toMatch(/<script|"x"|onload="/)
        expect(headers.get('content-security-policy')).toMatch(/default-src 'none'.*form-action 'self'/)
      }
      const cookie = cookieOf((await s.call(undefined, 'POST', '/ui/enter', `key=${admin}`, SAME)).headers)
      const foreign = { cookie, 'content-type': SAME['content-type'], origin: 'https://evil.example' }
      expect((await s.call(undefined, 'POST', '/ui/users/u%2F1/delete', 'sure=yes', foreign)).status).toBe(403)
    })

    it('make a key, show it once, and revoke it', async () => {
      const { read, send } = await operator()
      const { text } = await send('/ui/keys', { role: 'read', user: '', days: '1' })
      const key = /<code>(bump_\w+)<\/code>/.exec(text)![1]
      expect((await s.call(key, 'GET', '/v1/users')).status).toBe(200)
      expect((await read('/ui/keys')).text).not.toContain(key)
      await send('/ui/keys/revoke', { id: key.split('_')[1] })
      expect((await s.call(key, 'GET', '/v1/users')).status).toBe(401)
    })
  })

  describe('pages of a person', () => {
    it('show the profile by sentence with the interactions that have its words', async () => {
      const { read } = await person('u/1')
      const { text } = await read('/me')
      expect(text).toContain('<li>Pruned roses. <a href="/me/sentences/1"')
      expect(text).not.toMatch(/\/ui(?!\/style)/)
      expect((await read('/me/sentences/1')).text).toContain('It was written by hand.')
      expect((await read('/me/sentences/9')).status).toBe(404)
      expect((await read('/ui/users/u%2F1')).headers.get('location')).toBe('/ui/enter')
    })

    it('correct, leave out, erase after a question, and take everything along', async () => {
      const { read, send } = await person('u/1')
      await send('/me/corrections', { kind: 'state', text: 'I am a vegetarian.' })
      await send('/me/corrections', { kind: 'deny', text: 'likes beans' })
      const corrected = (await read('/me')).text
      expect(corrected).toContain('<li>I am a vegetarian.</li>')
      expect(corrected).not.toContain('<li>Likes beans.')
      await send('/me/interactions', [
        ['id', 'i1'],
        ['do', 'exclude'],
      ])
      expect((await read('/me/interactions')).text).toMatch(/sowed beans[\s\S]*?left out/)
      expect((await send('/me/interactions', { id: 'i0', do: 'erase' })).text).toContain('will be gone for good')
      expect((await read('/me/interactions')).text).toContain('pruned the roses')
      expect((await send('/me/interactions', { id: 'i0', do: 'erase', sure: 'yes' })).text).toContain('are gone')
      expect((await read('/me/interactions')).text).not.toContain('pruned the roses')
      const { json, headers } = await read('/me/export')
      expect(headers.get('content-disposition')).toMatch(/^attachment/)
      expect(json.interactions.map(({ id }: { id: string }) => id)).toEqual(['i1', 'i2'])
    })

    it('erase everything, and with it the link', async () => {
      const { read, send } = await person('gone')
      expect((await send('/me/delete', {})).text).toContain('will be gone for good')
      expect((await send('/me/delete', { sure: 'yes' })).text).toContain('3 interactions')
      const { status, text } = await read('/me')
      expect([status, text]).toEqual([401, expect.stringContaining('This link has ended')])
      expect((await s.call(admin, 'GET', '/v1/users/gone')).status).toBe(404)
    })
  })
}
