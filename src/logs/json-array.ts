// The elements of one JSON array, one at a time, from blocks of text: arrays larger than memory, and than the longest
// string, can be read.
import type { IssueLog } from './issues.ts'

export interface Element {
  /** As written and not yet parsed; empty where a comma has nothing before it. */
  text: string
  /** Line on which the element starts, from 1. */
  line: number
  /** Place in the array, from 1; that of the element before where the text is empty. */
  index: number
}

/** Where a scan stands: it goes on in the first three cases. */
type ScanState = 'before' | 'inside' | 'after' | 'outside' | 'too-long'

/** Characters of the longest element that is read. */
const MAX_ELEMENT = 128 * 1024 * 1024

/** Scans a text that should be one JSON array. */
export class JsonArrayScanner {
  /** `outside`: there is text before or after the array. Nothing after it, or after an element too long, is scanned. */
  state: ScanState = 'before'
  /** Line that the scan has reached, from 1. */
  line = 1
  /** Elements so far. */
  elements = 0
  /** Line on which the element that is not complete yet starts; 0 between elements. */
  openLine = 0
  private depth = 0
  private inString = false
  private escaped = false
  private pieces = ''

  constructor(readonly maxElement = MAX_ELEMENT) {}

  /** The elements that end in this block; the scanner's own fields are true again when all of them are taken. */
  *push(block: string): Generator<Element> {
    let { state, line, elements, openLine, depth, inString, escaped } = this
    let from = openLine > 0 ? 0 : -1
    for (let i = 0; i < block.length && state !== 'outside'; i++) {
      const c = block.charCodeAt(i)
      if (c === NEWLINE) line++
      if (inString) {
        if (escaped) escaped = false
        else if (c === BACKSLASH) escaped = true
        else if (c === QUOTE) inString = false
        continue
      }
      if (c === SPACE || c === TAB || c === NEWLINE || c === RETURN) continue
      if (state !== 'inside') {
        // A script ends its statement with a semicolon.
        if (state === 'after' && c === SEMICOLON) continue
        state = c === OPEN_ARRAY ? 'inside' : 'outside'
      } else if (depth === 0 && (c === COMMA || c === CLOSE_ARRAY)) {
        if (from >= 0) {
          elements++
          yield { text: this.pieces + block.slice(from, i), line: openLine, index: elements }
        } else if (c === COMMA || elements > 0) yield { text: '', line, index: elements }
        from = -1
        openLine = 0
        this.pieces = ''
        if (c === CLOSE_ARRAY) state = 'after'
      } else {
        if (from < 0) {
          from = i
          openLine = line
        }
        if (c === QUOTE) inString = true
        else if (c === OPEN_OBJECT || c === OPEN_ARRAY) depth++
        else if ((c === CLOSE_OBJECT || c === CLOSE_ARRAY) && depth > 0) depth--
      }
    }
    if (from >= 0) this.pieces += block.slice(from)
    if (this.pieces.length > this.maxElement) state = 'too-long'
    Object.assign(this, { state, line, elements, openLine, depth, inString, escaped })
  }
}

const [
  TAB,
  NEWLINE,
  RETURN,
  SPACE,
  QUOTE,
  COMMA,
  OPEN_ARRAY,
  BACKSLASH,
  CLOSE_ARRAY,
  OPEN_OBJECT,
  CLOSE_OBJECT,
  SEMICOLON,
] = Array.from('\t\n\r ",[\\]{};', (character) => character.charCodeAt(0))

/**
 * Streams the elements of a log that is one JSON array. What stops the reading before the end goes to `issues` with its
 * place in the file called `name`.
 */
export async function* readElements(
  blocks: AsyncIterable<string>,
  name: string,
  issues: IssueLog,
  maxElement = MAX_ELEMENT,
): AsyncGenerator<Element> {
  const scanner = new JsonArrayScanner(maxElement)
  for await (const block of blocks) {
    for (const element of scanner.push(block)) if (element.text !== '') yield element
    if (scanner.state === 'outside') {
      issues.add('bad-line', `${name}:${scanner.line}`, 'text outside the JSON array; nothing after it is read')
      return
    }
    if (scanner.state === 'too-long') {
      const what = `element ${scanner.elements + 1} is longer than ${maxElement} characters; nothing after it is read`
      issues.add('bad-line', `${name}:${scanner.openLine}`, what)
      return
    }
  }
  if (scanner.state === 'after') return
  const { openLine, elements, line } = scanner
  const what = openLine > 0 ? `inside element ${elements + 1}, which starts on line ${openLine}` : 'inside the array'
  issues.add('truncated-file', `${name}:${line}`, `the file ends ${what}`)
}
