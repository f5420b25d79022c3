// Parquet: columns with types of their own, read by DuckDB.
import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import { BumpError } from '../../util/errors.ts'
import { unpackedLimit } from '../../util/unpacked.ts'
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
      await refuseInflated(file, connection)
      // Reading every column of every row shows damage now, while it can still be said which file has it.
      const [{ n }] = await query(
        connection,
        `SELECT count(*)::INTEGER AS n FROM (SELECT hash(t) AS h FROM read_parquet(${sqlString(exactPattern(file.path))}, hive_partitioning = false) t) WHERE h IS NOT NULL`,
      )
      good.push(file)
      counts.push({ name: file.name, format: file.format.name, records: Number(n) })
    } catch (error) {
      if (error instanceof BumpError) throw error
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
  const plain = names.filter((name) => !isReserved(name))
  const file = `(CASE _bump_path ${index} END)`
  const folders = new Map(partitionColumns(good, [], file).map(({ name, raw }) => [name.toLowerCase(), raw]))
  // Files without a column that others have may lie in a folder that names its value.
  const values = described.map(({ column_name, column_type }) => {
    const [name, folder] = [sqlName(String(column_name)), folders.get(String(column_name).toLowerCase())]
    return folder === undefined ? name : `coalesce(${name}, TRY_CAST(${folder} AS ${column_type}))`
  })
  const record =
    names.length === 0 ? `'{}'` : `to_json(struct_pack(${names.map((n, i) => `${sqlName(n)} := ${values[i]}`)}))`
  const line = isTaken ? `row_number() OVER () - [${before.join(', ')}][${file} + 1]` : 'file_row_number + 1'
  const partitions = partitionColumns(good, names, file)
  await connection.run(
    `CREATE VIEW rows AS SELECT (${file}::BIGINT << 40) + ${line} AS _bump_row, ${file} AS _file, ${line} AS _line,
       0 AS _element, ${record}::VARCHAR AS _record${plain.map((name) => `, ${values[names.indexOf(name)]} AS ${sqlName(name)}`).join('')}${selected(partitions)}
       FROM ${scan}${isTaken ? '' : ', file_row_number = true'})`,
  )
  return {
    columns: [
      ...described.map(({ column_name, column_type }) => {
        const name = String(column_name)
        const nested = /^(STRUCT|MAP|UNION)\(|\]$/.test(String(column_type)) ? ('all' as const) : undefined
        return { name, nested, raw: plain.includes(name) && !nested ? sqlName(name) : recordField(name) }
      }),
      ...partitions.map(({ name }) => ({ name, raw: sqlName(name) })),
    ],
    files: counts,
    records: counts.reduce((sum, file) => sum + file.records, 0),
    merged: 0,
  }
}

/**
 * Dictionaries and run lengths make billions of rows, or terabytes of text, of a few kilobytes. Throws BumpError for more
 * than any honest file of that size holds. DuckDB counts rows and takes lengths without making the texts.
 */
async function refuseInflated({ path, name }: SourceFile, connection: DuckDBConnection): Promise<void> {
  const scan = `read_parquet(${sqlString(exactPattern(path))}, hive_partitioning = false)`
  const limit = unpackedLimit(statSync(path).size)
  const [{ rows }] = await query(connection, `SELECT count(*)::DOUBLE AS rows FROM ${scan}`)
  const lengths = (await query(connection, `DESCRIBE FROM ${scan}`)).flatMap(({ column_name, column_type }) => {
    const column = sqlName(String(column_name))
    if (column_type === 'VARCHAR') return [`strlen(${column})`]
    if (column_type === 'BLOB') return [`octet_length(${column})`]
    return /\]$|^(STRUCT|MAP|UNION)\(/.test(String(column_type)) ? [`strlen(CAST(${column} AS VARCHAR))`] : []
  })
  let bytes = Number(rows)
  if (bytes <= limit && lengths.length > 0) {
    const sums = lengths.map((length) => `coalesce(sum(${length}), 0)::DOUBLE`)
    const [{ letters }] = await query(connection, `SELECT ${sums.join(' + ')} AS letters FROM ${scan}`)
    bytes += Number(letters)
  }
  if (bytes > limit)
    throw new BumpError(
      'logs-unusable',
      `${name} holds over 200 times its size in rows and texts: it may be made to fill the disk. If it is not, write it ` +
        'again without compression and dictionaries, or as JSON Lines',
    )
}

const WILDCARD = /[*?[]/g
/** The path as DuckDB gives it back for a pattern; of a name with characters of patterns it makes a whole path. */
const withoutWildcards = (path: string) => (path.search(WILDCARD) < 0 ? path : resolve(path))
