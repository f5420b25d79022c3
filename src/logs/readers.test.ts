import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { delimiterOf } from './csv-dialect.ts'
import { readCsv } from './csv-records.ts'
import { IssueLog } from './issues.ts'
import { readElements } from './json-array.ts'
import { readLines } from './lines.ts'

/** The text cut into blocks of the given sizes, as files arrive. */
async function* blocks(text: string, sizes: number[]): AsyncGenerator<string> {
  for (let at = 0, i = 0; at < text.length; i++) {
    const size = sizes[i % sizes.length]
    yield text.slice(at, at + size)
    at += size
  }
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

const sizes = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 4 })

describe('readLines', () => {
  it('gives every line with its number, however the blocks fall', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.string().filter((s) => !/[\r\n]/.test(s))), sizes, async (lines, cuts) => {
        const text = lines.map((line) => `${line}\r\n`).join('')
        const read = (await collect(readLines(blocks(text, cuts), 'f', new IssueLog()))).flat()
        expect(read).toEqual(lines.map((text, i) => ({ text, end: '\r\n', number: i + 1 })))
      }),
    )
  })

  it('passes over a line that is too long, and counts it', async () => {
    const issues = new IssueLog()
    const text = `a\n${'x'.repeat(100)}\nb\n${'y'.repeat(100)}`
    const read = (await collect(readLines(blocks(text, [7]), 'f', issues, 50))).flat()
    expect(read).toEqual([
      { text: 'a', end: '\n', number: 1 },
      { text: 'b', end: '\n', number: 3 },
    ])
    expect(issues.list()[0]).toMatchObject({ kind: 'bad-line', count: 2 })
    expect(issues.list()[0].examples).toEqual(['f:2: longer than 50 characters', 'f:4: longer than 50 characters'])
  })
})

describe('readCsv', () => {
  const parse = async (text: string, delimiter = ',', cuts = [5], issues = new IssueLog()) =>
    collect(readCsv(readLines(blocks(text, cuts), 'f', issues), { delimiter, quote: '"', escape: '' }, 'f', issues))

  it('gives back any fields that were written, with the line where each record starts', async () => {
    const field = fc.string({ unit: fc.constantFrom('a', ',', '"', '\n', ' ', ';', 'é') })
    const record = fc.array(field, { minLength: 2, maxLength: 4 })
    await fc.assert(
      fc.asyncProperty(fc.array(record, { minLength: 1 }), sizes, async (records, cuts) => {
        const quote = (text: string) => `"${text.replaceAll('"', '""')}"`
        const written = records.map((fields) => `${fields.map(quote).join(',')}\n`)
        const issues = new IssueLog()
        const read = await parse(written.join(''), ',', cuts, issues)
        expect(read.map(({ fields }) => fields)).toEqual(records)
        const starts = written.map((_, i) => written.slice(0, i).join('').split('\n').length)
        expect(read.map(({ line }) => line)).toEqual(starts)
        expect(issues.list()).toEqual([])
      }),
    )
  })

  it('goes on after a quote that is never closed', async () => {
    const issues = new IssueLog()
    const read = await parse('a,b\n1,"open\n2,x\n3,y\n', ',', [4], issues)
    expect(read.map(({ fields, line }) => [line, ...fields])).toEqual([
      [1, 'a', 'b'],
      [3, '2', 'x'],
      [4, '3', 'y'],
    ])
    expect(issues.list()[0].examples).toEqual(['f:2: a quoted field opens here and is never closed'])
  })

  it('takes quotes inside a field as they are', async () => {
    expect((await parse('5" pipe,"a"b\n'))[0].fields).toEqual(['5" pipe', 'ab'])
  })

  it('tells the delimiter', () => {
    expect(delimiterOf([{ text: 'a;b;"c,d"', end: '\n', number: 1 }])).toBe(';')
    expect(delimiterOf([{ text: 'a\tb', end: '\n', number: 1 }])).toBe('\t')
    expect(delimiterOf([{ text: 'a|b,c|d', end: '\n', number: 1 }])).toBe('|')
    expect(delimiterOf([{ text: 'text', end: '\n', number: 1 }])).toBe(',')
  })
})

describe('readElements', () => {
  it('gives every element of any JSON array, however written and cut', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.jsonValue()), sizes, fc.constantFrom(undefined, 2), async (values, cuts, indent) => {
        const issues = new IssueLog()
        const text = JSON.stringify(values, null, indent)
        const read = await collect(readElements(blocks(` ${text}\n`, cuts), 'f', issues))
        expect(read.map((element) => JSON.parse(element.text))).toEqual(JSON.parse(text))
        expect(read.map(({ index }) => index)).toEqual(values.map((_, i) => i + 1))
        expect(issues.list()).toEqual([])
      }),
    )
  })

  it('names the line where elements start and where the file breaks off', async () => {
    const issues = new IssueLog()
    const read = await collect(readElements(blocks('[\n{"a":\n1},\n{"b":"]', [3]), 'f', issues))
    expect(read).toEqual([{ text: '{"a":\n1}', line: 2, index: 1 }])
    expect(issues.list()[0].examples).toEqual(['f:4: the file ends inside element 2, which starts on line 4'])
  })

  it('passes over commas with nothing before them', async () => {
    const issues = new IssueLog()
    const read = await collect(readElements(blocks('[,{"a":1},,\n{"b":2},]', [4]), 'f', issues))
    expect(read.map(({ text, line, index }) => [text, line, index])).toEqual([
      ['{"a":1}', 1, 1],
      ['{"b":2}', 2, 2],
    ])
    expect(issues.list()).toEqual([])
  })

  it('stops at an element that is too long', async () => {
    const issues = new IssueLog()
    const text = JSON.stringify(['a', 'x'.repeat(100), 'b'])
    expect(await collect(readElements(blocks(text, [10]), 'f', issues, 50))).toHaveLength(1)
    expect(issues.count('bad-line')).toBe(1)
  })
})
