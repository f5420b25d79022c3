// JSON that somebody else wrote.

/** Deeper nesting than this is taken for an attack or a mistake. */
export const MAX_DEPTH = 64

/**
 * JSON.parse for files of others, which may begin with a byte order mark: whoever goes through a value of thousands of
 * levels, or writes it into a message, runs out of stack. Throws a SyntaxError for text that is no JSON, or nested deeper than MAX_DEPTH.
 */
export function parseJson(text: string): unknown {
  const value: unknown = JSON.parse(text.replace(/^\uFEFF/, ''))
  if (!isShallow(value)) throw new SyntaxError(`it is nested deeper than ${MAX_DEPTH} levels`)
  return value
}

/** Whether nesting stays within MAX_DEPTH; without recursion, since the input may be built to exhaust the stack. */
export function isShallow(value: unknown): boolean {
  let level = isNested(value) ? [value] : []
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_DEPTH) return false
    const next: object[] = []
    for (const node of level) for (const child of Object.values(node)) if (isNested(child)) next.push(child)
    level = next
  }
  return true
}

const isNested = (value: unknown): value is object => typeof value === 'object' && value !== null
