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
    const record = ({ text, number: line }: Line): RawRecord | undefined => {
      const object = text.startsWith('{') && text.endsWith('}') ? text : text.replace(AROUND, '')
      const read = toJsonRecord(object, `${fileName}:${line}`, issues)
      return read && { json: read.json, value: read.value, line, element: 0 }
    }
    // A single line may be an object around the list of records.
    let single: Line | undefined
    let isFirst = true
    for await (const lines of readLines(blocks, fileName, issues)) {
      const batch: RawRecord[] = []
      const add = (line: Line) => {
        const read = record(line)
        if (read !== undefined) batch.push(read)
      }
      for (const line of lines) {
        if (line.text.trim() === '') continue
        if (isFirst && /\[\s*\{/.test(line.text)) single = line
        else {
          if (single !== undefined) add(single)
          single = undefined
          add(line)
        }
        isFirst = false
      }
      yield batch
    }
    const lone = single && record(single)
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
