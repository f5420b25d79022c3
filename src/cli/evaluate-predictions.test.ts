import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { evaluationResultSchema } from '../evaluate/result.ts'
import { readLamp } from '../lamp/read.ts'
import { sampleQuestions } from '../lamp/split.ts'
import { main } from './main.ts'
import { capturedOutput } from './testing/captured.ts'

const captured = capturedOutput()
const folder = mkdtempSync(join(tmpdir(), 'bump-predictions-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const at = (name: string) => join(folder, name)
const write = (name: string, content: unknown) =>
  writeFileSync(at(name), typeof content === 'string' ? content : JSON.stringify(content))

const ask = (text: string) =>
  `What is the score of the following review on a scale of 1 to 5? just answer with 1, 2, 3, 4, or 5 without further explanation. review: ${text}`
const golds = ['5', '1', '3']
const answers = (outputs: readonly string[], task = 'LaMP_3') => ({
  task,
  golds: outputs.map((output, i) => ({ id: `${i}`, output })),
})
write(
  'dev_questions.json',
  golds.map((_, i) => ({ id: `${i}`, input: ask(`text ${i}`), profile: [{ id: `p${i}`, text: 'fine', score: '4' }] })),
)
write('dev_outputs.json', answers(golds))
write('good.json', answers(['5', '2', '3']))
write('bad.json', answers(['1', 'five', '']))

const run = (...files: string[]) =>
  main(['evaluate', 'predictions', '--task', '3', '--data', folder, '--out', at('out'), ...files.map(at)])

it('scores each file, and compares the later ones with the first', async () => {
  expect(await run('good.json', 'bad.json')).toBe(0)
  expect(captured.stdout).toContain('good')
  const { tables } = evaluationResultSchema.parse(JSON.parse(readFileSync(at('out/result.json'), 'utf8')))
  const [good, bad] = tables[0].rows.map(({ values }) => values.mae.mean)
  expect(good).toBeCloseTo(1 / 3, 12)
  // |1 − 5|, unparsable for gold 1: 5, and for gold 3: 5.
  expect(bad).toBeCloseTo((4 + 4 + 2) / 3, 12)
  expect(tables[0].differences[0].values.mae.mean).toBeCloseTo(bad - good, 12)
  expect(tables[0].notes).toContain('Unparsable answers: good 0.0 %, bad 66.7 %.')
})

it('adds means over files, compared with the first and with each other', async () => {
  write('off.json', answers(['4', '2', '3']))
  const group = (name: string, ...files: string[]) => ['--group', `${name}=${files.map(at).join(',')}`]
  const files = ['bad.json', 'good.json', 'off.json'].map(at)
  const command = ['evaluate', 'predictions', '--task', '3', '--data', folder, '--out', at('means')]
  const groups = [...group('near', 'good.json', 'off.json'), ...group('all', 'bad.json', 'good.json', 'off.json')]
  expect(await main([...command, ...files, ...groups])).toBe(0)
  const { tables } = evaluationResultSchema.parse(JSON.parse(readFileSync(at('means/result.json'), 'utf8')))
  const { rows, differences } = tables[0]
  // Absolute errors: bad 4, 4, 2; good 0, 1, 0; off 1, 1, 0. RMSE is of each file, and then the mean.
  expect(rows.map(({ values }) => values.mae.mean)).toEqual(
    [10 / 3, 1 / 3, 2 / 3, 1 / 2, 13 / 9].map((value) => expect.closeTo(value, 12)),
  )
  expect(rows[3].values.rmse.mean).toBeCloseTo((Math.sqrt(1 / 3) + Math.sqrt(2 / 3)) / 2, 12)
  expect(differences.map(({ a, b }) => `${basename(a)} - ${basename(b)}`)).toEqual([
    'good.json - bad.json',
    'off.json - bad.json',
    'mean near - bad.json',
    'mean all - bad.json',
    'mean all - mean near',
  ])
  expect(differences[4].values.mae.mean).toBeCloseTo(13 / 9 - 1 / 2, 12)
  expect(await main([...command, ...files, ...group('one', 'good.json')])).toBe(2)
  expect(captured.stderr).toMatch(/groups\.one: a mean is over two or more of the files/)
})

it('scores the answers to a sample, as bump evaluate lamp draws it', async () => {
  const { questions } = sampleQuestions(readLamp(folder, { task: 3, split: 'dev' }), 2, 1)
  expect(questions).toHaveLength(2)
  const all = answers(golds)
  write('sample.json', {
    ...all,
    golds: all.golds.filter(({ id }) => questions.some((question) => question.id === id)),
  })
  const command = [
    'evaluate',
    'predictions',
    '--task',
    '3',
    '--data',
    folder,
    '--out',
    at('sample'),
    '--questions',
    '2',
  ]
  expect(await main([...command, at('sample.json')]), captured.stderr).toBe(0)
  const [table] = evaluationResultSchema.parse(JSON.parse(readFileSync(at('sample/result.json'), 'utf8'))).tables
  expect(table.rows[0]).toMatchObject({ n: 2, values: { mae: { mean: 0 } } })
  expect(table.notes.join()).toContain('2 of the 3 questions')
  expect(await main([...command, at('good.json')])).toBe(1)
  expect(captured.stderr).toMatch(/1 of no question/)
})

it.each([
  ['missing.json', { task: 'LaMP_3', golds: [{ id: '0', output: '5' }] }, /2 missing \(1, 2\)/],
  ['extra.json', answers(['5', '1', '3', '4']), /1 of no question \(3\)/],
  ['other.json', answers(golds, 'LaMP_5'), /LaMP_5/],
  ['page.json', '<!DOCTYPE html><html><body>404</body></html>', /HTML/],
  ['cut.json', '{"task": "LaMP_3", "golds": [{"id": "0", "out', /cut\.json/],
])('refuses %s', async (name, content, message) => {
  write(name, content)
  expect(await run(name)).toBe(1)
  expect(captured.stderr).toContain(name)
  expect(captured.stderr).toMatch(message)
  expect(captured.stderr).not.toMatch(/\n\s+at /)
})
