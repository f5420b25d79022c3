import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { evaluationResultSchema } from '../evaluate/result.ts'
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
