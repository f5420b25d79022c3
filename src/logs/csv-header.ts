// Which record of a CSV file names its columns: the first one, one below a preamble, or none. What is not plain is noted.
import { BumpError } from '../util/errors.ts'
import { usualCount } from './csv-dialect.ts'
import type { CsvRecord } from './csv-records.ts'
import type { ReadingContext } from './formats/format.ts'
import { excerpt } from './issues.ts'
import { cleanCharacters } from './json-record.ts'
import { parseTime } from './time.ts'

export interface Header {
  /** Names of the columns. */
  names: string[]
  /** Line from which records come: that after the header, or the first one. */
  firstLine: number
  /** Line of the header; 0 where there is none. */
  line: number
  /** Fields that a record must have: those up to the last column with a name. */
  named: number
  notes: string[]
}

/** A preamble has no more records than this. */
const MAX_PREAMBLE = 100

/**
 * Decides from the first records. Throws BumpError (`invalid-options`) where the caller names more or fewer columns than
 * there are.
 */
export function headerOf(
  records: readonly CsvRecord[],
  fileName: string,
  { options: { headerLine: given, columns }, known, mapped }: Omit<ReadingContext, 'note' | 'describe'>,
): Header {
  if (columns !== undefined) return withColumns(records, columns, given, fileName)
  if (given === 0) return withoutHeader(records[0], [])
  if (given !== undefined) {
    const header = records.find(({ line }) => line >= given)
    return header === undefined ? withoutHeader(records[0], []) : withHeader(header, [])
  }
  const hits = ({ fields }: CsvRecord) =>
    fields.filter((field) => known.has(nameOf(field)) || mapped.has(nameOf(field))).length
  const at = headerIndex(records, hits)
  const header = records[at]
  const notes =
    at === 0
      ? []
      : [`line ${header.line} is taken for the header; what stands above it is left out (headerLine says otherwise)`]
  const { fields, line } = header
  const shown = excerpt(fields.join(', '))
  const trimmed = fields.map((field) => field.trim())
  const found = hits(header)
  const names = columnNames(fields).join(', ')
  if (isPandas(trimmed, records.slice(at + 1))) {
    return withHeader(header, [...notes, `line ${line} (${shown}) is taken for pandas' header; columns: ${names}`])
  }
  const numbered = fields.map((_, i) => `column${i}`)
  const isNamed = trimmed.some((field) => mapped.has(nameOf(field)))
  if (!isNamed && numbered.some((name, i) => mapped.has(name) && trimmed[i] !== '')) return withoutHeader(header, notes)
  const value = trimmed.find((field) => isNumber(field)) ?? trimmed.find(isDate)
  const isData = value !== undefined && (found === 0 || (found === 1 && !isNamed && recurs(header, records, known)))
  if (isData) {
    const note = `line ${line} (${shown}) is no header, since ${value} is a value; columns: ${numbered.join(', ')}; if it is one, give headerLine: ${line}; else columns may name them`
    return withoutHeader(header, [...notes, note])
  }
  if (found === 0 && at === 0) {
    notes.push(
      `line ${line} is taken for the header; columns: ${excerpt(names)}; if these are values, give the names by columns` +
        `${fields.length > 1 ? '' : '; if they are several, say by delimiter what stands between them'}`,
    )
  }
  return withHeader(header, notes)
}

const nameOf = (field: string) => field.trim().toLowerCase()
const isNumber = (field: string) => field !== '' && Number.isFinite(Number(field))
const isDate = (field: string) => /\d/.test(field) && parseTime(field) !== undefined

/** The number of fields up to the last one that is not empty. */
const filled = ({ fields }: CsvRecord) => fields.findLastIndex((field) => field.trim() !== '') + 1

/** The header's place, or that of the first record that is not of the preamble. */
function headerIndex(records: readonly CsvRecord[], hits: (record: CsvRecord) => number): number {
  if (hits(records[0]) > 0) return 0
  const early = records.slice(0, MAX_PREAMBLE)
  const named = early.findIndex(
    (record, i) =>
      hits(record) > 1 || (hits(record) > 0 && early.slice(0, i).every((before) => filled(before) !== filled(record))),
  )
  if (named > 0) return named
  const usual = usualCount(records.map(filled))
  const first = early.findIndex((record) => filled(record) === usual)
  // One line with one field less than the records may be a header that leaves out a name.
  const preamble = first > 1 || (first === 1 && usual >= 2 && filled(records[0]) <= Math.max(1, usual - 2))
  return preamble && records.length - first >= 2 ? first : 0
}

/** The header that pandas writes for a table without names: 0, 1, 2, ... and nothing above its index. */
function isPandas(fields: string[], below: readonly CsvRecord[]): boolean {
  const names = fields[0] === '' ? fields.slice(1) : fields
  if (names.length === 0 || names.some((name, i) => name !== String(i))) return false
  return (
    fields[0] === '' || below.some(({ fields: values }) => values.some((value) => value !== '' && !isNumber(value)))
  )
}

/** Whether the one usual name in a record is a value of that column further down, too. */
function recurs(header: CsvRecord, records: readonly CsvRecord[], known: ReadonlySet<string>): boolean {
  const column = header.fields.findIndex((field) => known.has(nameOf(field)))
  return records.some((record) => record !== header && record.fields[column] === header.fields[column])
}

/** The header that the caller's names make. */
function withColumns(
  records: readonly CsvRecord[],
  columns: readonly string[],
  given: number | undefined,
  fileName: string,
): Header {
  const names = columnNames(columns)
  const [first] = records
  const same = first.fields.length >= names.length && names.every((name, i) => nameOf(name) === nameOf(first.fields[i]))
  const line = given || (same ? first.line : 0)
  const header = line === 0 ? undefined : records.find((record) => record.line >= line)
  const rows = header === undefined ? records : records.slice(records.indexOf(header) + 1)
  // Delimiters at the end of a row, with nothing after them, are no fields.
  const [most, least] = [usualCount(rows.map(({ fields }) => fields.length)), usualCount(rows.map(filled))]
  if (rows.length > 0 && (names.length > most || names.length < least)) {
    const example = rows.find(({ fields }) => fields.length === most)!
    throw new BumpError(
      'invalid-options',
      `columns: ${names.length} names (${excerpt(names.join(', '))}) for rows of ${most} fields, such as line ` +
        `${example.line} of ${fileName}: ${excerpt(example.fields.join(', '))}. Name each of them`,
    )
  }
  const firstLine = header === undefined ? first.line : header.lastLine + 1
  return { names, firstLine, line: header?.line ?? 0, named: names.length, notes: [] }
}

function withHeader(record: CsvRecord, notes: string[]): Header {
  const { fields, line, lastLine } = record
  const names = columnNames(fields)
  const again = fields.flatMap((field, i) =>
    field.trim() === '' || names[i] === cleanCharacters(field.trim()) ? [] : [`${field.trim()} (now ${names[i]})`],
  )
  const repeated = `line ${line} names columns twice; the first keeps its name, the others are ${excerpt(again.join(', '))}`
  return {
    names,
    firstLine: lastLine + 1,
    line,
    named: filled(record),
    notes: again.length === 0 ? notes : [...notes, repeated],
  }
}

function withoutHeader({ fields, line }: CsvRecord, notes: string[]): Header {
  return { names: fields.map((_, i) => `column${i}`), firstLine: line, line: 0, named: fields.length, notes }
}

function columnNames(fields: readonly string[]): string[] {
  const taken = new Set<string>()
  /** How often a name was wanted before: a header of thousands of equal names must not take for ever. */
  const wantedBefore = new Map<string, number>()
  return fields.map((field, i) => {
    const wanted = field.trim() === '' ? `column${i}` : String(cleanCharacters(field.trim()))
    let n = wantedBefore.get(wanted.toLowerCase()) ?? 0
    let name = n === 0 ? wanted : `${wanted}_${n}`
    while (taken.has(name.toLowerCase())) name = `${wanted}_${++n}`
    wantedBefore.set(wanted.toLowerCase(), n)
    taken.add(name.toLowerCase())
    return name
  })
}
