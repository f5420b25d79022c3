// Lines -> CSV records (RFC 4180: quoted fields may hold delimiters, quotes and line breaks), for CSV and TSV logs.
import type { IssueLog } from './issues.ts'
import type { Line } from './lines.ts'

export interface CsvRecord {
  fields: string[]
  /** Line on which the record starts. */
  line: number
}

/** A quoted field may run over so many lines and characters; beyond, its opening quote is taken for a mistake. */
const MAX_RECORD_LINES = 5000
const MAX_RECORD_LENGTH = 8 * 1024 * 1024

/** The delimiter that splits the first line into the most fields; the comma where none does. */
export function delimiterOf(firstLine: string): string {
  let best = ','
  let most = 1
  for (const delimiter of [',', ';', '\t', '|']) {
    const record = new RecordParser(delimiter)
    record.feed(firstLine)
    if (record.fields.length > most) {
      best = delimiter
      most = record.fields.length
    }
  }
  return best
}

/** Streams records; a field whose quote is never closed is counted, and reading goes on with the line after it. */
export async function* readCsv(
  batches: AsyncIterable<Line[]>,
  delimiter: string,
  name: string,
  issues: IssueLog,
): AsyncGenerator<CsvRecord> {
  let pending: Line[] = []
  let length = 0
  let parser = new RecordParser(delimiter)
  const reset = () => {
    pending = []
    length = 0
    parser = new RecordParser(delimiter)
  }
  /** Parses waiting lines; `final`: no more will come, so an open quote is a mistake. */
  function* take(lines: Line[], final: boolean): Generator<CsvRecord> {
    let queue = lines
    for (let i = 0; i < queue.length || (final && pending.length > 0); ) {
      if (i < queue.length) {
        const line = queue[i++]
        if (pending.length === 0 && line.text.trim() === '') continue
        pending.push(line)
        length += line.text.length
        if (parser.feed(line.text)) {
          yield { fields: parser.fields, line: pending[0].number }
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

class RecordParser {
  fields: string[] = []
  private field = ''
  private quoted = false

  constructor(private readonly delimiter: string) {}

  /** Adds one line; true when the record is complete. */
  feed(line: string): boolean {
    let at = 0
    for (;;) {
      if (this.quoted) {
        const quote = line.indexOf('"', at)
        if (quote < 0) {
          this.field += `${line.slice(at)}\n`
          return false
        }
        this.field += line.slice(at, quote)
        if (line[quote + 1] === '"') {
          this.field += '"'
          at = quote + 2
          continue
        }
        this.quoted = false
        at = quote + 1
      } else if (line[at] === '"' && this.field === '') {
        this.quoted = true
        at++
        continue
      }
      const end = line.indexOf(this.delimiter, at)
      this.fields.push(this.field + line.slice(at, end < 0 ? line.length : end))
      this.field = ''
      if (end < 0) return true
      at = end + 1
    }
  }
}
