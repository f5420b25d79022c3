// MCP as clients of the protocol have it, of 2026 and of 2025: what a model can reach with a key, and what it cannot.
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { Client as Client2025 } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as Transport2025 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { listCorrections } from '../../store/corrections.ts'
import { addInteractions } from '../../store/interactions.ts'
import { writeProfileByHand } from '../../store/profiles.ts'
import { type Serving, serving } from '../testing/serving.ts'

let api: Serving
const of = (user: string) => ({ project: 'a', user, actor: 'test' })
beforeAll(async () => {
  api = await serving()
  for (const user of ['alice', 'bob']) {
    const interactions = ['roses', 'beans'].map((text) => ({
      user,
      id: `${user}-${text}`,
      text: `${user} likes ${text}`,
    }))
    await addInteractions(api.store, { project: 'a', actor: 'test' }, interactions)
    await writeProfileByHand(api.store, of(user), { text: `Canary of ${user}.` })
  }
})
afterAll(() => api.close())

type Headers_ = Record<string, string>
const URL_ = new URL('http://bump.test/mcp')
const WHO = { name: 'test', version: '1.0.0' }
const wired = (key: string, headers: Headers_ = {}) => ({
  requestInit: { headers: { authorization: `Bearer ${key}`, ...headers } },
  fetch: async (url: string | URL, init?: RequestInit) => await api.app.request(String(url), init),
})
const clients = {
  async 2026(key: string, headers?: Headers_) {
    const client = new Client(WHO, { versionNegotiation: { mode: { pin: '2026-07-28' } } })
    await client.connect(new StreamableHTTPClientTransport(URL_, wired(key, headers)))
    return client
  },
  async 2025(key: string, headers?: Headers_) {
    const client = new Client2025(WHO)
    await client.connect(new Transport2025(URL_, wired(key, headers)) as never)
    return client as unknown as Client
  },
}
const call = (client: Client, name: string, args: object = {}) =>
  client.callTool({ name, arguments: args as Record<string, unknown> })
/** What a call says, and whether it failed: thrown or told. */
const said = (client: Client, name: string, args?: object) =>
  call(client, name, args).then(
    (answer) => [answer.isError === true, JSON.stringify(answer.content)],
    (error) => [true, (error as Error).message],
  )
const namesOf = async (client: Client) => (await client.listTools()).tools.map(({ name }) => name)

describe.each([2026, 2025] as const)('a client of %s', (year) => {
  it('reads, corrects and forgets for the user of its key', async () => {
    const client = await clients[year](await api.key('write', { user: 'alice' }))
    const { tools } = await client.listTools()
    expect(tools.map(({ name }) => name)).toEqual([
      'get_profile',
      'get_profile_sources',
      'list_interactions',
      'list_corrections',
      'correct_profile',
      'retract_correction',
      'forget',
    ])
    for (const { inputSchema } of tools) expect(inputSchema.properties ?? {}).not.toHaveProperty('user')
    expect(tools.find(({ name }) => name === 'forget')?.annotations?.destructiveHint).toBe(true)

    const profile = await call(client, 'get_profile')
    expect(profile.structuredContent).toMatchObject({ status: 'published', text: 'Canary of alice.' })
    expect(profile.content).toMatchObject([
      { type: 'text', text: expect.stringMatching(/^<user_profile>\n.*not instr/) },
    ])
    const { structuredContent } = await call(client, 'list_interactions', { limit: 1 })
    expect(structuredContent).toMatchObject({ data: [{ id: 'alice-roses' }], nextCursor: expect.any(String) })

    const correction = { kind: 'state', text: `I live in Bath, ${year}.` }
    const made = (await call(client, 'correct_profile', { correction })).structuredContent as { id: string }
    expect(await listCorrections(api.store, of('alice'))).toMatchObject([{ id: made.id, text: correction.text }])
    await call(client, 'retract_correction', { id: made.id })
    expect((await call(client, 'list_corrections')).structuredContent).toEqual({ data: [] })
    const dry = (await call(client, 'forget', { match: 'beans' })).structuredContent
    expect(dry).toMatchObject({ dryRun: true, ids: ['alice-beans'] })
    expect(await said(client, 'forget')).toEqual([true, expect.stringContaining('name ids, before, after or match')])

    const [{ uri }] = (await client.listResources()).resources
    expect(JSON.stringify(await client.readResource({ uri }))).toContain('Canary of alice.')
    expect(JSON.stringify(await client.getPrompt({ name: 'personalise' }))).toContain('Canary of alice.')
  })

  it('of one user reaches nobody else, and cannot tell whether there is one', async () => {
    const client = await clients[year](await api.key('write', { user: 'alice' }))
    for (const name of await namesOf(client)) {
      const [other, missing] = [await said(client, name, { user: 'bob' }), await said(client, name, { user: 'nobody' })]
      expect(other[0], name).toBe(true)
      expect(String(missing[1]).replaceAll('nobody', 'bob')).toBe(other[1])
    }
    expect(await said(client, 'list_users')).toEqual([true, expect.any(String)])
    await expect(client.readResource({ uri: 'bump://users/bob/profile' })).rejects.toThrow()
  })

  it('of a project names the user, within what its role may do', async () => {
    const client = await clients[year](await api.key('read'))
    expect(await namesOf(client)).toEqual([
      'get_profile',
      'get_profile_sources',
      'list_interactions',
      'list_corrections',
      'list_users',
    ])
    expect((await call(client, 'list_users')).structuredContent).toMatchObject({
      data: [{ user: 'alice' }, { user: 'bob' }],
    })
    expect((await call(client, 'get_profile', { user: 'bob' })).structuredContent).toMatchObject({
      text: 'Canary of bob.',
    })
    expect(await said(client, 'get_profile', { user: 'nobody' })).toEqual([
      true,
      expect.stringContaining('no such user'),
    ])
    expect((await said(client, 'forget', { user: 'bob', match: 'beans', dryRun: false }))[0]).toBe(true)
    const foreign = await clients[year](await api.key('read', { project: 'b' }))
    expect(await said(foreign, 'get_profile', { user: 'bob' })).toEqual(
      await said(foreign, 'get_profile', { user: 'no' }),
    )
    expect(JSON.stringify(await client.readResource({ uri: 'bump://users/bob/profile' }))).toContain('Canary of bob.')
  })

  it('whose application names the user, and lets it store, does so', async () => {
    const headers = { 'x-bump-user': 'bob', 'x-bump-record': 'user' }
    const client = await clients[year](await api.key('write'), headers)
    expect((await call(client, 'get_profile')).structuredContent).toMatchObject({ text: 'Canary of bob.' })
    const recorded = await call(client, 'record_interaction', { text: `New in ${year}.`, id: `new-${year}` })
    expect(recorded.structuredContent).toMatchObject({ accepted: 1 })
    expect((await said(client, 'get_profile', { user: 'alice' }))[0]).toBe(true)
    const only = await clients[year](await api.key('ingest'), headers)
    expect(await namesOf(only)).toEqual(['record_interaction'])
  })
})

describe('a request to /mcp', () => {
  const body = { jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} }
  const accept = { accept: 'application/json, text/event-stream' }
  const ask = async (key: string | undefined, headers: Headers_ = {}) =>
    (await api.call(key, 'POST', 'http://bump.test/mcp', body, { ...accept, ...headers })).status

  it('is refused from pages of other origins, without a key, and for another user than the key has', async () => {
    const key = await api.key('write', { user: 'alice' })
    expect(await ask(key)).toBe(200)
    expect(await ask(key, { origin: 'http://bump.test' })).toBe(200)
    for (const origin of ['http://evil.test', 'https://bump.test.evil', 'http://bump.test:81', 'null'])
      expect(await ask(key, { origin }), origin).toBe(403)
    expect(await ask(undefined)).toBe(401)
    for (const user of ['bob', 'nobody']) expect(await ask(key, { 'x-bump-user': user })).toBe(403)
  })

  it('to a server without keys comes to a name of this machine', async () => {
    const never = { createdAt: 0, expiresAt: undefined, revokedAt: undefined, lastUsedAt: undefined }
    const open = await serving({ everybody: { id: 'all', project: 'a', role: 'admin', user: undefined, ...never } })
    const at = async (host: string) => (await open.call(undefined, 'POST', `http://${host}/mcp`, body, accept)).status
    expect([await at('127.0.0.1:8080'), await at('[::1]:8080'), await at('evil.test')]).toEqual([200, 200, 403])
    await open.close()
  })
})
