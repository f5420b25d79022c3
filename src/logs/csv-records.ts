// Lines -> CSV records (RFC 4180: quoted fields may hold delimiters, quotes and line breaks), for CSV and TSV logs, in
// the dialects that files have.
import type { IssueLog } from './issues.ts'
import type { Line } from './lines.ts'

export interface CsvRecord {
  fields: string[]
  /** Line on which the record starts. */
  line: number
  /** Line on which it ends. */
  lastLine: number
  /** Fields with text after their closing quote. */
  irregular: number
}

/** How fields are written. */
export interface Dialect {
  delimiter: string
  /** Stands around fields that hold delimiters or line breaks, and twice for itself within; empty: nothing does. */
  quote: string
  /** Makes a quote, or itself, a letter within quotes; where there are no quotes, a delimiter, too. Empty: nothing. */
  escape: string
}

/** A quoted field may run over so many lines and characters; beyond, its opening quote is taken for a mistake. */
const MAX_RECORD_LINES = 5000
const MAX_RECORD_LENGTH = 8 * 1024 * 1024

/** Streams records; a field whose quote is never closed is counted, and reading goes on with the line after it. */
export async function* readCsv(
  batches: AsyncIterable<Line[]>,
  dialect: Dialect,
  name: string,
  issues: IssueLog,
): AsyncGenerator<CsvRecord> {
  let pending: Line[] = []
  let length = 0
  const parser = new RecordParser(dialect)
  const reset = () => {
    pending = []
    length = 0
    parser.reset()
  }
  /** Parses waiting lines; `final`: no more will come, so an open quote is a mistake. */
  function* take(lines: Line[], final: boolean): Generator<CsvRecord> {
    let queue = lines
    for (let i = 0; i < queue.length || (final && pending.length > 0); ) {
      if (i < queue.length) {
        const line = queue[i++]
        if (pending.length === 0 && isBlank(line, dialect)) continue
        pending.push(line)
        length += line.text.length
        if (parser.feed(line.text, line.end)) {
          const { fields, irregular } = parser
          yield { fields, line: pending[0].number, lastLine: line.number, irregular }
          reset()
          continue
        }
        if (pending.length < MAX_RECORD_LINES && length < MAX_RECORD_LENGTH) continue
      }
      issues.add('bad-line', `${name}:${pending[0].number}`, 'a quoted field opens here and is never closed')
      queue = [...pending.slice(1), ...queue.slice(i)]
      i = 0
      reset()
    }
  }
  for await (const batch of batches) yield* take(batch, false)
  yield* take([], true)
}

/** Whether a line holds no record: a tab is white space, and may be all that a record of empty fields has. */
const isBlank = ({ text }: Line, { delimiter }: Dialect) => text.trim() === '' && !text.includes(delimiter)

/** Takes one record apart, line by line. What it learns about the quotes is for deciding the dialect. */
export class RecordParser {
  fields: string[] = []
  /** Fields with text after their closing quote. */
  irregular = 0
  /** Fields that a quote opens and another closes right before the delimiter. */
  regular = 0
  /** Those of them that hold a delimiter, a line break or a quote: only quotes make them one field. */
  proofs = 0
  private field = ''
  private quoted = false
  /** The field began with a quote, which may be closed by now. */
  private opened = false

  constructor(private readonly dialect: Dialect) {}

  reset(): void {
    this.fields = []
    this.irregular = this.regular = this.proofs = 0
    this.endField()
  }

  /** Adds one line, after which `lineEnd` stands; true when the record is complete. */
  feed(line: string, lineEnd = '\n'): boolean {
    const { delimiter, quote } = this.dialect
    for (let at = 0; ; ) {
      const opening = this.quoted || this.opened ? -1 : this.openingQuote(line, at)
      if (this.quoted) {
        at = this.inQuotes(line, at, lineEnd)
        if (at < 0) return false
      } else if (opening >= 0) {
        this.quoted = true
        this.opened = true
        at = opening + 1
        continue
      }
      const end = this.endOfField(line, at)
      const rest = this.unescaped(line.slice(at, end < 0 ? line.length : end))
      if (this.opened && rest.trim() !== '') this.irregular++
      else if (this.opened) {
        this.regular++
        if (this.field.includes(delimiter) || /[\r\n]/.test(this.field) || this.field.includes(quote)) this.proofs++
      }
      this.fields.push(this.field + rest)
      this.endField()
      if (end < 0) return true
      at = end + delimiter.length
    }
  }

  private endField() {
    this.field = ''
    this.quoted = false
    this.opened = false
  }

  /** Where the quote stands that opens the field; after spaces only one that stands around all of the rest. */
  private openingQuote(line: string, start: number): number {
    const { delimiter, quote } = this.dialect
    if (quote === '' || line[start] === quote) return quote === '' ? -1 : start
    let at = start
    while (line[at] === ' ') at++
    if (at === start || line[at] !== quote) return -1
    let end = line.indexOf(quote, at + 1)
    while (end >= 0 && line[end + 1] === quote) end = line.indexOf(quote, end + 2)
    const after = line.slice(end + 1).trimStart()
    return end >= 0 && (after === '' || after.startsWith(delimiter.trimStart())) ? at : -1
  }

  /** Reads on to the closing quote; the place after it, or -1 where the line ends before. */
  private inQuotes(line: string, start: number, lineEnd: string): number {
    const { quote, escape: escaping } = this.dialect
    for (let at = start; ; ) {
      const end = line.indexOf(quote, at)
      const escaped = escaping === '' || escaping === quote ? -1 : line.indexOf(escaping, at)
      if (escaped >= 0 && (end < 0 || escaped < end)) {
        const next = line[escaped + 1]
        const letter = next === quote || next === escaping
        this.field += line.slice(at, escaped) + (letter ? next : escaping)
        at = escaped + (letter ? 2 : 1)
      } else if (end < 0) {
        this.field += line.slice(at) + lineEnd
        return -1
      } else if (line[end + 1] === quote) {
        this.field += line.slice(at, end + 1)
        at = end + 2
      } else {
        this.field += line.slice(at, end)
        this.quoted = false
        return end + 1
      }
    }
  }

  /** Where the next delimiter stands that is one; -1 for none. */
  private endOfField(line: string, start: number): number {
    const { delimiter, quote, escape: escaping } = this.dialect
    let end = line.indexOf(delimiter, start)
    if (quote !== '' || escaping === '') return end
    for (; end > start; end = line.indexOf(delimiter, end + 1)) {
      let escapes = 0
      while (end - escapes > start && line[end - escapes - 1] === escaping) escapes++
      if (escapes % 2 === 0) return end
    }
    return end
  }

  private unescaped(text: string): string {
    const { delimiter, quote, escape: escaping } = this.dialect
    if (quote !== '' || escaping === '' || !text.includes(escaping)) return text
    let out = ''
    for (let at = 0; at < text.length; at++) {
      const next = text[at + 1]
      if (text[at] === escaping && (next === escaping || (next !== undefined && delimiter.startsWith(next)))) at++
      out += text[at]
    }
    return out
  }
}
