// `bump evaluate transfer` end to end: a short run of the bundled model, tested on its own users and on another log.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { evaluationResultSchema } from '../evaluate/result.ts'
import { main } from './main.ts'
import { capturedOutput } from './testing/captured.ts'

const captured = capturedOutput()
const NANO = fileURLToPath(new URL('../../assets/nano', import.meta.url))
const ENCODER = fileURLToPath(new URL('../engine/golden/encoder-mean', import.meta.url))

let folder: string
let run: string
const at = (name: string) => join(folder, name)

/** Users with six interactions about a word each. */
function writeLog(name: string, prefix: string, words: readonly string[], column: string): void {
  const rows = words.flatMap((word, u) =>
    Array.from({ length: 6 }, (_, i) => ({ user: `${prefix}${u}`, [column]: `${word} number ${i}` })),
  )
  writeFileSync(at(name), rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bump-transfer-'))
  run = at('garden')
  writeLog('garden.jsonl', 'u', ['roses', 'beans', 'lilies', 'thyme', 'figs', 'moss', 'ferns', 'peas', 'dill'], 'text')
  // Those whose ids were in the training are left out.
  writeLog('music.jsonl', 'u', ['jazz', 'opera', 'folk', 'blues', 'punk', 'soul', 'disco', 'choir', 'fado'], 'piece')
  writeLog('sports.jsonl', 'v', ['chess', 'judo', 'golf', 'polo'], 'piece')
  writeFileSync(
    at('tests.yaml'),
    `garden: { run: ${run} }\nsports: { paths: [${at('music.jsonl')}, ${at('sports.jsonl')}], text: piece }\n`,
  )
  const settings = ['trainable.type=full', 'rollout.users=2', 'rollout.groupSize=2', 'profile.maxTokens=8']
  const less = ['split.validation=2', 'split.test=4', 'test.maxUsers=2', 'validation.maxUsers=2', 'optim.steps=1']
  const set = [...settings, ...less, 'reward.negatives=1'].flatMap((each) => ['--set', each])
  const where = ['--name', 'garden', '--runs', folder, '--threads', '1']
  captured.start()
  expect(await main(['train', '--logs', at('garden.jsonl'), '--model', NANO, ...where, ...set])).toBe(0)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const transfer = (...flags: string[]) => main(['evaluate', 'transfer', '--run', run, '--threads', '1', ...flags])

it('refuses flags that say how logs are read where none are named', async () => {
  captured.start()
  for (const command of ['profiles', 'population', 'privacy', 'claims', 'robustness', 'incremental']) {
    const flags = ['evaluate', command, '--run', run, '--threads', '1', '--out', at('idle')]
    expect(await main([...flags, '--header-line', '0'])).toBe(2)
    expect(captured.stderr).toMatch(/--header-line does nothing here: it says how --logs are read/)
  }
})

describe('bump evaluate transfer', () => {
  it('tests a run on its own users and on those of other logs, without whom it was trained on', async () => {
    const judges = ['--judge', 'likelihood', '--judge', `embedding=${ENCODER}`]
    captured.start()
    expect(await transfer('--tests', at('tests.yaml'), ...judges, '--out', at('out'))).toBe(0)
    const { kind, tables, settings } = evaluationResultSchema.parse(
      JSON.parse(readFileSync(at('out/result.json'), 'utf8')),
    )
    expect(kind).toBe('transfer')
    expect(tables.map(({ title }) => title.split(',')[1])).toEqual([
      ' judged by likelihood on nano',
      ' judged by embedding on encoder-mean',
    ])
    for (const { layout, rows, differences, notes } of tables) {
      if (layout?.type !== 'grid') throw new Error('no grid')
      expect(layout.columns).toEqual(['garden', 'sports'])
      expect(layout.rows).toEqual([
        {
          label: 'garden',
          cells: [
            { a: '1/run1', b: '1/zero-shot', marked: true },
            { a: '2/run1', b: '2/zero-shot', marked: false },
          ],
        },
      ])
      expect(layout.references.map(({ label }) => label)).toEqual([
        ...['chance', 'raw history', 'zero-shot profile', "another user's profile"],
      ])
      const known = new Map(rows.map((row) => [row.condition, row]))
      for (const { conditions } of layout.references) for (const key of conditions) expect(known.get(key)).toBeDefined()
      for (const { a, b, values } of differences)
        expect(values.ndcg_both.mean).toBeCloseTo(
          known.get(a)!.values.ndcg_both.mean - known.get(b)!.values.ndcg_both.mean,
          9,
        )
      // Five of the nine ids of the music log were in the training of the garden.
      expect(known.get('1/run1')?.n).toBe(4)
      expect(known.get('2/run1')?.n).toBe(8)
      expect(notes.join('\n')).toContain('sports: 5 of 13 users are left out')
    }
    expect(settings).toMatchObject({ tests: { sports: { logs: ['music.jsonl', 'sports.jsonl'], users: 8 } } })
    expect(captured.stdout).toMatch(/trained \\ tested on +garden +sports\n +chance/)

    const kept = readFileSync(at('out/scores.jsonl'), 'utf8')
    captured.start()
    expect(await transfer('--tests', at('tests.yaml'), ...judges, '--out', at('out'))).toBe(0)
    expect(readFileSync(at('out/scores.jsonl'), 'utf8')).toBe(kept)
  })

  it.each([
    ['a misspelt key', `x: { paths: [a.jsonl], txt: piece }`, /tests\.yaml: x: Unrecognized key: "txt"/],
    ['no logs', 'x: 3', /x: .*A test is \{ run: <folder> \} or logs/],
    ['a run that is none', 'x: { run: nowhere }', /nowhere/],
    ['no test', '{}', /name at least one test/],
  ])('refuses %s', async (_, yaml, message) => {
    const file = at('tests.yaml')
    writeFileSync(file, yaml)
    captured.start()
    expect(await transfer('--tests', file, '--out', at('never'))).toBeGreaterThan(0)
    expect(captured.stderr).toMatch(message)
  })
})
