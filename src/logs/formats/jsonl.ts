// JSON Lines: one JSON object a line.
import { listWithin } from '../json-objects.ts'
import { toJsonRecord } from '../json-record.ts'
import { type Line, readLines } from '../lines.ts'
import type { RawRecord, TextFormat } from './format.ts'
import { ASSIGNMENT, isIndented } from './json.ts'

/** Around an object: the mark of a file that was put behind another one, RFC 7464's separator, a comma of an array. */
const AROUND = /^[\uFEFF\p{Cc}]+|,\s*$/gu

export const jsonl: TextFormat = {
  type: 'text',
  name: 'jsonl',
  title: 'JSON Lines',
  recognises: (start, fileName) =>
    (start.startsWith('{') && !isIndented(start)) ||
    (/\.(jsonl|ndjson|json)$/.test(fileName) && !/^[[{]/.test(start) && !ASSIGNMENT.test(start)),
  async *records(blocks, fileName, issues, context) {
    const record = ({ text, number }: Line): RawRecord[] => {
      const read = toJsonRecord(text.replace(AROUND, ''), `${fileName}:${number}`, issues)
      return read === undefined ? [] : [{ ...read, line: number, element: 0 }]
    }
    // A single line may be an object around the list of records.
    let single: Line | undefined
    let isFirst = true
    for await (const lines of readLines(blocks, fileName, issues)) {
      for (const line of lines) {
        if (line.text.trim() === '') continue
        if (isFirst && /\[\s*\{/.test(line.text)) single = line
        else {
          if (single !== undefined) yield* record(single)
          single = undefined
          yield* record(line)
        }
        isFirst = false
      }
    }
    if (single === undefined) return
    const [lone] = record(single)
    if (lone === undefined) return
    const list = listWithin({ text: lone.json, line: lone.line, index: 1 }, fileName, context)
    if (list === undefined) yield lone
    else {
      for (const { text, line, index } of list) {
        const element = toJsonRecord(text, `${fileName}:${line} (element ${index})`, issues)
        if (element !== undefined) yield { ...element, line, element: index }
      }
    }
  },
}
