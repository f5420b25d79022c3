// The parts of a JSON text as they are written: for whoever takes records apart and must not change a digit, since
// JSON.parse rounds long numbers.

const SPACE = /\s/

/** A value inside an array or object, by its place in the text. */
interface Part {
  /** Key, or undefined in an array. */
  key: string | undefined
  from: number
  to: number
}

/** The values directly inside a text that is one valid JSON array or object. */
export function jsonParts(text: string): Part[] {
  const parts: Part[] = []
  let at = text.search(/[[{]/) + 1
  const isObject = text[at - 1] === '{'
  const skip = () => {
    while (SPACE.test(text[at] ?? '')) at++
  }
  for (skip(); text[at] !== ']' && text[at] !== '}'; skip()) {
    let key: string | undefined
    if (isObject) {
      const end = endOfString(text, at)
      key = JSON.parse(text.slice(at, end)) as string
      at = text.indexOf(':', end) + 1
      skip()
    }
    const from = at
    at = endOfValue(text, at)
    parts.push({ key, from, to: at })
    skip()
    if (text[at] === ',') at++
  }
  return parts
}

/** The values of a JSON object as written, by key; of equal keys the last counts, as in JSON.parse. */
export function jsonMembers(text: string): Map<string, string> {
  return new Map(jsonParts(text).map(({ key, from, to }) => [key ?? '', text.slice(from, to)]))
}

/** The elements of a JSON array as written. */
export function jsonElements(text: string): string[] {
  return jsonParts(text).map(({ from, to }) => text.slice(from, to))
}

function endOfValue(text: string, start: number): number {
  let depth = 0
  for (let at = start; at < text.length; ) {
    const c = text[at]
    if (c === '"') at = endOfString(text, at)
    else if (depth === 0 && (c === ',' || c === ']' || c === '}' || SPACE.test(c))) return at
    else {
      if (c === '{' || c === '[') depth++
      else if (c === '}' || c === ']') depth--
      at++
    }
    if (depth === 0 && (c === '"' || c === '}' || c === ']')) return at
  }
  return text.length
}

function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === '"') return at + 1
  }
  return text.length
}
