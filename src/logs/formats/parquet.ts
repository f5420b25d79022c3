// Parquet: columns with types of their own, read by DuckDB.
import { resolve } from 'node:path'
import { BumpError } from '../../util/errors.ts'
import { type Database, duckMessage, exactPattern, query, sqlName, sqlString } from '../database.ts'
import type { IssueLog } from '../issues.ts'
import { partitionColumns, selected } from '../partitions.ts'
import { isReserved, recordField } from '../reserved.ts'
import type { SourceFile, Staged, TableFormat } from './format.ts'

export const parquet: TableFormat = {
  type: 'table',
  name: 'parquet',
  title: 'Parquet',
  magic: 'PAR1',
  fileNames: /\.(parquet|pq)$/,
  stage,
}

async function stage(files: readonly SourceFile[], { connection }: Database, issues: IssueLog): Promise<Staged> {
  const good: SourceFile[] = []
  const counts: Staged['files'] = []
  for (const found of files) {
    const file = { ...found, path: withoutWildcards(found.path) }
    try {
      // Reading every column of every row shows damage now, while it can still be said which file has it.
      const [{ n }] = await query(
        connection,
        `SELECT count(*)::INTEGER AS n FROM (SELECT hash(t) AS h FROM read_parquet(${sqlString(exactPattern(file.path))}, hive_partitioning = false) t) WHERE h IS NOT NULL`,
      )
      good.push(file)
      counts.push({ name: file.name, format: file.format.name, records: Number(n) })
    } catch (error) {
      const reason = duckMessage(error).replaceAll(file.path, file.name)
      issues.add('unreadable-file', file.name, `damaged or not Parquet (${reason.slice(0, 200)})`)
    }
  }
  if (good.length === 0) {
    const [first] = issues.list().find((issue) => issue.kind === 'unreadable-file')?.examples ?? []
    throw new BumpError('logs-unusable', `no Parquet file could be read: ${first}`)
  }
  const list = good.map((file) => sqlString(exactPattern(file.path))).join(', ')
  const scan = `read_parquet([${list}], union_by_name = true, hive_partitioning = false, filename = '_bump_path'`
  const described = await query(connection, `DESCRIBE SELECT * EXCLUDE (_bump_path) FROM ${scan})`)
  const names = described.map((row) => String(row.column_name))
  // A file may have a column of the name that DuckDB has for its rows: then they are counted here.
  const isTaken = names.some((name) => name.toLowerCase() === 'file_row_number')
  const before = counts.map((_, i) => counts.slice(0, i).reduce((sum, { records }) => sum + records, 0))
  const index = good.map((file, i) => `WHEN ${sqlString(file.path)} THEN ${i}`).join(' ')
  const record =
    names.length === 0 ? `'{}'` : `to_json(struct_pack(${names.map((n) => `${sqlName(n)} := ${sqlName(n)}`)}))`
  const plain = names.filter((name) => !isReserved(name))
  const file = `(CASE _bump_path ${index} END)`
  const line = isTaken ? `row_number() OVER () - [${before.join(', ')}][${file} + 1]` : 'file_row_number + 1'
  const partitions = partitionColumns(good, names, file)
  await connection.run(
    `CREATE VIEW rows AS SELECT ${file} AS _file, ${line} AS _line, 0 AS _element,
       ${record}::VARCHAR AS _record${plain.map((name) => `, ${sqlName(name)}`).join('')}${selected(partitions)} FROM ${scan}${isTaken ? '' : ', file_row_number = true'})`,
  )
  return {
    columns: [
      ...names.map((name) => ({ name, raw: plain.includes(name) ? sqlName(name) : recordField(name) })),
      ...partitions.map(({ name }) => ({ name, raw: sqlName(name) })),
    ],
    files: counts,
    records: counts.reduce((sum, file) => sum + file.records, 0),
    merged: 0,
  }
}

const WILDCARD = /[*?[]/g
/** The path as DuckDB gives it back for a pattern; of a name with characters of patterns it makes a whole path. */
const withoutWildcards = (path: string) => (path.search(WILDCARD) < 0 ? path : resolve(path))
