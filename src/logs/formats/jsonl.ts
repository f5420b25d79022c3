// JSON Lines: one JSON object a line.
import { toJsonRecord } from '../json-record.ts'
import { readLines } from '../lines.ts'
import type { TextFormat } from './format.ts'

export const jsonl: TextFormat = {
  type: 'text',
  name: 'jsonl',
  title: 'JSON Lines',
  recognises: (start, fileName) =>
    !start.startsWith('[') && (start.startsWith('{') || /\.(jsonl|ndjson|json)$/.test(fileName)),
  async *records(blocks, fileName, issues) {
    for await (const lines of readLines(blocks, fileName, issues)) {
      for (const { text, number } of lines) {
        if (text.trim() === '') continue
        const record = toJsonRecord(text, `${fileName}:${number}`, issues)
        if (record !== undefined) yield { ...record, line: number, element: 0 }
      }
    }
  },
}
