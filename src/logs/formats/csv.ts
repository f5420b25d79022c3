// CSV: fields with a comma, semicolon, bar or tab between, under a header or without one.
import { DialectDecision } from '../csv-dialect.ts'
import { type Header, headerOf } from '../csv-header.ts'
import { type CsvRecord, readCsv } from '../csv-records.ts'
import { excerpt, IssueLog } from '../issues.ts'
import { cleanCharacters } from '../json-record.ts'
import { type Line, readLines } from '../lines.ts'
import type { RawRecord, ReadingContext, TextFormat } from './format.ts'

export const csv: TextFormat = {
  type: 'text',
  name: 'csv',
  title: 'CSV',
  fileNames: /\.csv$/,
  untyped: true,
  recognises: (start) => /^[^\n]*[,;|]/.test(start) || /^sep=./i.test(start),
  records: (blocks, fileName, issues, context) => separatedRecords(blocks, fileName, issues, context),
}

/** Characters of the lines that are read before anything is decided, and of those that are looked at together later. */
const WINDOW = 256 * 1024
/** Records that are looked at for the header. */
const SAMPLE = 200

/** The records of a text of separated fields; `delimiter` where the format has but one. */
export async function* separatedRecords(
  blocks: AsyncIterable<string>,
  fileName: string,
  issues: IssueLog,
  context: ReadingContext,
  delimiter?: string,
): AsyncGenerator<RawRecord> {
  const windows = windowsOf(readLines(blocks, fileName, issues))
  const start = await windows.next()
  if (start.done || start.value.lines.length === 0) return
  const { separator, lines } = withoutSeparatorLine(start.value.lines)
  if (lines.length === 0) return
  const given = context.options
  const decision = new DialectDecision(lines, given, given.delimiter?.replaceAll('\\t', '\t') ?? separator ?? delimiter)
  decision.see(lines, true, start.value.final)
  const sample = await sampleOf(lines, decision)
  if (sample.length === 0) return
  const header = headerOf(sample, fileName, context)
  if (separator !== undefined)
    header.notes.unshift(`the first line says that ${JSON.stringify(separator)} stands between fields`)
  for (const note of header.notes) context.note(note)

  async function* decided(): AsyncGenerator<Line[]> {
    yield lines.filter(({ number }) => number >= header.firstLine)
    for await (const window of windows) {
      decision.see(window.lines, false, window.final)
      yield window.lines
    }
  }
  const fitting = new FieldCount(header, decision.dialect.delimiter)
  for await (const { fields, line, irregular } of readCsv(decided(), decision.dialect, fileName, issues)) {
    const isHeader = header.line > 0 && fields.every((field, i) => field.trim() === header.names[i])
    const problem = isHeader ? 'the header once more' : fitting.problem(fields)
    if (irregular > 0) fitting.sawUnquoted(line)
    if (problem !== undefined) {
      issues.add('bad-line', `${fileName}:${line}`, problem)
      continue
    }
    const entries: [string, unknown][] = []
    for (const [i, name] of header.names.entries()) {
      const field = fitting.valueOf(fields[i] ?? '')
      if (field !== '') entries.push([name, cleanCharacters(field)])
    }
    if (fields.some((field) => field.includes('\0'))) {
      issues.add('encoding', `${fileName}:${line}`, 'a NUL character, replaced')
    }
    const value = Object.fromEntries(entries)
    yield { line, element: 0, json: JSON.stringify(value), value }
  }
  for (const note of [...decision.notes, ...fitting.notes()]) context.note(note)
  const where = header.line === 0 ? 'no header' : `header on line ${header.line}`
  context.describe(`${decision.describe()}, ${where}`)
}

/** Holds records against the header, and remembers what many of them have in common. */
class FieldCount {
  private records = 0
  private longer = 0
  private trailing = 0
  private unquoted = 0
  private firstUnquoted = 0
  private formulas = 0

  constructor(
    private readonly header: Header,
    private readonly delimiter: string,
  ) {}

  /** What is wrong with a record's number of fields. Empty fields at the end are nothing. */
  problem(fields: string[]): string | undefined {
    const { names, named } = this.header
    this.records++
    if (fields.length === names.length) return undefined
    if (fields.length < names.length && fields.length >= named) return undefined
    if (fields.length > names.length) {
      if (fields.slice(names.length).every((field) => field.trim() === '')) {
        this.trailing++
        return undefined
      }
      if (fields.length === names.length + 1) this.longer++
    }
    return `${fields.length} fields where there should be ${names.length}: ${excerpt(fields.join(this.delimiter))}`
  }

  /** A record with text after a closing quote. */
  sawUnquoted(line: number): void {
    if (this.unquoted++ === 0) this.firstUnquoted = line
  }

  /** Of a field that is Excel's formula of a text, `="007"`, that text: it keeps an id's zeros. */
  valueOf(field: string): string {
    if (!field.startsWith('="')) return field
    const text = /^="((?:[^"]|"")*)"$/.exec(field.trim())?.[1]
    if (text === undefined) return field
    this.formulas++
    return text.replaceAll('""', '"')
  }

  notes(): string[] {
    const { names, line } = this.header
    const notes: string[] = []
    if (this.trailing > 0) notes.push(`${this.trailing} rows end with a delimiter and nothing after it, left out`)
    if (this.formulas > 0) notes.push(`${this.formulas} fields are formulas of a text, ="…": the text is taken`)
    if (this.unquoted > 0) {
      notes.push(
        `${this.unquoted} rows have text after a closing quote (the first on line ${this.firstUnquoted}); these ` +
          'quotes are left out: if they are letters, give quote: ""',
      )
    }
    if (line > 0 && this.longer * 2 > this.records) {
      notes.push(
        `line ${line} names ${names.length} columns and ${this.longer} of ${this.records} rows have ${names.length + 1} ` +
          'fields: name the missing column there, or give headerLine: 0 if that line is no header',
      )
    }
    return notes
  }
}

/** A first line like `sep=;`, which Excel reads, and the other lines. */
function withoutSeparatorLine(lines: Line[]): { separator: string | undefined; lines: Line[] } {
  const first = lines.findIndex(({ text }) => text.trim() !== '')
  const separator = /^"?sep=(.)"?\s*$/i.exec(lines[first]?.text ?? '')?.[1]
  return { separator, lines: separator === undefined ? lines : lines.slice(first + 1) }
}

/** The first records; what is wrong with them is counted when they are read. */
async function sampleOf(lines: Line[], { dialect }: DialectDecision): Promise<CsvRecord[]> {
  async function* once() {
    yield lines
  }
  const sample: CsvRecord[] = []
  for await (const record of readCsv(once(), dialect, '', new IssueLog())) {
    sample.push(record)
    if (sample.length === SAMPLE) break
  }
  return sample
}

/** Lines in batches of a size from which the dialect can be told. */
async function* windowsOf(batches: AsyncIterable<Line[]>): AsyncGenerator<{ lines: Line[]; final: boolean }> {
  let lines: Line[] = []
  let length = 0
  for await (const batch of batches) {
    if (length >= WINDOW) {
      yield { lines, final: false }
      lines = []
      length = 0
    }
    for (const line of batch) {
      lines.push(line)
      length += line.text.length
    }
  }
  yield { lines, final: true }
}
