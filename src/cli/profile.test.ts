import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it, vi } from 'vitest'
import { profilesOf, readProfileFile } from '../evaluate/profiles/profile-file.ts'
import { loadUsers } from '../logs/load.ts'
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
  vi.restoreAllMocks()
}, 60_000)
