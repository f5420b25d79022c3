// `bump evaluate robustness` end to end, on the bundled model and log.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { evaluationResultSchema } from '../evaluate/result.ts'
import { evaluateRobustness, type RobustnessOptions } from '../evaluate/robustness/evaluate.ts'
import { main } from './main.ts'
import { capturedOutput } from './testing/captured.ts'

const captured = capturedOutput()
const asset = (path: string) => fileURLToPath(new URL(`../../assets/${path}`, import.meta.url))
const NANO = asset('nano')
const ENCODER = fileURLToPath(new URL('../engine/golden/encoder-mean', import.meta.url))

let folder: string
let log: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bump-robustness-'))
  log = join(folder, 'log.jsonl')
  const WORDS = ['roses', 'trains', 'sailing', 'chess']
  const rows = WORDS.flatMap((word, u) =>
    Array.from({ length: 6 }, (_, i) => ({
      user: `u${u}`,
      text: `${word} number ${i}`,
      other: `${i}: ${word.toUpperCase()}`,
    })),
  )
  writeFileSync(log, rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('bump evaluate robustness', () => {
  it('measures profiles from disturbed histories in the same pools, and asks nothing twice', async () => {
    const out = join(folder, 'out')
    const judge = ['--judge', `embedding=${ENCODER}`]
    const flags = [
      '--model',
      NANO,
      '--logs',
      log,
      '--pool-size',
      '2',
      '--threads',
      '1',
      '--disturbances',
      'short,order,language',
      '--translated-text',
      'other',
    ]
    captured.start()
    expect(await main(['evaluate', 'robustness', ...flags, ...judge, '--out', out])).toBe(0)
    const result = () => evaluationResultSchema.parse(JSON.parse(readFileSync(join(out, 'result.json'), 'utf8')))
    const { tables } = result()
    expect(tables.map(({ title }) => title)).toEqual([...['Short histories', 'Order lost', 'Another language']])
    for (const { rows, metrics, layout } of tables) {
      expect(metrics.map(({ key }) => key)).toEqual(['ndcg_forward', 'ndcg_backward', 'ndcg_both'])
      expect(rows.at(-1)?.condition).toBe('mismatched')
      if (layout?.type !== 'lines') throw new Error('no lines')
      expect(layout.lines.map(({ label }) => label)).toEqual(['raw history', 'zero-shot profile'])
      const keys = rows.map(({ condition }) => condition)
      for (const { conditions } of layout.lines) {
        expect(conditions).toHaveLength(layout.levels.length)
        expect(keys).toEqual(expect.arrayContaining(conditions))
      }
    }
    const history = (t: number, level: string) =>
      tables[t].rows.find(({ condition }) => condition === (level === '' ? 'history' : `history/${level}`))!.values
    // Nobody has eight interactions to cut; one is not all of them; in another language the text is another.
    expect(history(0, 'short/8')).toEqual(history(0, ''))
    expect(history(0, 'short/1')).not.toEqual(history(0, ''))
    expect(history(2, 'language/translated')).not.toEqual(history(2, ''))
    expect(captured.stdout).toMatch(
      /Short histories: NDCG both, chance 0\.\d+\n +latest interactions +1 +2 +4 +8 +16 +all/,
    )
    expect(readFileSync(join(out, 'result.md'), 'utf8')).toContain('| latest interactions | 1 | 2 | 4 | 8 | 16 | all |')

    const kept = readFileSync(join(out, 'scores.jsonl'), 'utf8')
    captured.start()
    expect(await main(['evaluate', 'robustness', ...flags, ...judge, '--out', out])).toBe(0)
    expect(readFileSync(join(out, 'scores.jsonl'), 'utf8')).toBe(kept)
    expect(result().tables).toEqual(tables)
  })

  it.each<[string, Partial<RobustnessOptions>, RegExp]>([
    ['a language without a text', { disturbances: ['language'] }, /needs translatedText/],
    [
      'a text with other interactions',
      { translatedText: "case when other not like '0%' then other end" },
      /4 of the 4 users/,
    ],
    ['a text that nothing reads', { disturbances: ['order'], translatedText: 'other' }, /Name that one too/],
    ['no disturbance', { disturbances: [] }, /name some of short, others/],
    ['too large a pool', { poolSize: 3 }, /largest possible is 2/],
  ])('refuses %s', async (_, options, message) => {
    const refused = evaluateRobustness({ model: NANO, logs: { paths: [log] }, out: join(folder, 'x'), ...options })
    await expect(refused).rejects.toThrow(message)
  })
})
