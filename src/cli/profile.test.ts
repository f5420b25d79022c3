import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, vi } from 'vitest'
import { profilesOf, readProfileFile } from '../evaluate/profiles/profile-file.ts'
import { logsOfRun } from '../generator/run-settings.ts'
import { loadUsers } from '../logs/load.ts'
import { trainConfigSchema } from '../train/config.ts'
import { main } from './main.ts'

const asset = (path: string) => fileURLToPath(new URL(`../../assets/${path}`, import.meta.url))

it('bump profile --held-out writes from the histories that an evaluation shows, and without it from whole logs', async () => {
  vi.spyOn(process.stdout, 'write').mockReturnValue(true)
  vi.spyOn(process.stderr, 'write').mockReturnValue(true)
  const folder = mkdtempSync(join(tmpdir(), 'bump-profile-'))
  const log = asset('example/log.jsonl')
  const write = (name: string, more: string[]) => {
    const budget = ['--max-tokens', '4', '--history-tokens', '32', '--threads', '1']
    return main(['profile', '--model', asset('nano'), '--logs', log, '--out', join(folder, name), ...budget, ...more])
  }
  expect(await write('held.jsonl', ['--held-out', '1'])).toBe(0)
  expect(await write('whole.jsonl', [])).toBe(0)
  const options = { heldOut: 1, minInteractions: 4, validation: 0, test: 0, seed: 0 }
  const { train: users } = (await loadUsers({ paths: [log] }, options)).split
  const others = (name: string) => {
    const file = join(folder, name)
    expect(readFileSync(file, 'utf8').split('\n').length).toBe(users.length + 1)
    return profilesOf(readProfileFile(file), file, users).otherHistory
  }
  expect(others('held.jsonl')).toBe(0)
  expect(others('whole.jsonl')).toBe(users.length)
  expect(await write('parts/', ['--held-out', '1'])).toBe(0)
  const parts = readProfileFile(join(folder, 'parts'))
  expect([...parts.keys()]).toEqual(users.map(({ id }) => id).sort())
  expect(profilesOf(parts, 'parts', users).otherHistory).toBe(0)
  vi.restoreAllMocks()
}, 60_000)

describe('bump profile --run', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bump-profile-run-'))

  function runWith(name: string, logs: object): string {
    const run = join(folder, name)
    const prompt = { system: 's', instruction: 'i' }
    const config = trainConfigSchema.parse({
      name,
      model: 'm',
      quantize: 'none',
      prompt,
      logs: { paths: ['old.csv'], ...logs },
    })
    mkdirSync(run, { recursive: true })
    const header = { config, package: { name: 'bump', version: '0' }, model: { digest: 'd' }, data: {} }
    writeFileSync(join(run, 'config.json'), JSON.stringify(header))
    return run
  }

  it('reads other logs by the columns of the run, unless flags name others', () => {
    const run = runWith('columns', { format: 'csv', user: 'who', time: 'at', text: 'title' })
    const columns = { user: 'who', time: 'at', text: 'title' }
    expect(logsOfRun(run)).toEqual({ paths: ['old.csv'], format: 'csv', ...columns })
    expect(logsOfRun(run, { own: { paths: ['new.jsonl'] } })).toEqual({ paths: ['new.jsonl'], ...columns })
    const joined = runWith('joined', { with: { a: 'a.csv', b: 'b.csv' } })
    const tables = { trust: true, own: { paths: ['new.jsonl'], with: { b: 'new.csv' } } }
    expect(logsOfRun(joined, tables)).toEqual({ paths: ['new.jsonl'], with: { a: 'a.csv', b: 'new.csv' } })
    const own = { paths: ['new.jsonl'], format: 'jsonl', user: undefined, time: undefined, text: 'body' }
    expect(logsOfRun(run, { own })).toEqual({ paths: ['new.jsonl'], format: 'jsonl', ...columns, text: 'body' })
  })

  it('runs no SQL expression of a run from elsewhere, but with --trust or where flags name the columns', async () => {
    vi.stubEnv('BUMP_CACHE', join(folder, 'cache'))
    const error = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
    const run = runWith('theirs', { user: 'who', text: "title || 'x'" })
    expect(await main(['profile', '--run', run, '--out', join(folder, 'out.jsonl')])).toBe(2)
    expect(String(error.mock.calls.at(-1)?.[0])).toMatch(/names SQL expressions[\s\S]*\n {2}text: title \|\| 'x'\n/)
    expect(() => logsOfRun(run, { own: { paths: ['new.csv'] } })).toThrow('names SQL expressions')
    expect(() => logsOfRun(run, { own: { user: 'a', text: 'b' } })).not.toThrow()
    const asked = runWith('asked', { query: 'select 1' })
    expect(() => logsOfRun(asked)).toThrow(/\n {2}query: select 1 \(of old\.csv\)\n/)
    expect(() => logsOfRun(asked, { own: { query: 'select 2' } })).toThrow(/\n {2}query: select 2 \(of old\.csv\)\n/)
    expect(logsOfRun(asked, { own: { paths: ['mine.csv'] } })).toEqual({ paths: ['mine.csv'] })
    expect(logsOfRun(asked, { trust: true, own: { query: 'select 2' } }).query).toBe('select 2')
    expect(() => logsOfRun(runWith('tables', { with: { items: '/etc/passwd' } }))).toThrow(
      /\n {2}with.items: \/etc\/passwd\n/,
    )
    expect(logsOfRun(run, { trust: true }).text).toBe("title || 'x'")
    vi.restoreAllMocks()
    vi.unstubAllEnvs()
  })
})
