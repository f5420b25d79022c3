// JSON text -> a record: what JSON Lines, JSON arrays and LaMP files are read with.
import { excerpt, type IssueLog } from './issues.ts'

/** Deeper nesting than this is taken for an attack or a mistake. */
const MAX_DEPTH = 64

/**
 * Parses one JSON object. What is none is counted in `issues` with its file and line `at`, and undefined. Characters
 * that JSON allows and a database does not, and the NaN and Infinity that Python writes, are repaired in the text, so
 * that everything else keeps its spelling: numbers of any length keep their digits.
 */
export function toJsonRecord(
  text: string,
  at: string,
  issues: IssueLog,
): { json: string; value: Record<string, unknown> } | undefined {
  let json = text
  let value = parsed(text)
  if (value === undefined && NOT_FINITE.test(text)) {
    json = withoutNotFinite(text)
    value = parsed(json)
    if (value !== undefined) issues.add('not-finite', at, `NaN or Infinity: ${excerpt(text)}`)
  }
  if (value === undefined) {
    issues.add('bad-line', at, `not JSON: ${excerpt(text)}`)
    return undefined
  }
  if (!isObject(value)) {
    issues.add('bad-line', at, `not a JSON object: ${excerpt(text)}`)
    return undefined
  }
  if (!shallow(value)) {
    issues.add('bad-line', at, `nested deeper than ${MAX_DEPTH} levels`)
    return undefined
  }
  const clean = cleanJson(json)
  if (clean !== json) {
    issues.add('encoding', at, 'a character that is none (lone surrogate or NUL), replaced')
    return { json: clean, value: JSON.parse(clean) as Record<string, unknown> }
  }
  return { json, value }
}

/** Whether a text is JSON, but for the NaN and Infinity of Python. */
export const isJson = (text: string): boolean => parsed(withoutNotFinite(text)) !== undefined

/** The value of a JSON text; undefined where it is none. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** A number that JSON has not, as Python, pandas, DuckDB and C (on Windows, too) write it. */
const WORD = String.raw`\b(?:nan(?:\(\w*\))?|inf(?:inity)?|1\.#(?:ind|inf|[qs]nan)\d*)(?!\w)`
const NOT_FINITE = new RegExp(WORD, 'i')
/** Such a number, or a JSON string, which is kept whole. */
const STRING_OR_NOT_FINITE = new RegExp(String.raw`"(?:[^"\\]|\\.)*"|[+-]?${WORD}`, 'gi')

/** JSON text with null for every NaN and Infinity outside strings. */
export function withoutNotFinite(text: string): string {
  return NOT_FINITE.test(text)
    ? text.replace(STRING_OR_NOT_FINITE, (token) => (token.startsWith('"') ? token : 'null'))
    : text
}

const STRING_OR_NUMBER = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g

/** A JSON text's value, in which whole numbers beyond 2^53 are text: ids keep their digits. */
export function parseExact(json: string): unknown {
  const isLong = (token: string) => /^-?\d{16,}$/.test(token) && !Number.isSafeInteger(Number(token))
  const exact = /\d{16}/.test(json)
    ? json.replace(STRING_OR_NUMBER, (token) => (isLong(token) ? `"${token}"` : token))
    : json
  return JSON.parse(exact)
}

const JSON_ESCAPE = /\\(?:u([0-9a-f]{4})|[^u])/gi

/** JSON text whose strings have neither lone surrogates nor NULs, written as they are or as escapes. */
function cleanJson(text: string): string {
  const whole = String(cleanCharacters(text))
  if (!/\\u(?:d[89a-f]|0000)/i.test(whole)) return whole
  // The halves of a pair may be written in two ways next to each other: all of them become characters first.
  let nul = false
  const plain = whole.replace(JSON_ESCAPE, (written, code: string | undefined) => {
    const unit = code === undefined ? 1 : Number.parseInt(code, 16)
    nul ||= unit === 0
    if (unit === 0) return '\uFFFD'
    return unit >= 0xd800 && unit < 0xe000 ? String.fromCharCode(unit) : written
  })
  const clean = String(cleanCharacters(plain))
  return nul || clean !== plain ? clean : whole
}

/** Whether a value is an object with string keys. */
export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const LONE_SURROGATE = /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g
/** Text without lone surrogates and NULs, which are replaced; other values as they are. */
export const cleanCharacters = (value: unknown) =>
  typeof value === 'string' ? value.replace(LONE_SURROGATE, '\uFFFD').replaceAll('\0', '\uFFFD') : value

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
