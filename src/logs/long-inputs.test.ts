// Long inputs of one pattern, each read in time in proportion to its length: those that took its square before would
// outlast this test.
import { expect, it } from 'vitest'
import { csv } from './formats/csv.ts'
import { tsv } from './formats/tsv.ts'
import { IssueLog } from './issues.ts'
import { toJsonRecord } from './json-record.ts'
import { readLines } from './lines.ts'
import { parseTime } from './time.ts'

async function* block(text: string) {
  yield text
}

async function records(format: typeof csv, text: string) {
  const issues = new IssueLog()
  const context = { options: {}, known: new Set(['user', 'text']), mapped: new Set<string>(), note() {}, describe() {} }
  const read: Record<string, unknown>[] = []
  for await (const found of format.records(block(text), 'f', issues, context))
    read.push(...[found].flat().map(({ value }) => value))
  return { read, bad: issues.count('bad-line') }
}

it('a header of equal names gives each its own', async () => {
  const many = 60_000
  const { read } = await records(csv, `user,text${',x'.repeat(many)}\nu,t${',1'.repeat(many)}\n`)
  expect(Object.keys(read[0])).toHaveLength(2 + many)
  expect(Object.keys(read[0]).slice(1, 4).concat(Object.keys(read[0]).at(-1)!)).toEqual(['text', 'x', 'x_1', 'x_59999'])
})

it.each([
  ['csv', csv],
  ['tsv', tsv],
])('quotes that open on every line and are never closed are counted (%s)', async (_, format) => {
  const line = `x"${format === csv ? ',' : '\t'}"\n`
  const { read, bad } = await records(format, `user${line[2]}text\n${line.repeat(25_000)}`)
  expect(read.length + bad).toBe(25_000)
})

it('carriage returns before the first line break are no lines', async () => {
  const lines = []
  for await (const batch of readLines(block(`${'\r'.repeat(500_000)}\nb`), 'f', new IssueLog())) lines.push(...batch)
  expect(lines.map(({ text }) => text.length)).toEqual([499_999, 1])
})

it.each([
  ['strings within a string that is never closed', `{"a":${'"\\'.repeat(300_000)}\nNaN}`, 'bad-line'],
  ['fifteen million escapes', `{"a":"${'\\n'.repeat(15_000_000)}","b":NaN}`, 'not-finite'],
] as const)('NaN beside %s', (_, text, kind) => {
  const issues = new IssueLog()
  expect(toJsonRecord(text, 'f:1', issues)?.value.b).toBe(kind === 'bad-line' ? undefined : null)
  expect(issues.count(kind)).toBe(1)
})

it.each([`1${'0'.repeat(200_000)}x`, `2024-01-01T10:00:00${' '.repeat(200_000)}!`])('no time: %.22s…', (text) => {
  expect(parseTime(text)).toBeUndefined()
})
