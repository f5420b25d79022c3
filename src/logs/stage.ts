// Files -> one DuckDB relation `rows` with a column per column of the source, over which SQL expressions are written.
// Text formats pass through a table of JSON records, since only then every bad line keeps its number.
import { type Database, query, sqlName } from './database.ts'
import type {
  LogFormat,
  RawRecord,
  ReadingContext,
  SourceFile,
  Staged,
  StagedColumn,
  TextFormat,
} from './formats/format.ts'
import type { IssueLog } from './issues.ts'
import { partitionColumns, selected } from './partitions.ts'
import { isReserved, pointer, recordField } from './reserved.ts'
import { textBlocks } from './text-blocks.ts'

/** More columns than this stay reachable only as metadata: keys that are data would otherwise become columns. */
const MAX_COLUMNS = 1000
const CHUNK = 2048

/**
 * Reads the files, all of text formats or all of one table format, into the view `rows` of `Staged`. Throws a BumpError
 * where no file of a table format can be read.
 */
export async function stageFiles(
  files: readonly SourceFile[],
  database: Database,
  issues: IssueLog,
  context: Omit<ReadingContext, 'describe'>,
): Promise<Staged> {
  const [{ format }] = files
  return format.type === 'table' ? format.stage(files, database, issues) : stageText(files, database, issues, context)
}

async function stageText(
  files: readonly SourceFile[],
  { connection }: Database,
  issues: IssueLog,
  context: Omit<ReadingContext, 'describe'>,
): Promise<Staged> {
  await connection.run(
    'CREATE TABLE records (_file INTEGER, _line BIGINT, _element BIGINT, _record VARCHAR, merge_key VARCHAR)',
  )
  const { DuckDBDataChunk } = await import('@duckdb/node-api')
  const appender = await connection.createAppender('records')
  const types = Array.from({ length: appender.columnCount }, (_, i) => appender.columnType(i))
  const columns = new ColumnTypes(new Set([...context.known, ...context.mapped]))
  const append = (records: readonly RawRecord[], file: number) => {
    const chunk = DuckDBDataChunk.create(types, records.length)
    chunk.setColumns([
      records.map(() => file),
      records.map(({ line }) => BigInt(line)),
      records.map(({ element }) => BigInt(element)),
      records.map(({ json }) => json),
      records.map(({ mergeKey }) => mergeKey ?? null),
    ])
    appender.appendDataChunk(chunk)
  }
  const counts: Staged['files'] = []
  let merging = false
  for (const [index, file] of files.entries()) {
    const bad = issues.count('bad-line')
    let records = 0
    const format = textFormat(file.format)
    let reading: string | undefined
    const own: ReadingContext = {
      ...context,
      note: (text) => context.note(`${file.name}: ${text}`),
      describe: (how) => {
        reading = how
      },
    }
    let waiting: RawRecord[] = []
    for await (const read of format.records(textBlocks(file, issues, format.bytes), file.name, issues, own)) {
      for (const record of [read].flat()) {
        records++
        columns.add(record.value, format.untyped ?? false)
        merging ||= record.mergeKey !== undefined
        waiting.push(record)
        if (waiting.length < CHUNK) continue
        append(waiting, index)
        waiting = []
      }
    }
    if (waiting.length > 0) append(waiting, index)
    counts.push({ name: file.name, format: format.name, records: records + issues.count('bad-line') - bad, reading })
  }
  appender.closeSync()
  const own = columns.list()
  const partitions = partitionColumns(
    files,
    own.map(({ name }) => name),
    '_file',
  )
  const converted = own.flatMap(({ sql, name }) => (sql === undefined ? [] : `${sql} AS ${sqlName(name)}`))
  const once = merging
    ? 'WHERE rowid IN (SELECT min(rowid) FROM records GROUP BY coalesce(md5(merge_key), rowid::VARCHAR))'
    : ''
  await connection.run(
    `CREATE VIEW rows AS SELECT ${['rowid AS _bump_row', '_file', '_line', '_element', '_record', ...converted].join(', ')}${selected(partitions)} FROM records ${once}`,
  )
  const [{ all, kept }] = await query(
    connection,
    `SELECT (SELECT count(*) FROM records)::INTEGER AS all, (SELECT count(*) FROM records ${once})::INTEGER AS kept`,
  )
  return {
    columns: [...own.map(({ sql: _, ...column }) => column), ...partitions],
    files: counts,
    records: counts.reduce((sum, file) => sum + file.records, 0),
    merged: Number(all) - Number(kept),
  }
}

function textFormat(format: LogFormat): TextFormat {
  if (format.type === 'text') return format
  throw new TypeError(`files of ${format.title} are not staged as text`)
}

type Kind = 'integer' | 'long' | 'number' | 'boolean' | 'text' | 'nested'

/** Learns the columns of JSON records and their SQL types while the records pass by. */
class ColumnTypes {
  private readonly kinds = new Map<string, Set<Kind>>()

  /** `wanted`: names, in lower case, that are columns however many there are. */
  constructor(private readonly wanted: ReadonlySet<string>) {}

  /** `untyped`: all values are written as text, and text that looks like a number is one. */
  add(record: Record<string, unknown>, untyped: boolean): void {
    for (const key in record) {
      let kinds = this.kinds.get(key)
      if (kinds === undefined) {
        if (this.kinds.size >= MAX_COLUMNS && !this.wanted.has(key.toLowerCase())) continue
        kinds = new Set()
        this.kinds.set(key, kinds)
      }
      const kind = kindOf(record[key], untyped)
      if (kind !== undefined) kinds.add(kind)
    }
  }

  /**
   * SQL has no two names that differ in case only. Each is a column here, whose value is that of the name itself where
   * a record has it, else that of another spelling; `sql` is for the first spelling, which expressions mean.
   */
  list(): (StagedColumn & { sql: string | undefined })[] {
    const groups = new Map<string, { names: string[]; kinds: Set<Kind> }>()
    for (const [name, kinds] of this.kinds) {
      if (name === '') continue
      const group = groups.get(name.toLowerCase()) ?? { names: [], kinds: new Set<Kind>() }
      group.names.push(name)
      for (const kind of kinds) group.kinds.add(kind)
      groups.set(name.toLowerCase(), group)
    }
    return [...groups.values()].flatMap(({ names, kinds }) =>
      names.map((name, i) => {
        const spellings = [name, ...names.filter((other) => other !== name)]
        const first = (parts: string[]) => (parts.length === 1 ? parts[0] : `coalesce(${parts.join(', ')})`)
        const raw = first(spellings.map(recordField))
        const type = first(spellings.map((spelling) => `json_type(_record, ${pointer(spelling)})`))
        const numeric = kinds.has('integer') || kinds.has('long') || kinds.has('number')
        const isDecimal = numeric ? `(${type} = 'DOUBLE')` : undefined
        const nested = kinds.has('nested') ? (kinds.size === 1 ? 'all' : 'some') : undefined
        return { name, raw, isDecimal, nested, sql: i > 0 || isReserved(name) ? undefined : convert(raw, kinds) }
      }),
    )
  }
}

function kindOf(value: unknown, untyped: boolean): Kind | undefined {
  if (value === null || value === undefined) return undefined
  if (typeof value === 'number')
    return Number.isInteger(value) ? (Number.isSafeInteger(value) ? 'integer' : 'long') : 'number'
  if (typeof value === 'boolean') return 'boolean'
  if (typeof value === 'object') return 'nested'
  if (!untyped) return 'text'
  const text = String(value)
  if (/^-?(0|[1-9]\d{0,14})$/.test(text)) return 'integer'
  return /^-?(0|[1-9]\d{0,14})\.\d{1,15}$/.test(text) ? 'number' : 'text'
}

function convert(raw: string, kinds: Set<Kind>): string {
  if (kinds.size === 0 || kinds.has('text') || kinds.has('long')) return raw
  if (kinds.has('nested')) return kinds.size === 1 ? `TRY_CAST(${raw} AS JSON)` : raw
  if (kinds.has('boolean')) return kinds.size === 1 ? `TRY_CAST(${raw} AS BOOLEAN)` : raw
  return `TRY_CAST(${raw} AS ${kinds.has('number') ? 'DOUBLE' : 'BIGINT'})`
}
