// One text file -> records: JSON objects with the line they came from, whatever the format. Every line that is no
// record is counted. Second stage of reading text formats, before DuckDB sees them.
import { delimiterOf, readCsv } from './csv.ts'
import { excerpt, type IssueLog } from './issues.ts'
import { readElements } from './json-elements.ts'
import { type Line, readLines } from './lines.ts'
import type { SourceFile } from './sources.ts'
import { textBlocks } from './text-blocks.ts'

export interface RawRecord {
  line: number
  /** Place in a JSON array, from 1; 0 for formats of lines. */
  element: number
  /** The record as JSON text that DuckDB can parse. */
  json: string
  value: Record<string, unknown>
  /** For LaMP: equal for the copies of one profile item in several questions of one user. */
  mergeKey?: string
}

/** Deeper nesting than this is taken for an attack or a mistake. */
const MAX_DEPTH = 64

/** Streams the records of one file. */
export async function* readRecords(file: SourceFile, issues: IssueLog): AsyncGenerator<RawRecord> {
  const blocks = textBlocks(file, issues)
  if (file.format === 'json') yield* arrayRecords(blocks, file, issues)
  else if (file.format === 'lamp') yield* lampRecords(blocks, file, issues)
  else {
    const lines = readLines(blocks, file.name, issues)
    yield* file.format === 'jsonl' ? lineRecords(lines, file, issues) : csvRecords(lines, file, issues)
  }
}

async function* lineRecords(batches: AsyncIterable<Line[]>, file: SourceFile, issues: IssueLog) {
  for await (const batch of batches) {
    for (const { text, number } of batch) {
      if (text.trim() === '') continue
      const record = toRecord(text, `${file.name}:${number}`, issues)
      if (record !== undefined) yield { ...record, line: number, element: 0 }
    }
  }
}

async function* arrayRecords(blocks: AsyncIterable<string>, file: SourceFile, issues: IssueLog) {
  for await (const { text, line, index } of readElements(blocks, file.name, issues)) {
    const record = toRecord(text, `${file.name}:${line} (element ${index})`, issues)
    if (record !== undefined) yield { ...record, line, element: index }
  }
}

/** One question after the other: the user is its `user_id` or else its `id`, the records are its profile's items. */
async function* lampRecords(
  blocks: AsyncIterable<string>,
  file: SourceFile,
  issues: IssueLog,
): AsyncGenerator<RawRecord> {
  for await (const { text, line, index } of readElements(blocks, file.name, issues)) {
    const at = `${file.name}:${line} (question ${index})`
    const question = toRecord(text, at, issues)?.value
    if (question === undefined) continue
    if (!Array.isArray(question.profile)) {
      issues.add('bad-line', at, 'a question without a "profile" array')
      continue
    }
    const user = question.user_id ?? question.id
    const copies = new Map<string, number>()
    for (const [i, item] of question.profile.entries()) {
      if (!isObject(item)) {
        issues.add('bad-line', `${at}, item ${i + 1}`, 'a profile item that is not an object')
        continue
      }
      const { id: _, ...content } = item
      const key = JSON.stringify([user, content])
      const copy = (copies.get(key) ?? 0) + 1
      copies.set(key, copy)
      const value = { ...item, user_id: user, question_id: question.id }
      yield { line, element: index, json: JSON.stringify(value), value, mergeKey: `${copy}|${key}` }
    }
  }
}

async function* csvRecords(
  batches: AsyncIterable<Line[]>,
  file: SourceFile,
  issues: IssueLog,
): AsyncGenerator<RawRecord> {
  const [first, rest] = await peekLine(batches)
  if (first === undefined) return
  const delimiter = file.format === 'tsv' ? '\t' : delimiterOf(first.text)
  let header: string[] | undefined
  for await (const { fields, line } of readCsv(rest, delimiter, file.name, issues)) {
    if (header === undefined) {
      header = headerOf(fields)
      if (header !== undefined) continue
      header = fields.map((_, i) => `column${i}`)
    }
    if (fields.length !== header.length) {
      const what = `${fields.length} fields where there should be ${header.length}: ${excerpt(fields.join(delimiter))}`
      issues.add('bad-line', `${file.name}:${line}`, what)
      continue
    }
    const entries: [string, unknown][] = []
    for (const [i, name] of header.entries()) if (fields[i] !== '') entries.push([name, cleanText(fields[i])])
    if (fields.some((field) => field.includes('\0'))) {
      issues.add('encoding', `${file.name}:${line}`, 'a NUL character, replaced')
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

/** Parses one JSON object; counts what is none and repairs characters that JSON allows and a database does not. */
function toRecord(
  text: string,
  where: string,
  issues: IssueLog,
): { json: string; value: Record<string, unknown> } | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    issues.add('bad-line', where, `not JSON: ${excerpt(text)}`)
    return undefined
  }
  if (!isObject(value)) {
    issues.add('bad-line', where, `not a JSON object: ${excerpt(text)}`)
    return undefined
  }
  if (!shallow(value)) {
    issues.add('bad-line', where, `nested deeper than ${MAX_DEPTH} levels`)
    return undefined
  }
  if (/\\u(?:d[89a-f]|0000)/i.test(text)) {
    const clean = JSON.stringify(value, (_, inner) => (isObject(inner) ? cleanKeys(inner) : cleanText(inner)))
    if (clean !== JSON.stringify(value)) {
      issues.add('encoding', where, 'a character that is none (lone surrogate or NUL), replaced')
      return { json: clean, value: JSON.parse(clean) as Record<string, unknown> }
    }
  }
  return { json: text, value }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const LONE_SURROGATE = /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g
const cleanText = (value: unknown) =>
  typeof value === 'string' ? value.replace(LONE_SURROGATE, '\uFFFD').replaceAll('\0', '\uFFFD') : value
const cleanKeys = (value: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(value).map(([key, inner]) => [String(cleanText(key)), inner]))

/** Whether nesting stays within MAX_DEPTH; without recursion, since the input may be built to exhaust the stack. */
function shallow(value: Record<string, unknown>): boolean {
  let level: unknown[] = [value]
  for (let depth = 0; depth <= MAX_DEPTH; depth++) {
    const next: unknown[] = []
    for (const node of level) {
      for (const inner of Object.values(node as object))
        if (typeof inner === 'object' && inner !== null) next.push(inner)
    }
    if (next.length === 0) return true
    level = next
  }
  return false
}
