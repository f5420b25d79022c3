// TSV: fields with tabs between, quoted or not.
import { separatedRecords } from './csv.ts'
import type { TextFormat } from './format.ts'

export const tsv: TextFormat = {
  type: 'text',
  name: 'tsv',
  title: 'TSV',
  fileNames: /\.(tsv|tab)$/,
  untyped: true,
  recognises: (start) => /^[^\n]*\t/.test(start),
  records: (blocks, fileName, issues, context) => separatedRecords(blocks, fileName, issues, context, '\t'),
}
