// `bump mcp` as an assistant starts it: a program that speaks on stdin and stdout, over a store and over a server.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Client } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import pino from 'pino'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { type RunningServer, startServer } from '../serve/server.ts'
import { addInteractions } from '../store/interactions.ts'
import { createKey } from '../store/keys.ts'
import { openStore, type Store } from '../store/open.ts'
import { readProfile, writeProfileByHand } from '../store/profiles.ts'
import { createProject } from '../store/projects.ts'
import { mcpCommand } from './mcp.ts'

const BUMP = fileURLToPath(new URL('../../bin/bump.mjs', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'bump-mcp-'))
const db = join(folder, 'bump.sqlite')
const project = { project: 'default', actor: 'test' }
let store: Store
let server: RunningServer

beforeAll(async () => {
  store = await openStore(db)
  await createProject(store, { id: 'default' })
  for (const user of ['alice', 'bob']) {
    await addInteractions(store, project, [{ user, text: `${user} likes roses` }])
    await writeProfileByHand(store, { ...project, user }, { text: `${user} grows roses.` })
  }
  server = await startServer({ store, log: pino({ level: 'silent' }), port: 0 })
})
afterAll(async () => {
  await server.stop()
  await store.close()
  rmSync(folder, { recursive: true, force: true })
})

/** A client of `bump mcp --user alice`, and what a call of it says: an error, or what is in the answer. */
async function started(args: string[], env = {}) {
  const client = new Client({ name: 'test', version: '1.0.0' })
  const command = { command: process.execPath, args: [BUMP, 'mcp', '--user', 'alice', ...args], env }
  await client.connect(new StdioClientTransport({ ...command, stderr: 'ignore' }))
  const call = async (name: string, args: Record<string, unknown> = {}) => {
    const { isError, content, structuredContent } = await client.callTool({ name, arguments: args })
    return isError ? JSON.stringify(content) : structuredContent
  }
  return { client, call, names: (await client.listTools()).tools.map(({ name }) => name) }
}

it('serves the profile of one user over a database, which it may change', async () => {
  const { client, call, names } = await started(['--db', db, '--record'])
  expect(names).toEqual(expect.arrayContaining(['correct_profile', 'forget', 'record_interaction']))
  expect(names).not.toContain('list_users')
  expect(await call('get_profile')).toMatchObject({ text: 'alice grows roses.' })
  expect(await call('get_profile', { user: 'bob' })).not.toContain('bob')
  await call('correct_profile', { correction: { kind: 'state', text: 'I live in Bath.' } })
  await client.close()
  expect(await readProfile(store, { ...project, user: 'alice' })).toMatchObject({ statements: ['I live in Bath.'] })
})

it('serves it over a server, with what the key may do', async () => {
  const { key } = await createKey(store, project, { role: 'read' })
  const { client, call } = await started(['--server', server.address], { BUMP_KEY: key })
  expect(await call('get_profile')).toMatchObject({ text: 'alice grows roses.' })
  expect(await call('forget', { match: 'roses', dryRun: false })).toContain('forbidden')
  await client.close()
})

it.each<[string[], RegExp]>([
  [[], /--db or --server/],
  [['--db', 'x', '--server', 'http://x'], /--db or --server/],
  [['--server', 'http://x'], /no key in BUMP_KEY/],
  [['--server', 'bump.firm'], /"bump\.firm" is no http/],
])('%j is refused', async (argv, message) => {
  vi.stubEnv('BUMP_KEY', argv.includes('bump.firm') ? 'key' : '')
  await expect(mcpCommand().parseAsync(argv, { from: 'user' })).rejects.toThrow(message)
  vi.unstubAllEnvs()
})
