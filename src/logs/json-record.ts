// JSON text -> a record: what JSON Lines, JSON arrays and LaMP files are read with.
import { excerpt, type IssueLog } from './issues.ts'

/** Deeper nesting than this is taken for an attack or a mistake. */
const MAX_DEPTH = 64

/**
 * Parses one JSON object. What is none is counted in `issues` with its file and line `at`, and undefined; characters
 * that JSON allows and a database does not are repaired and counted.
 */
export function toJsonRecord(
  text: string,
  at: string,
  issues: IssueLog,
): { json: string; value: Record<string, unknown> } | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
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
  if (/\\u(?:d[89a-f]|0000)/i.test(text)) {
    const clean = JSON.stringify(value, (_, inner) => (isObject(inner) ? cleanKeys(inner) : cleanCharacters(inner)))
    if (clean !== JSON.stringify(value)) {
      issues.add('encoding', at, 'a character that is none (lone surrogate or NUL), replaced')
      return { json: clean, value: JSON.parse(clean) as Record<string, unknown> }
    }
  }
  return { json: text, value }
}

/** Whether a value is an object with string keys. */
export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const LONE_SURROGATE = /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g
/** Text without lone surrogates and NULs, which are replaced; other values as they are. */
export const cleanCharacters = (value: unknown) =>
  typeof value === 'string' ? value.replace(LONE_SURROGATE, '\uFFFD').replaceAll('\0', '\uFFFD') : value
const cleanKeys = (value: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(value).map(([key, inner]) => [String(cleanCharacters(key)), inner]))

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
