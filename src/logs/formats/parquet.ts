// Parquet: columns with types of their own, read by DuckDB.
import { BumpError } from '../../util/errors.ts'
import { type Database, duckMessage, query, sqlName, sqlString } from '../database.ts'
import type { IssueLog } from '../issues.ts'
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
  for (const file of files) {
    try {
      // Reading every column of every row shows damage now, while it can still be said which file has it.
      const [{ n }] = await query(
        connection,
        `SELECT count(*)::INTEGER AS n FROM (SELECT hash(t) AS h FROM read_parquet(${sqlString(file.path)}) t) WHERE h IS NOT NULL`,
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
  const list = good.map((file) => sqlString(file.path)).join(', ')
  const scan = `read_parquet([${list}], union_by_name = true, filename = '_path', file_row_number = true)`
  const described = await query(connection, `DESCRIBE SELECT * EXCLUDE (_path, file_row_number) FROM ${scan}`)
  const names = described.map((row) => String(row.column_name))
  const index = good.map((file, i) => `WHEN ${sqlString(file.path)} THEN ${i}`).join(' ')
  const record =
    names.length === 0 ? `'{}'` : `to_json(struct_pack(${names.map((n) => `${sqlName(n)} := ${sqlName(n)}`)}))`
  await connection.run(
    `CREATE VIEW rows AS SELECT CASE _path ${index} END AS _file, file_row_number + 1 AS _line, 0 AS _element,
       ${record}::VARCHAR AS _record, ${names.map(sqlName).join(', ')} FROM ${scan}`,
  )
  return {
    columns: names.map((name) => ({ name, raw: sqlName(name) })),
    files: counts,
    records: counts.reduce((sum, file) => sum + file.records, 0),
    merged: 0,
  }
}
