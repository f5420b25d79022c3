// `bump serve` as it is called: keys made, a log imported, the server on a socket, and its end; profiles imported, and
// floors of the gate measured.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openStore } from '../store/open.ts'
import { readProfile } from '../store/profiles.ts'
import { main } from './main.ts'
import { capturedOutput } from './testing/captured.ts'

const captured = capturedOutput()
let folder: string
let db: string
let log: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bump-serve-'))
  db = join(folder, 'bump.sqlite')
  log = join(folder, 'log.csv')
  const rows = ['u1', 'u2', 'u3'].flatMap((user) => [1, 2, 3].map((n) => `${user},${user} wrote ${n}`))
  writeFileSync(log, ['user,text', ...rows].join('\n'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** What a command printed. */
async function bump(...argv: string[]): Promise<string> {
  captured.start()
  expect(await main(argv)).toBe(0)
  return captured.stdout
}

describe('bump serve', () => {
  it('serves what was imported to who holds a key, until it is told to end', async () => {
    const key = (await bump('serve', 'keys', 'create', '--db', db, '--role', 'write')).trim()
    const revoked = (
      await bump('serve', 'keys', 'create', '--db', db, '--role', 'read', '--user', 'u', '--days', '3')
    ).trim()
    await bump('serve', 'keys', 'revoke', '--db', db, revoked.split('_')[1])
    const list = await bump('serve', 'keys', 'list', '--db', db)
    expect(list).toMatch(/ {2}write {2}made .*, expires never, used never\n.* {2}read of u {2}made .*, revoked /)
    expect(list).not.toContain(key)
    const imported = await bump('serve', 'import', '--db', db, '--logs', log)
    expect(imported).toMatch(/^9 interactions stored, 0 there before\n$/)
    expect(await bump('serve', 'import', '--db', db, '--logs', log)).toMatch(/^0 interactions stored, /)

    captured.start()
    const ended = main(['serve', '--db', db, '--port', '0'])
    await expect.poll(() => captured.stdout, { timeout: 30_000 }).toMatch(/^http:/)
    const address = captured.stdout.trim()
    const ask = (path: string, bearer: string) =>
      fetch(`${address}${path}`, { headers: { authorization: `Bearer ${bearer}` } })
    const { data } = (await (await ask('/v1/users?limit=2', key)).json()) as { data: { interactions: number }[] }
    expect(data[0].interactions).toBeGreaterThan(1)
    expect((await ask('/v1/users', revoked)).status).toBe(401)
    expect((await fetch(`${address}/readyz`)).status).toBe(200)
    process.emit('SIGTERM')
    expect(await ended).toBe(0)
    await expect(fetch(`${address}/healthz`)).rejects.toThrow()
  })

  it('imports profiles of users who are there, and of a damaged file none', async () => {
    const file = join(folder, 'profiles.jsonl')
    const line = (user: string, profile: string) => JSON.stringify({ user, profile, generator: 'g1', tokens: 3 })
    const texts = [line('u2', 'Writes. Mail u2@example.org.'), line('stranger', 'Sails.'), line('u3', '')]
    const into = ['serve', 'import', '--db', join(folder, 'profiles.sqlite')]
    writeFileSync(file, [texts[0], '{"user":"u1"}'].join('\n'))
    captured.start()
    expect(await main([...into, '--logs', log, '--profiles', file])).toBe(1)
    expect(captured.stderr).toMatch(/profiles\.jsonl:2 is no line of bump profile/)
    writeFileSync(file, texts.join('\n'))
    expect(await bump(...into, '--profiles', file)).toBe('1 profiles published, 0 users had one\n')
    expect(captured.stderr).toMatch(
      /not published: 1, as the users have no interactions here[\s\S]*not published: 1, as no/,
    )
    expect(await bump(...into, '--profiles', file)).toBe('0 profiles published, 1 users had one\n')
    const store = await openStore(into[3])
    const profile = await readProfile(store, { project: 'default', user: 'u2', actor: 'test' })
    expect(profile).toMatchObject({ version: 1, text: 'Writes. Mail [email].', newInteractions: 0 })
    await store.close()
  })

  it('calibrate puts measured floors into the settings, and leaves these alone where few users can measure them', async () => {
    const path = (from: string) => fileURLToPath(new URL(`../../${from}`, import.meta.url))
    const many = join(folder, 'many.jsonl')
    const lines = readFileSync(path('assets/example/log.jsonl'), 'utf8').split('\n')
    writeFileSync(many, lines.filter((line) => /"person-0[0-4]/.test(line)).join('\n'))
    const at = ['--db', join(folder, 'calibrated.sqlite')]
    const gate = async () => JSON.parse(await bump('serve', 'settings', ...at)).gate
    await bump('serve', 'import', ...at, '--logs', many)
    const before = await gate()
    const models = ['--model', path('assets/nano'), '--encoder', path('src/engine/golden/encoder-mean')]
    const short = ['--threads', '1', '--max-tokens', '8', '--history-tokens', '40']
    const calibrate = ['serve', 'calibrate', ...at, ...models, ...short, '--apply', '--users']
    captured.start()
    expect(await main([...calibrate, '12'])).toBe(1)
    expect(captured.stderr).toMatch(/--apply: 12 users can be measured, and a floor takes 30; the settings stay/)
    expect(await gate()).toEqual(before)

    const table = await bump(...calibrate, '32')
    const [, floor] = /^gate\.floor: ([\d.]+) \[[\d.]+, [\d.]+\], \d+ users$/m.exec(table)!
    expect(table).toMatch(/another user's +[\d.]+ % \[/)
    expect(await gate()).toMatchObject({ floor: Number(floor), release: true })
  })

  it.each<[string[], RegExp]>([
    [['serve'], /--db is required/],
    [
      ['serve', '--db', 'DB', '--no-auth', '--host', '0.0.0.0'],
      /host: without keys the server is for this machine alone/,
    ],
    [['serve', '--db', 'DB', '--upstream', 'api.openai.com'], /upstream\.baseUrl: "api\.openai\.com" is no http/],
    [['serve', '--db', 'DB', '--upstream-context', '8192'], /--upstream-context belongs to --upstream/],
    [['serve', 'keys', 'create', '--db', 'DB', '--role', 'boss'], /Allowed choices are ingest/],
    [['serve', 'keys', 'create', '--db', 'DB', '--role', 'admin', '--user', 'u'], /cannot be bound to a user/],
    [['serve', 'import', '--db', 'DB'], /--logs is required/],
  ])('%j is refused', async (argv, message) => {
    captured.start()
    expect(await main(argv.map((arg) => (arg === 'DB' ? db : arg)))).toBe(2)
    expect(captured.stderr).toMatch(message)
  })
})
