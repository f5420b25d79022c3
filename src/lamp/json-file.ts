// A JSON file of a LaMP folder, plain or gzipped, with errors for what goes wrong in practice: a web page where data
// should be, a download cut short, a file larger than one string can be.
import { constants } from 'node:buffer'
import { readFileSync } from 'node:fs'
import { StringDecoder } from 'node:string_decoder'
import { gunzipSync } from 'node:zlib'
import { JsonArrayScanner } from '../logs/json-array.ts'
import { isObject } from '../logs/json-record.ts'
import { BumpError } from '../util/errors.ts'
import { parseJson } from '../util/parse-json.ts'
import { unpackedLimit } from '../util/unpacked.ts'

/** Bytes that are decoded at once. */
const BLOCK = 4 * 2 ** 20

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
    return parseJson(text)
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
  if (bytes[skipSpace(bytes)] !== OPEN_ARRAY)
    throw new BumpError(
      'lamp-unusable',
      `${file}: not a JSON array of questions: name the folder of the downloaded LaMP files`,
    )
  const scanner = new JsonArrayScanner()
  const decoder = new StringDecoder('utf8')
  for (let from = 0; from < bytes.length && (scanner.state === 'before' || scanner.state === 'inside'); from += BLOCK) {
    for (const { text, line } of scanner.push(decoder.write(bytes.subarray(from, from + BLOCK)))) {
      let value: unknown
      try {
        value = parseJson(text)
      } catch (error) {
        throw notJson(`${file}:${line}`, error)
      }
      yield { value, line }
    }
  }
  if (scanner.state === 'too-long')
    throw new BumpError(
      'lamp-unusable',
      `${file}:${scanner.openLine}: a question of more than ${scanner.maxElement} characters: is this a LaMP file?`,
    )
  if (scanner.state === 'inside')
    throw new BumpError(
      'lamp-unusable',
      `${file}:${scanner.openLine || scanner.line}: the file ends inside the array (cut short): download it again`,
    )
}

/** An object with string keys. Throws a BumpError that says at which file and line and `what` it should be. */
export function objectAt(at: string, value: unknown, what: string): Record<string, unknown> {
  if (isObject(value)) return value
  throw new BumpError(
    'lamp-unusable',
    `${at}: ${what} should be an object and is ${JSON.stringify(value)?.slice(0, 40)}`,
  )
}

/** An id as text. Throws a BumpError that says at which file and line and `whose` it should be. */
export function idAt(at: string, id: unknown, whose: string): string {
  if (typeof id === 'number' || (typeof id === 'string' && id !== '')) return String(id)
  throw new BumpError('lamp-unusable', `${at}: ${whose} has no id`)
}

const OPEN_ARRAY = 0x5b

function readBytes(file: string): Buffer {
  let bytes: Buffer
  try {
    bytes = readFileSync(file)
  } catch (error) {
    throw new BumpError('lamp-unusable', `${file}: ${error instanceof Error ? error.message : error}`, { cause: error })
  }
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) {
    try {
      bytes = gunzipSync(bytes, { maxOutputLength: Math.min(unpackedLimit(bytes.length), constants.MAX_LENGTH) })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE')
        throw new BumpError(
          'lamp-unusable',
          `${file}: unpacked it is over 200 times as large, or larger than memory can hold: is this a LaMP file? Unpack it yourself if it is`,
          { cause: error },
        )
      throw new BumpError('lamp-unusable', `${file}: the gzip file is damaged or cut short: download it again`, {
        cause: error,
      })
    }
  }
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) bytes = bytes.subarray(3)
  const first = bytes[skipSpace(bytes)]
  if (first === undefined) throw new BumpError('lamp-unusable', `${file}: the file is empty: download it again`)
  if (first === 0x3c)
    throw new BumpError(
      'lamp-unusable',
      `${file}: a web page (HTML) and not JSON: a wrong download address answers with a page; download the file again ` +
        'from the address that the LaMP site gives',
    )
  return bytes
}

function notJson(at: string, cause: unknown): BumpError {
  const what = cause instanceof Error ? cause.message : String(cause)
  const cut = /unexpected end|unterminated/i.test(what) ? ' (the file is cut short: download it again)' : ''
  return new BumpError('lamp-unusable', `${at}: not valid JSON: ${what}${cut}`, { cause })
}

/** Place of the first byte that is no white space. */
function skipSpace(bytes: Buffer): number {
  let at = 0
  while (at < bytes.length && (bytes[at] === 0x20 || (bytes[at] >= 9 && bytes[at] <= 13))) at++
  return at
}
