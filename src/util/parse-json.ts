// JSON that somebody else wrote.

/** Deeper nesting than this is taken for an attack or a mistake. */
export const MAX_DEPTH = 64

/**
 * JSON.parse for files of others: whoever goes through a value of thousands of levels, or writes it into a message,
 * runs out of stack. Throws a SyntaxError for text that is no JSON, or nested deeper than MAX_DEPTH.
 */
export function parseJson(text: string): unknown {
  const value: unknown = JSON.parse(text)
  if (!isShallow(value)) throw new SyntaxError(`it is nested deeper than ${MAX_DEPTH} levels`)
  return value
}

/** Whether nesting stays within MAX_DEPTH; without recursion, since the input may be built to exhaust the stack. */
export function isShallow(value: unknown): boolean {
  let level = [value].filter(isNested)
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_DEPTH) return false
    level = level.flatMap((node) => Object.values(node).filter(isNested))
  }
  return true
}

const isNested = (value: unknown): value is object => typeof value === 'object' && value !== null
