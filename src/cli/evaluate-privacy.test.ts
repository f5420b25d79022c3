// `bump evaluate population`, `privacy` and `claims` end to end, on a short run of the bundled model.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { evaluatePopulation } from '../evaluate/population/evaluate.ts'
import { evaluatePrivacy } from '../evaluate/privacy/evaluate.ts'
import { type EvaluationResult, evaluationResultSchema } from '../evaluate/result.ts'
import { toyEncoder } from '../model/testing/toy-encoder.ts'
import { evaluateClaimsCommand } from './evaluate-claims.ts'
import { capturedOutput } from './testing/captured.ts'
import { trainCommand } from './train.ts'

const captured = capturedOutput()
const asset = (name: string): string => fileURLToPath(new URL(`../../assets/${name}`, import.meta.url))

let folder: string
let run: string

async function bump(...argv: string[]): Promise<void> {
  const root = new Command('bump').addCommand(trainCommand()).addCommand(evaluateClaimsCommand())
  for (const command of root.commands) command.exitOverride().configureOutput({ writeErr: () => {} })
  await root.parseAsync([...argv, '--threads', '1'], { from: 'user' })
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bump-privacy-'))
  run = join(folder, 'example')
  captured.start()
  const settings = [
    ...['trainable.type=full', 'rollout.users=4', 'rollout.groupSize=2', 'profile.maxTokens=8', 'optim.steps=1'],
    ...['split.validation=2', 'split.test=5', 'test.maxUsers=2', 'validation.maxUsers=2', 'validation.select=last'],
    ...['prompt.historyTokens=32', 'reward.negatives=1', 'checkpoint.every=1'],
  ]
  const where = ['--name', 'example', '--runs', folder]
  const given = ['--logs', asset('example/log.jsonl'), '--model', asset('nano')]
  await bump('train', ...given, ...where, ...settings.flatMap((each) => ['--set', each]))
  vi.restoreAllMocks()
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const written = (out: string) =>
  evaluationResultSchema.parse(JSON.parse(readFileSync(join(out, 'result.json'), 'utf8')))
const keysOf = ({ rows }: EvaluationResult['tables'][number]) => rows.map(({ condition }) => condition)
const engine = { threads: 1 }

it('measures what profiles and the adapter of a run give away', async () => {
  const out = join(folder, 'privacy')
  const options = { runs: [run], judgeModel: toyEncoder(), members: 4, planted: 2, out, engine }
  const { tables } = await evaluatePrivacy(options)
  expect(written(out).tables).toEqual(tables)
  const [before, later, membership, copied, planted] = tables
  for (const table of [before, later]) {
    expect(keysOf(table)).toEqual(['history', 'zero-shot', 'run', 'mismatched'])
    expect(table.metrics.map(({ chance }) => chance)).toEqual([1 / 4, (1 + 1 / 2 + 1 / 3 + 1 / 4) / 4])
    expect(table.rows.map(({ n }) => n)).toEqual([5, 5, 5, 5])
  }
  // The history finds its own person: the toy encoder compares words.
  expect(before.rows[0].values.recall1.mean).toBe(1)
  expect(keysOf(membership)).toEqual(['policy', 'base', 'control'])
  const [plot] = membership.plots!
  expect(plot.lines.map(({ points }) => [points[0], points.at(-1)])).toEqual(
    Array(4).fill([
      [0, 0],
      [1, 1],
    ]),
  )
  expect(keysOf(copied)).toEqual(['history', 'zero-shot', 'run'])
  expect(copied.rows[0].values.copied.mean).toBeGreaterThan(copied.rows[1].values.copied.mean)
  const shown = ['history', 'zero-shot', 'run']
  expect(keysOf(planted)).toEqual([...shown, ...shown.map((key) => `${key}-redacted`)])
  // Of 32 tokens the generator reads the later one alone, and nothing where it is redacted.
  expect([planted.rows[0].values.email.mean, planted.rows[0].values.phone.mean]).toEqual([1, 0])
  for (const row of planted.rows.slice(3)) expect(row.values.either.mean).toBe(0)
})

it('finds people among more of them than there are profiles of', async () => {
  const out = join(folder, 'population')
  const options = { runs: [run], judgeModel: toyEncoder(), users: 3, out, engine }
  const { tables, settings } = await evaluatePopulation(options)
  expect(settings).toMatchObject({ users: 3, population: 160, sizes: [10, 100] })
  const [{ metrics, rows, plots }] = tables
  expect(metrics.find(({ key }) => key === 'recall1_100')?.chance).toBeCloseTo(1 / 101, 12)
  for (const { values } of rows) expect(values.recall1_100.mean).toBeLessThanOrEqual(values.recall1_10.mean)
  expect(plots![0].lines.map(({ points }) => points.map(([x]) => x))).toEqual(Array(5).fill([1, 2]))
  await expect(evaluatePopulation({ ...options, sizes: [10, 159] })).rejects.toThrow(/largest is 158/)
})

it('fills every pool with different texts, and needs no run', async () => {
  const logs = join(folder, 'alike.jsonl')
  const line = (u: number, i: number) => ({ user: `u${u}`, text: i === 4 ? `film ${u % 6}` : `words ${u} and ${i}` })
  const lines = Array.from({ length: 60 }, (_, n) => `${JSON.stringify(line(Math.floor(n / 5), n % 5))}\n`)
  writeFileSync(logs, lines.join(''))
  const options = { logs, model: asset('nano'), judgeModel: toyEncoder(), users: 4, out: join(folder, 'alike'), engine }
  const { tables, settings } = await evaluatePopulation(options)
  // Twelve people, six films: the own one, and that of the mismatched control, are not among the others.
  expect(settings).toMatchObject({ population: 12, sizes: [4] })
  expect(keysOf(tables[0])).toEqual(['history', 'zero-shot', 'mismatched'])
  const refused = /the logs have 12 people with 6 different interactions, so the largest is 4/
  await expect(evaluatePopulation({ ...options, sizes: [5] })).rejects.toThrow(refused)
  const { tables: private_ } = await evaluatePrivacy({ ...options, members: 4, planted: 0 })
  expect(private_.map(keysOf)).toContainEqual(['history', 'zero-shot', 'mismatched'])
})

it('asks a model what of the statements the history supports, and compares it with labels', async () => {
  const out = join(folder, 'claims')
  const flags = ['claims', '--run', run, '--users', '3', '--out', out]
  captured.start()
  await bump(...flags)
  const [table] = written(out).tables
  expect(keysOf(table)).toEqual(['interaction', 'zero-shot', 'zero-shot-other', 'run', 'run-other'])
  for (const { values } of table.rows) expect(values.probability.mean).toBeGreaterThan(0)
  const labels = join(folder, 'labelled.jsonl')
  writeFileSync(labels, readFileSync(join(out, 'to-label.jsonl'), 'utf8').replaceAll('null', 'true'))
  await bump(...flags, '--labels', labels)
  const agreement = written(out).tables[1]
  expect(agreement.rows[0].values.byHand.mean).toBe(1)
  expect(agreement.rows[0].values.agreed).toEqual(agreement.rows[0].values.byModel)
  expect(captured.stdout).toContain('Agreement with labels by hand')
  vi.restoreAllMocks()
})
