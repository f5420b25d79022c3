// Files -> one DuckDB relation `rows` with a column per column of the source, over which SQL expressions are written.
// Text formats pass through a table of JSON records, since only then every bad line keeps its number.
import { DuckDBDataChunk } from '@duckdb/node-api'
import { BumpError } from '../util/errors.ts'
import { type Database, duckMessage, query, sqlName, sqlString } from './database.ts'
import type { IssueLog } from './issues.ts'
import { readRecords } from './records.ts'
import type { SourceFile } from './sources.ts'

/** What lies in the view `rows`: `_file` (index), `_line`, `_element`, `_record` (JSON of all columns), the columns. */
export interface Staged {
  columns: StagedColumn[]
  files: { name: string; format: SourceFile['format']; records: number }[]
  records: number
  merged: number
}

export interface StagedColumn {
  name: string
  /** SQL for the column's value as it stood in the file, not converted: what a plain column name means. */
  raw: string
}

/** More columns than this stay reachable only as metadata: keys that are data would otherwise become columns. */
const MAX_COLUMNS = 1000
const CHUNK = 2048

export async function stageFiles(files: SourceFile[], database: Database, issues: IssueLog): Promise<Staged> {
  return files[0].format === 'parquet' ? stageParquet(files, database, issues) : stageText(files, database, issues)
}

async function stageText(files: SourceFile[], { connection }: Database, issues: IssueLog): Promise<Staged> {
  await connection.run(
    'CREATE TABLE records (_file INTEGER, _line BIGINT, _element BIGINT, _record VARCHAR, merge_key VARCHAR)',
  )
  const appender = await connection.createAppender('records')
  const types = Array.from({ length: appender.columnCount }, (_, i) => appender.columnType(i))
  const columns = new ColumnTypes()
  let rows: (number | bigint | string | null)[][] = []
  const flush = () => {
    if (rows.length === 0) return
    const chunk = DuckDBDataChunk.create(types, rows.length)
    chunk.setRows(rows)
    appender.appendDataChunk(chunk)
    rows = []
  }
  const counts: Staged['files'] = []
  let merging = false
  for (const [index, file] of files.entries()) {
    const bad = issues.count('bad-line')
    let records = 0
    for await (const record of readRecords(file, issues)) {
      records++
      columns.add(record.value, file.format === 'csv' || file.format === 'tsv')
      merging ||= record.mergeKey !== undefined
      rows.push([index, BigInt(record.line), BigInt(record.element), record.json, record.mergeKey ?? null])
      if (rows.length === CHUNK) flush()
    }
    counts.push({ name: file.name, format: file.format, records: records + issues.count('bad-line') - bad })
  }
  flush()
  appender.closeSync()
  const selected = columns.list().map(({ sql, name }) => `${sql} AS ${sqlName(name)}`)
  const once = merging
    ? 'WHERE rowid IN (SELECT min(rowid) FROM records GROUP BY coalesce(md5(merge_key), rowid::VARCHAR))'
    : ''
  await connection.run(
    `CREATE VIEW rows AS SELECT ${['_file', '_line', '_element', '_record', ...selected].join(', ')} FROM records ${once}`,
  )
  const [{ all, kept }] = await query(
    connection,
    `SELECT (SELECT count(*) FROM records)::INTEGER AS all, (SELECT count(*) FROM records ${once})::INTEGER AS kept`,
  )
  return {
    columns: columns.list().map(({ name, raw }) => ({ name, raw })),
    files: counts,
    records: counts.reduce((sum, file) => sum + file.records, 0),
    merged: Number(all) - Number(kept),
  }
}

async function stageParquet(files: SourceFile[], { connection }: Database, issues: IssueLog): Promise<Staged> {
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
      counts.push({ name: file.name, format: file.format, records: Number(n) })
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

type Kind = 'integer' | 'number' | 'boolean' | 'text' | 'nested'

/** Learns the columns of JSON records and their SQL types while the records pass by. */
class ColumnTypes {
  private readonly kinds = new Map<string, Set<Kind>>()

  /** `written`: all values are text (CSV), and text that looks like a number makes a number. */
  add(record: Record<string, unknown>, written: boolean): void {
    for (const key in record) {
      let kinds = this.kinds.get(key)
      if (kinds === undefined) {
        if (this.kinds.size >= MAX_COLUMNS) continue
        kinds = new Set()
        this.kinds.set(key, kinds)
      }
      const kind = kindOf(record[key], written)
      if (kind !== undefined) kinds.add(kind)
    }
  }

  /** SQL has no two names that differ in case only: such columns are one, the first that has a value counts. */
  list(): { name: string; raw: string; sql: string }[] {
    const groups = new Map<string, { names: string[]; kinds: Set<Kind> }>()
    for (const [name, kinds] of this.kinds) {
      // Names with a leading underscore of our own would collide with the view's.
      if (/^_(file|line|element|record)$/i.test(name) || name === '') continue
      const group = groups.get(name.toLowerCase()) ?? { names: [], kinds: new Set<Kind>() }
      group.names.push(name)
      for (const kind of kinds) group.kinds.add(kind)
      groups.set(name.toLowerCase(), group)
    }
    return [...groups.values()].map(({ names, kinds }) => {
      const parts = names.map((name) => {
        const pointer = sqlString(`/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`)
        return `(_record->>${pointer})`
      })
      const raw = parts.length === 1 ? parts[0] : `coalesce(${parts.join(', ')})`
      return { name: names[0], raw, sql: convert(raw, kinds) }
    })
  }
}

function kindOf(value: unknown, written: boolean): Kind | undefined {
  if (value === null || value === undefined) return undefined
  if (typeof value === 'number')
    return Number.isInteger(value) ? (Number.isSafeInteger(value) ? 'integer' : 'text') : 'number'
  if (typeof value === 'boolean') return 'boolean'
  if (typeof value === 'object') return 'nested'
  if (!written) return 'text'
  const text = String(value)
  if (/^-?(0|[1-9]\d{0,14})$/.test(text)) return 'integer'
  return /^-?(0|[1-9]\d{0,14})\.\d{1,15}$/.test(text) ? 'number' : 'text'
}

function convert(raw: string, kinds: Set<Kind>): string {
  if (kinds.size === 0 || kinds.has('text')) return raw
  if (kinds.has('nested')) return kinds.size === 1 ? `TRY_CAST(${raw} AS JSON)` : raw
  if (kinds.has('boolean')) return kinds.size === 1 ? `TRY_CAST(${raw} AS BOOLEAN)` : raw
  return `TRY_CAST(${raw} AS ${kinds.has('number') ? 'DOUBLE' : 'BIGINT'})`
}
