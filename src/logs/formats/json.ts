// JSON: one array of objects, an object around one, or objects one after the other; also as a script's assignment, as
// X's archive has it.
import { type Element, readElements } from '../json-array.ts'
import { listWithin, readObjects } from '../json-objects.ts'
import { isJson, toJsonRecord } from '../json-record.ts'
import type { ReadingContext, TextFormat } from './format.ts'

export const json: TextFormat = {
  type: 'text',
  name: 'json',
  title: 'JSON',
  recognises: (start) => start.startsWith('[') || ASSIGNMENT.test(start) || isIndented(start),
  async *records(blocks, fileName, issues, context) {
    const { isArray, rest } = await opened(blocks)
    const elements = isArray ? readElements(rest, fileName, issues) : readObjects(rest, fileName, issues)
    for await (const { text, line, index } of isArray ? elements : withList(elements, fileName, context)) {
      const record = toJsonRecord(text, `${fileName}:${line} (element ${index})`, issues)
      if (record !== undefined) yield { ...record, line, element: index }
    }
  },
}

/** `window.YTD.tweets.part0 = [`, `const rows = [`, `export default [` */
export const ASSIGNMENT =
  /^(?:export\s+default\s+|(?:(?:var|let|const)\s+)?[\w$.]+(?:\[[^\]\n]{1,40}\])*\s*=\s*)(?=[[{])/

/** Whether a text begins with an object that goes on over several lines. */
export function isIndented(start: string): boolean {
  if (!start.startsWith('{')) return false
  const [first, second] = start.split('\n').flatMap((line) => (line.trim() === '' ? [] : [line.trim()]))
  if (second === undefined || isJson(first)) return false
  return /[{[]$/.test(first) || (first.endsWith(',') && second.startsWith('"'))
}

/** The text without an assignment before it, and whether it is an array. */
async function opened(blocks: AsyncIterable<string>): Promise<{ isArray: boolean; rest: AsyncIterable<string> }> {
  const iterator = blocks[Symbol.asyncIterator]()
  let start = ''
  while (!/[[{]/.test(start) && start.length < 4096) {
    const next = await iterator.next()
    if (next.done) break
    start += next.value
  }
  const blank = start.length - start.trimStart().length
  const assignment = ASSIGNMENT.exec(start.slice(blank))?.[0] ?? ''
  const text = start.slice(0, blank) + assignment.replace(/[^\n]/g, '') + start.slice(blank + assignment.length)
  async function* rest() {
    yield text
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value
  }
  return { isArray: !text.trimStart().startsWith('{'), rest: rest() }
}

/** The objects, or the elements of the list in the only one. */
async function* withList(
  objects: AsyncGenerator<Element>,
  fileName: string,
  context: ReadingContext,
): AsyncGenerator<Element> {
  const first = await objects.next()
  if (first.done) return
  const second = await objects.next()
  const list = second.done && isJson(first.value.text) ? listWithin(first.value, fileName, context) : undefined
  if (list !== undefined) return yield* list
  yield first.value
  if (!second.done) yield second.value
  yield* objects
}
