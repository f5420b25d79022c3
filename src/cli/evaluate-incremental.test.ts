// `bump evaluate incremental` end to end, on the bundled model and log.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { evaluateIncremental, type IncrementalOptions } from '../evaluate/incremental/evaluate.ts'
import { evaluationResultSchema } from '../evaluate/result.ts'
import { main } from './main.ts'
import { capturedOutput } from './testing/captured.ts'

const captured = capturedOutput()
const asset = (path: string) => fileURLToPath(new URL(`../../assets/${path}`, import.meta.url))
const NANO = asset('nano')
const LOG = asset('example/log.jsonl')

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bump-incremental-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('bump evaluate incremental', () => {
  it('measures rewritten profiles beside those from all interactions, and writes none twice', async () => {
    const out = join(folder, 'out')
    const flags = ['--users', '3', '--pool-size', '1', '--periods', '2', '--threads', '1', '--out', out]
    captured.start()
    expect(await main(['evaluate', 'incremental', '--model', NANO, '--logs', LOG, ...flags])).toBe(0)
    const result = () => evaluationResultSchema.parse(JSON.parse(readFileSync(join(out, 'result.json'), 'utf8')))
    const [quality, cost] = result().tables
    expect(quality.rows.map(({ condition }) => condition)).toEqual([
      ...['history', 'all-1', 'all-2', 'rewritten-2', 'mismatched'],
    ])
    expect(quality.metrics.map(({ key }) => key)).toEqual(['ndcg_forward', 'ndcg_backward', 'ndcg_both'])
    expect(quality.differences.map(({ a, b }) => `${a} ${b}`)).toEqual([
      ...['all-2 all-1', 'rewritten-2 all-1', 'rewritten-2 all-2'],
    ])
    const [first, all, rewritten] = cost.rows.map(({ values }) => values)
    expect(all.prompt.mean).toBeGreaterThan(first.prompt.mean)
    expect(cost.differences[0].values.prompt.mean).toBeCloseTo(rewritten.prompt.mean - all.prompt.mean, 9)
    expect(captured.stdout).toContain('rewritten, period 2 − from all, period 2')
    expect(quality.notes.at(-1)).toMatch(/^rewritten, period 2: \d of 3 are the profile before, word for word/)

    const [file] = readdirSync(join(out, 'profiles'))
    const lines = () =>
      readFileSync(join(out, 'profiles', file), 'utf8')
        .trim()
        .split('\n').length
    expect(lines()).toBe(9)
    expect(await main(['evaluate', 'incremental', '--model', NANO, '--logs', LOG, ...flags])).toBe(0)
    expect(lines()).toBe(9)
    expect(result().tables[0].rows).toEqual(quality.rows)
    expect(result().tables[1].rows[0].values.seconds).toBeUndefined()
  })

  it.each<[string, Partial<IncrementalOptions>, RegExp]>([
    ['no generator', { model: undefined }, /name the generator/],
    ['two generators', { run: 'runs/x' }, /name the generator/],
    ['no logs', { logs: undefined }, /name the interaction logs/],
    ['one period', { periods: 1 }, /2 parts or more/],
    ['an embedding judge without an encoder', { scorer: 'embedding' }, /needs an encoder/],
    ['too many periods', { periods: 500 }, /at least 3 users/],
  ])('refuses %s', async (_, options, message) => {
    const refused = evaluateIncremental({ model: NANO, logs: { paths: [LOG] }, out: join(folder, 'x'), ...options })
    await expect(refused).rejects.toThrow(message)
  })
})
