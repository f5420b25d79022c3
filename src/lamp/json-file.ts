// A JSON file of a LaMP folder, plain or gzipped, with errors for what goes wrong in practice: a web page where data
// should be, a download cut short, a file larger than one string can be.
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { BumpError } from '../util/errors.ts'

/** An element of a top-level array, with the line it starts on (from 1). */
export interface JsonElement {
  value: unknown
  line: number
}

/** The value of a whole file. Throws a BumpError that says what the file is instead. */
export function readJson(file: string): unknown {
  const bytes = readBytes(file)
  const text = bytes.toString('utf8')
  try {
    return JSON.parse(text)
  } catch (error) {
    throw notJson(file, error)
  }
}

/**
 * The elements of a file that is one array, each parsed on its own: official train files are larger than the longest
 * string. Throws a BumpError with the line for what is no array, breaks off or does not parse.
 */
export function* readJsonArray(file: string): Generator<JsonElement> {
  const bytes = readBytes(file)
  let at = skipSpace(bytes, 0)
  if (bytes[at] !== OPEN_ARRAY)
    throw new BumpError(
      'lamp-unusable',
      `${file}: not a JSON array of questions: name the folder of the downloaded LaMP files`,
    )
  let line = 1 + newlines(bytes, 0, at)
  for (let first = true; ; first = false) {
    const start = skipSpace(bytes, at + 1)
    line += newlines(bytes, at, start)
    const end = start < bytes.length ? elementEnd(bytes, start) : undefined
    if (end === undefined) throw truncated(file, line)
    const text = bytes.toString('utf8', start, end)
    const closes = bytes[end] === CLOSE_ARRAY
    if (first && closes && text.trim() === '') return
    let value: unknown
    try {
      value = JSON.parse(text)
    } catch (error) {
      throw notJson(`${file}:${line}`, error)
    }
    yield { value, line }
    if (closes) return
    line += newlines(bytes, start, end)
    at = end
  }
}

const [SPACE, QUOTE, COMMA, OPEN_ARRAY, BACKSLASH, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = Buffer.from(' ",[\\]{}')
const NEWLINE = 10

function readBytes(file: string): Buffer {
  let bytes: Buffer
  try {
    bytes = readFileSync(file)
  } catch (error) {
    throw new BumpError('lamp-unusable', `${file}: ${error instanceof Error ? error.message : error}`, { cause: error })
  }
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) {
    try {
      bytes = gunzipSync(bytes)
    } catch (error) {
      throw new BumpError('lamp-unusable', `${file}: the gzip file is damaged or cut short: download it again`, {
        cause: error,
      })
    }
  }
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) bytes = bytes.subarray(3)
  const first = bytes[skipSpace(bytes, 0)]
  if (first === undefined) throw new BumpError('lamp-unusable', `${file}: the file is empty: download it again`)
  if (first === 0x3c)
    throw new BumpError(
      'lamp-unusable',
      `${file}: a web page (HTML) and not JSON: a wrong download address answers with a page; download the file again ` +
        'from the address that the LaMP site gives',
    )
  return bytes
}

function notJson(where: string, cause: unknown): BumpError {
  const what = cause instanceof Error ? cause.message : String(cause)
  const cut = /unexpected end|unterminated/i.test(what) ? ' (the file is cut short: download it again)' : ''
  return new BumpError('lamp-unusable', `${where}: not valid JSON: ${what}${cut}`, { cause })
}

function truncated(file: string, line: number): BumpError {
  return new BumpError(
    'lamp-unusable',
    `${file}:${line}: the file ends inside the array (cut short): download it again`,
  )
}

function skipSpace(bytes: Buffer, from: number): number {
  let at = from
  while (at < bytes.length && (bytes[at] === SPACE || (bytes[at] >= 9 && bytes[at] <= 13))) at++
  return at
}

function newlines(bytes: Buffer, from: number, to: number): number {
  let count = 0
  for (let at = bytes.indexOf(NEWLINE, from); at >= 0 && at < to; at = bytes.indexOf(NEWLINE, at + 1)) count++
  return count
}

/** Place of the comma or bracket that ends the element which starts at `from`; undefined where the file ends first. */
function elementEnd(bytes: Buffer, from: number): number | undefined {
  let depth = 0
  for (let at = from; at < bytes.length; at++) {
    const c = bytes[at]
    if (c === QUOTE) {
      at++
      while (at < bytes.length && bytes[at] !== QUOTE) at += bytes[at] === BACKSLASH ? 2 : 1
    } else if (depth === 0 && (c === COMMA || c === CLOSE_ARRAY)) return at
    else if (c === OPEN_ARRAY || c === OPEN_OBJECT) depth++
    else if (c === CLOSE_ARRAY || c === CLOSE_OBJECT) depth--
  }
  return undefined
}
