// What evaluations leave in their folder beside the caches: result.json for the report, and result.md to read.
import { basename, join } from 'node:path'
import { bareAddresses } from '../util/address.ts'
import { writeFileAtomic } from '../util/files.ts'
import { layoutCells } from './layout.ts'
import { type EvaluationResult, evaluationResultSchema, type ResultTable } from './result.ts'

/** Names of logs as a result records them: without folders and without what an address may hide. */
export function logNames(paths: readonly string[]): string[] {
  return paths.map((path) => (path.includes('://') ? bareAddresses(path) : basename(path)))
}

/** Writes result.json, and result.md with the layout of each table for each metric. */
export function writeResultFiles(folder: string, result: EvaluationResult): void {
  const checked = evaluationResultSchema.parse(result)
  writeFileAtomic(join(folder, 'result.md'), markdown(checked))
  writeFileAtomic(join(folder, 'result.json'), `${JSON.stringify(checked, undefined, 2)}\n`)
}

function markdown({ command, createdAt, tables }: EvaluationResult): string {
  const parts = tables.flatMap((table) => [`## ${table.title}`, ...metricTables(table), listed(table.notes)])
  return `${[`    ${command}`, createdAt, ...parts].join('\n\n')}\n`
}

function metricTables(table: ResultTable): string[] {
  return table.metrics.flatMap(({ key, label, chance }) => {
    const [head, ...rows] = layoutCells(table, key)
    const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
    const of = chance === null ? label : `${label} (chance ${chance.toFixed(3)})`
    return [`### ${of}`, [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')]
  })
}

const listed = (notes: readonly string[]) => notes.map((note) => `- ${note}`).join('\n')
