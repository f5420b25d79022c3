// `bump serve calibrate` as it is called, on the bundled log: floors measured, printed, and put into the settings.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, it } from 'vitest'
import { main } from './main.ts'
import { capturedOutput } from './testing/captured.ts'

const captured = capturedOutput()
const path = (from: string) => fileURLToPath(new URL(`../../${from}`, import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'bump-calibrate-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

it('puts measured floors into the settings, and leaves these alone where few users measured them', async () => {
  const [db, log] = [join(folder, 'bump.sqlite'), join(folder, 'log.jsonl')]
  const lines = readFileSync(path('assets/example/log.jsonl'), 'utf8').split('\n')
  writeFileSync(log, lines.filter((line) => /"person-0[0-4]/.test(line)).join('\n'))
  const bump = async (code: number, ...argv: string[]) => {
    captured.start()
    expect(await main(['serve', ...argv, '--db', db]), captured.stderr).toBe(code)
    return captured.stdout
  }
  const gate = async () => JSON.parse(await bump(0, 'settings')).gate
  await bump(0, 'import', '--logs', log)
  const before = await gate()
  const models = ['--model', path('assets/nano'), '--encoder', path('src/engine/golden/encoder-mean')]
  const calibrate = ['calibrate', ...models, '--threads', '1', '--max-tokens', '8', '--history-tokens', '40', '--apply']
  await bump(1, ...calibrate, '--users', '12')
  expect(captured.stderr).toMatch(/--apply: 12 users can be measured, and a floor takes 30; the settings stay/)
  expect(await gate()).toEqual(before)

  const table = await bump(0, ...calibrate, '--users', '32')
  const [, floor] = /^gate\.floor: ([\d.]+) \[[\d.]+, [\d.]+\], \d+ users$/m.exec(table)!
  expect(table).toMatch(/another user's +[\d.]+ % \[/)
  expect(await gate()).toMatchObject({ floor: Number(floor), release: true })
})
