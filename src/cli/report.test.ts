// `bump report` as a user calls it.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { writeEvaluation, writeRun } from '../report/testing/run-folders.ts'
import { main } from './main.ts'

let root: string
let said: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'bump-report-'))
  said = ''
  for (const stream of [process.stdout, process.stderr])
    vi.spyOn(stream, 'write').mockImplementation((text) => {
      said += text
      return true
    })
})
afterEach(() => {
  vi.restoreAllMocks()
  rmSync(root, { recursive: true, force: true })
})

it('writes the report of a run beside it, and says where and what is missing', async () => {
  const run = writeRun(join(root, 'tea'), { finished: false })
  expect(await main(['report', run])).toBe(0)
  expect(readFileSync(join(run, 'report.html'), 'utf8')).toContain('<h1>tea</h1>')
  expect(said).toMatch(/note: tea: There is no summary\.json/)
  expect(said).toContain(join(run, 'report.html'))
})

it('takes several runs and evaluations, and a file to write to', async () => {
  const runs = ['a', 'b'].map((name) => writeRun(join(root, name)))
  const evaluation = writeEvaluation(join(root, 'result.json'))
  const out = join(root, 'new', 'both.html')
  expect(await main(['report', ...runs, '--evaluations', evaluation, '--out', out])).toBe(0)
  expect(readFileSync(out, 'utf8')).toContain('<h1>a, b</h1>')
  expect(existsSync(join(runs[0], 'report.html'))).toBe(false)
})

it('takes a folder to write to, there or not', async () => {
  const run = writeRun(join(root, 'tea'))
  for (const out of [`${join(root, 'new')}/`, root]) {
    expect(await main(['report', run, '--out', out])).toBe(0)
    expect(existsSync(join(out, 'report.html'))).toBe(true)
  }
})

it('refuses what is no run', async () => {
  expect(await main(['report', root])).toBe(1)
  expect(said).toContain(`${root} is no run folder`)
  expect(await main(['report'])).toBe(2)
})
