// Text blocks of one JSON array -> its elements, one at a time: JSON logs larger than memory stream too.
import type { IssueLog } from './issues.ts'

export interface Element {
  text: string
  /** Line on which the element starts, from 1. */
  line: number
  /** Place in the array, from 1. */
  index: number
}

/** Characters of the longest element that is read. */
const MAX_ELEMENT = 128 * 1024 * 1024

/** Streams the elements of a top-level JSON array as text, not yet parsed. */
export async function* readElements(
  blocks: AsyncIterable<string>,
  name: string,
  issues: IssueLog,
  maxElement = MAX_ELEMENT,
): AsyncGenerator<Element> {
  let depth = 0
  let inString = false
  let escaped = false
  let line = 1
  let index = 0
  let startLine = 0
  let pieces = ''
  let closed = false
  for await (const block of blocks) {
    let from = startLine > 0 ? 0 : -1
    for (let i = 0; i < block.length; i++) {
      const c = block.charCodeAt(i)
      if (c === 10) line++
      if (inString) {
        if (escaped) escaped = false
        else if (c === 92) escaped = true
        else if (c === 34) inString = false
        continue
      }
      if (c === 32 || c === 9 || c === 10 || c === 13) continue
      if (depth === 0) {
        if (closed || c !== 91) {
          issues.add('bad-line', `${name}:${line}`, 'text outside the JSON array; nothing after it is read')
          return
        }
        depth = 1
        continue
      }
      const ends = depth === 1 && (c === 44 || c === 93)
      if (ends) {
        if (from >= 0) {
          index++
          yield { text: pieces + block.slice(from, i), line: startLine, index }
        }
        from = -1
        startLine = 0
        pieces = ''
        if (c === 93) {
          depth = 0
          closed = true
        }
        continue
      }
      if (from < 0) {
        from = i
        startLine = line
      }
      if (c === 34) inString = true
      else if (c === 123 || c === 91) depth++
      else if ((c === 125 || c === 93) && depth > 1) depth--
    }
    if (from >= 0) pieces += block.slice(from)
    if (pieces.length > maxElement) {
      issues.add(
        'bad-line',
        `${name}:${startLine}`,
        `element ${index + 1} is longer than ${maxElement} characters; nothing after it is read`,
      )
      return
    }
  }
  if (!closed) {
    const what = startLine > 0 ? `inside element ${index + 1}, which starts on line ${startLine}` : 'inside the array'
    issues.add('truncated-file', `${name}:${line}`, `the file ends ${what}`)
  }
}
