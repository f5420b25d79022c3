// JSON: one array of objects.
import { readElements } from '../json-array.ts'
import { toJsonRecord } from '../json-record.ts'
import type { TextFormat } from './format.ts'

export const json: TextFormat = {
  type: 'text',
  name: 'json',
  title: 'JSON',
  recognises: (start) => start.startsWith('['),
  async *records(blocks, fileName, issues) {
    for await (const { text, line, index } of readElements(blocks, fileName, issues)) {
      const record = toJsonRecord(text, `${fileName}:${line} (element ${index})`, issues)
      if (record !== undefined) yield { ...record, line, element: index }
    }
  },
}
