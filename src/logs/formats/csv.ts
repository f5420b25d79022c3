// CSV: fields with a comma, semicolon, bar or tab between, under a header or without one.
import { delimiterOf, readCsv } from '../csv-records.ts'
import { excerpt, type IssueLog } from '../issues.ts'
import { cleanCharacters } from '../json-record.ts'
import { type Line, readLines } from '../lines.ts'
import type { RawRecord, TextFormat } from './format.ts'

export const csv: TextFormat = {
  type: 'text',
  name: 'csv',
  title: 'CSV',
  fileNames: /\.csv$/,
  untyped: true,
  recognises: (start) => /^[^\n]*[,;|]/.test(start),
  records: (blocks, fileName, issues) => separatedRecords(blocks, fileName, issues, delimiterOf),
}

/** The records of a text of separated fields; `delimiter` tells from the first line what separates them. */
export async function* separatedRecords(
  blocks: AsyncIterable<string>,
  fileName: string,
  issues: IssueLog,
  delimiterIn: (firstLine: string) => string,
): AsyncGenerator<RawRecord> {
  const [first, rest] = await peekLine(readLines(blocks, fileName, issues))
  if (first === undefined) return
  const delimiter = delimiterIn(first.text)
  let header: string[] | undefined
  for await (const { fields, line } of readCsv(rest, delimiter, fileName, issues)) {
    if (header === undefined) {
      header = headerOf(fields)
      if (header !== undefined) continue
      header = fields.map((_, i) => `column${i}`)
    }
    if (fields.length !== header.length) {
      const what = `${fields.length} fields where there should be ${header.length}: ${excerpt(fields.join(delimiter))}`
      issues.add('bad-line', `${fileName}:${line}`, what)
      continue
    }
    const entries: [string, unknown][] = []
    for (const [i, name] of header.entries()) if (fields[i] !== '') entries.push([name, cleanCharacters(fields[i])])
    if (fields.some((field) => field.includes('\0'))) {
      issues.add('encoding', `${fileName}:${line}`, 'a NUL character, replaced')
    }
    const value = Object.fromEntries(entries)
    yield { line, element: 0, json: JSON.stringify(value), value }
  }
}

/** Column names, or undefined where the first record has a number in it and so is no header. */
function headerOf(fields: string[]): string[] | undefined {
  const trimmed = fields.map((field) => field.trim())
  if (trimmed.some((field) => field !== '' && Number.isFinite(Number(field)))) return undefined
  const taken = new Set<string>()
  return trimmed.map((field, i) => {
    const wanted = field === '' ? `column${i}` : field
    let name = wanted
    for (let n = 1; taken.has(name.toLowerCase()); n++) name = `${wanted}_${n}`
    taken.add(name.toLowerCase())
    return name
  })
}

/** The first line that is not blank, and all lines again. */
async function peekLine(batches: AsyncIterable<Line[]>): Promise<[Line | undefined, AsyncIterable<Line[]>]> {
  const iterator = batches[Symbol.asyncIterator]()
  const read: Line[][] = []
  let first: Line | undefined
  while (first === undefined) {
    const next = await iterator.next()
    if (next.done) break
    read.push(next.value)
    first = next.value.find((line) => line.text.trim() !== '')
  }
  async function* again() {
    yield* read
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value
  }
  return [first, again()]
}
