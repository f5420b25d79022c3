// Rows of a query in a database, which query/ writes as lines of JSON. No file is told to be of this format.
import { toJsonRecord } from '../json-record.ts'
import { readLines } from '../lines.ts'
import type { TextFormat } from './format.ts'

export const queryRows: TextFormat = {
  type: 'text',
  name: 'query',
  title: 'rows of a query',
  recognises: () => false,
  async *records(blocks, fileName, issues) {
    for await (const lines of readLines(blocks, fileName, issues)) {
      for (const { text, number } of lines) {
        const record = toJsonRecord(text, `${fileName}:${number}`, issues)
        if (record !== undefined) yield { ...record, line: number, element: 0 }
      }
    }
  },
}
