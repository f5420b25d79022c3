// JSON objects one after the other, however they are indented, and lists inside of one object: the forms of JSON that
// are neither an array nor an object a line.
import { BumpError } from '../util/errors.ts'
import type { ReadingContext } from './formats/format.ts'
import { excerpt, type IssueLog } from './issues.ts'
import type { Element } from './json-array.ts'
import { jsonElements, jsonParts } from './json-text.ts'

/** Characters of the longest object that is read. */
const MAX_OBJECT = 128 * 1024 * 1024
/** Objects in objects that are searched for a list. */
const MAX_LIST_DEPTH = 3

/** Streams the objects of a text of objects with white space or commas between. */
export async function* readObjects(
  blocks: AsyncIterable<string>,
  name: string,
  issues: IssueLog,
): AsyncGenerator<Element> {
  let [line, start, depth, index] = [1, 0, 0, 0]
  let [inString, escaped, skipping] = [false, false, false]
  let pieces = ''
  for await (const block of blocks) {
    let from = 0
    for (let i = 0; i < block.length; i++) {
      const c = block[i]
      if (c === '\n') {
        line++
        skipping = false
      }
      if (inString) {
        if (escaped) escaped = false
        else if (c === '\\') escaped = true
        else if (c === '"') inString = false
      } else if (depth === 0) {
        if (skipping || /[\s,;]/.test(c)) continue
        if (c === '{') {
          depth = 1
          start = line
          from = i
        } else {
          issues.add('bad-line', `${name}:${line}`, `text between the JSON objects: ${excerpt(block.slice(i, i + 80))}`)
          skipping = true
        }
      } else if (c === '"') inString = true
      else if (c === '{' || c === '[') depth++
      else if ((c === '}' || c === ']') && --depth === 0) {
        yield { text: pieces + block.slice(from, i + 1), line: start, index: ++index }
        pieces = ''
      }
    }
    if (depth > 0) pieces += block.slice(from)
    if (pieces.length > MAX_OBJECT) {
      const cure = `if it holds a list, write it one element a line: jq -c '.list[]' ${name}`
      issues.add('bad-line', `${name}:${start}`, `an object longer than ${MAX_OBJECT} characters; ${cure}`)
      return
    }
  }
  if (depth > 0) issues.add('truncated-file', `${name}:${line}`, `the file ends inside the object of line ${start}`)
}

/**
 * The elements of the one list that a lone object holds, or undefined where the object is a record itself: where it has
 * a column that the caller mentions, or at least as many of usual names as the list's elements, none of them mentioned. Throws BumpError where several lists
 * could be meant.
 */
export function listWithin({ text, line }: Element, name: string, context: ReadingContext): Element[] | undefined {
  const hits = (keys: string[]) =>
    keys.filter((key) => context.known.has(key.toLowerCase()) || context.mapped.has(key.toLowerCase())).length
  const mentions = (keys: string[]) => keys.some((key) => context.mapped.has(key.toLowerCase()))
  const own = jsonParts(text).filter(({ from }) => !'[{'.includes(text[from]))
  const least = hits(own.map(({ key }) => key ?? ''))
  if (mentions(jsonParts(text).map(({ key }) => key ?? ''))) return undefined
  const lists = listsOf(text, 0, [])
    .map((list) => ({ ...list, hits: hits(list.keys) }))
    .filter((list) => mentions(list.keys) || list.hits > least || (list.hits === least && own.length === 0))
  if (lists.length === 0) return undefined
  const most = Math.max(...lists.map((list) => list.hits))
  const best = lists.filter((list) => list.hits === most)
  const [list] = best
  if (best.length > 1) {
    const paths = best.map(({ path }) => path.join('.'))
    throw new BumpError(
      'logs-unusable',
      `${name}: one JSON object around several lists (${excerpt(paths.join(', '), 200)}): write the one that is meant to ` +
        `a file, such as jq -c '.${paths[0]}[]' ${name} > ${list.path.at(-1)}.jsonl`,
    )
  }
  context.note(`one JSON object; the list in ${list.path.join('.')} is read, each element as a row`)
  context.describe(`the list in ${list.path.join('.')}`)
  const offsets = jsonParts(text.slice(list.from, list.to))
  let [at, reached] = [0, line]
  return offsets.map(({ from, to }, i) => {
    const place = list.from + from
    for (let next = text.indexOf('\n', at); next >= 0 && next < place; next = text.indexOf('\n', at)) {
      reached++
      at = next + 1
    }
    return { text: text.slice(place, list.from + to), line: reached, index: i + 1 }
  })
}

interface List {
  path: string[]
  from: number
  to: number
  /** Keys of the first element. */
  keys: string[]
}

/** Lists of objects in a JSON object, with their places in the text. */
function listsOf(text: string, offset: number, path: string[]): List[] {
  return jsonParts(text).flatMap(({ key = '', from, to }) => {
    const value = text.slice(from, to)
    const place = { path: [...path, key], from: offset + from, to: offset + to }
    if (/^\[\s*\{/.test(value)) {
      const [first] = jsonElements(value)
      return [{ ...place, keys: jsonParts(first).map((part) => part.key ?? '') }]
    }
    return value.startsWith('{') && path.length < MAX_LIST_DEPTH ? listsOf(value, offset + from, place.path) : []
  })
}
