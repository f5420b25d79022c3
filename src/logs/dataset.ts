// Logs of any kind -> the canonical dataset: a Parquet file of (user_id, time, position, text, metadata), sorted by
// user and time, from which users are streamed one by one. Everything downstream reads only this.
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type DuckDBConnection, DuckDBDataChunk } from '@duckdb/node-api'
import { BumpError, CancelledError } from '../util/errors.ts'
import { cacheFolder } from '../util/files.ts'
import { checkSeparatedOptions } from './csv-dialect.ts'
import { type Database, duckMessage, lockDatabase, openDatabase, query, sqlName, sqlString } from './database.ts'
import type { Staged } from './formats/format.ts'
import { logFormatNamed } from './formats/formats.ts'
import { excerpt, IssueLog, issueLines } from './issues.ts'
import { withoutNotFinite } from './json-record.ts'
import { columnNames, type Expression, type Mapping, resolveMapping } from './mapping.ts'
import { resolveFiles } from './sources.ts'
import { stageFiles } from './stage.ts'
import { parseTime } from './time.ts'
import { timeReading } from './time-column.ts'
import type { Interaction, LogReport, LogSource, UserLog } from './types.ts'
import { isMissingWord, isRounded, looksConverted, wholeNumber } from './user-id.ts'

/** An opened log; `close` removes its files. */
export interface LogDataset {
  report: LogReport
  /** SHA-256 of users, times and texts in canonical order: equal for equal content, whatever path or format. */
  digest: string
  /** Users in order of their ids' bytes, each with all interactions, oldest first. */
  users(): AsyncGenerator<UserLog>
  /** Rows of an SQL query over the table `interactions` (user_id, time, position, text, metadata). */
  query(sql: string): Promise<Record<string, unknown>[]>
  close(): void
}

const CHUNK = 2048
const DAY = 24 * 3600 * 1000

/** Between two interrupts of a database whose caller waits no longer: one that comes between queries does nothing. */
const INTERRUPT_MS = 100

/** `work` on a database, ended by a CancelledError where the signal aborts. */
async function interruptible<T>(
  database: Database,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const abort = () => {
    database.interrupt()
    timer = setInterval(() => database.interrupt(), INTERRUPT_MS)
  }
  if (signal?.aborted) throw new CancelledError()
  signal?.addEventListener('abort', abort, { once: true })
  try {
    return await work()
  } catch (error) {
    throw signal?.aborted ? new CancelledError() : error
  } finally {
    clearInterval(timer)
    signal?.removeEventListener('abort', abort)
  }
}

/**
 * Reads logs into canonical form. Larger ones than memory stream through the disk, in a folder under the cache.
 * Throws `BumpError` where nothing can be read, a column is unknown, or no record has both user and text, and
 * `CancelledError` where the signal aborts.
 */
export async function openLogs(source: LogSource, signal?: AbortSignal): Promise<LogDataset> {
  const folder = stagingFolder()
  let reading: Database | undefined
  const close = () => {
    reading?.close()
    reading = undefined
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    const parquet = join(folder, 'interactions.parquet')
    const staging = await openDatabase(folder, true)
    let report: LogReport
    try {
      report = await interruptible(staging, signal, () => canonicalise(source, staging, folder, parquet))
    } finally {
      staging.close()
    }
    rmSync(join(folder, 'staging.duckdb'), { force: true })
    reading = await openDatabase(folder, false)
    const database = reading
    await database.connection.run(`CREATE VIEW interactions AS FROM read_parquet(${sqlString(parquet)})`)
    const digest = await interruptible(database, signal, () => contentDigest(database))
    return {
      report,
      digest,
      users: () => streamUsers(database),
      query: (sql) => query(database.connection, sql),
      close,
    }
  } catch (error) {
    close()
    if (error instanceof BumpError) throw error
    throw new BumpError('logs-unusable', `the logs could not be read: ${duckMessage(error)}`, { cause: error })
  }
}

/** A fresh folder; those that a killed process left behind a day ago or more are removed. */
function stagingFolder(): string {
  const parent = cacheFolder('logs')
  mkdirSync(parent, { recursive: true })
  for (const name of readdirSync(parent)) {
    const path = join(parent, name)
    const age = Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now())
    if (age > DAY) rmSync(path, { recursive: true, force: true })
  }
  return mkdtempSync(join(parent, 'open-'))
}

async function canonicalise(
  source: LogSource,
  database: Database,
  folder: string,
  parquet: string,
): Promise<LogReport> {
  checkSeparatedOptions(source)
  const issues = new IssueLog()
  const notes: string[] = []
  const files = await resolveFiles(source, database.connection, folder, issues)
  const note = (text: string) => void notes.push(text)
  const context = { options: source, ...columnNames(source), note }
  const staged = await stageFiles(files, database, issues, context)
  const decided = () => notes.map((text) => `  ${text}`)
  const nothing = (what: string) =>
    new BumpError('logs-unusable', [what, ...decided(), ...issueLines(issues.list())].join('\n'))
  if (staged.columns.length === 0) {
    throw nothing(`no record could be read from ${files.map((file) => file.name).join(', ')}`)
  }
  await lockDatabase(database, [...files.map((file) => file.path), parquet])
  const mapping = await resolveMapping(source, files, staged, database.connection).catch((error: unknown) => {
    if (!(error instanceof BumpError) || notes.length === 0) throw error
    throw new BumpError(error.code, [error.message, ...decided()].join('\n'), { cause: error })
  })
  const interactions = await writeInteractions(staged, mapping, database, issues, notes)
  if (interactions === 0) {
    const user = `user: ${mapping.user.written}, text: ${mapping.text.written}`
    throw nothing(
      `no usable user in these logs: none of ${staged.records} records has both a user and a text (${user})`,
    )
  }
  // A record without a time goes right after the record of the same user that stands before it in the file. The
  // window for it costs memory, so only logs with some such records pay for it.
  const [{ timed }] = await query(database.connection, 'SELECT count(time)::INTEGER AS timed FROM canonical')
  const ordered =
    Number(timed) === interactions || Number(timed) === 0
      ? 'SELECT *, time AS sort_time FROM canonical'
      : 'SELECT *, last_value(time IGNORE NULLS) OVER (PARTITION BY user_id ORDER BY position) AS sort_time FROM canonical'
  await database.connection.run(
    `COPY (SELECT user_id, time, position, text, metadata FROM (${ordered})
     ORDER BY user_id, sort_time NULLS FIRST, position) TO ${sqlString(parquet)} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 10240)`,
  )
  const [{ users }] = await query(
    database.connection,
    'SELECT count(DISTINCT user_id)::INTEGER AS users FROM canonical',
  )
  return {
    files: staged.files,
    columns: staged.columns.map((column) => column.name),
    mapping: { user: mapping.user.written, time: mapping.time?.written, text: mapping.text.written },
    records: staged.records,
    merged: staged.merged,
    interactions,
    users: Number(users),
    issues: issues.list(),
    notes,
  }
}

/** Fills the table `canonical` from the view `rows`, counting what is unusable. Returns the number of interactions. */
async function writeInteractions(
  staged: Staged,
  mapping: Mapping,
  database: Database,
  issues: IssueLog,
  notes: string[],
): Promise<number> {
  const writing = await database.connect()
  await writing.run(
    'CREATE TABLE canonical (user_id VARCHAR, time DOUBLE, position BIGINT, text VARCHAR, metadata VARCHAR)',
  )
  const time = timeSql(mapping)
  const reading =
    time === undefined || isNativeTime(mapping.time)
      ? {}
      : await timeReading(database.connection, time, nameIn(mapping.time!), notes)
  const appender = await writing.createAppender('canonical')
  const types = Array.from({ length: appender.columnCount }, (_, i) => appender.columnType(i))
  const rows = await streamRows(
    database.connection,
    `SELECT _file, _line, _element, ${textSql(mapping.user)}, ${isNumberSql(mapping.user, staged)}, ${time ?? 'NULL'},
       ${textSql(mapping.text)}, ${metadataSql(mapping)} FROM rows`,
  )
  let position = 0
  let ready: (string | number | bigint | null)[][] = []
  const untyped = staged.files.map(({ format }) => isUntyped(format))
  for await (const [file, line, element, userId, isNumber, written, text, metadata] of rows) {
    const id = cell(userId)
    const user = isNumber || (untyped[Number(file)] && looksConverted(id)) ? wholeNumber(id) : id
    const words = cell(text)
    const named = staged.files[Number(file)].name
    const at = () => `${named}:${line}${Number(element) > 0 ? ` (element ${element})` : ''}`
    if (user === '') issues.add('missing-user', at(), `${mapping.user.written} is empty`)
    else if (isMissingWord(user)) issues.add('missing-user', at(), `${mapping.user.written} is ${user}`)
    else if (words === '' || words === '\\N')
      issues.add('empty-text', at(), `${mapping.text.written} is empty (user ${excerpt(user, 30)})`)
    else {
      if (user !== id && isRounded(id, mapping.user.type)) {
        issues.add('rounded-user', at(), `${mapping.user.written} is ${id}: write such ids as text or whole numbers`)
      }
      const when = isMissingWord(cell(written)) ? '' : cell(written)
      const parsed = when === '' ? undefined : parseTime(when, reading)
      if (mapping.time !== undefined && parsed === undefined) {
        if (when === '') issues.add('missing-time', at(), `${mapping.time.written} is empty`)
        else issues.add('bad-time', at(), `not a time: ${excerpt(when)}`)
      }
      const rest = cell(metadata)
      const finite = withoutNotFinite(rest)
      if (finite !== rest) issues.add('not-finite', at(), `NaN or Infinity: ${excerpt(rest)}`)
      ready.push([user, parsed ?? null, BigInt(position), words, finite])
      position++
    }
    if (ready.length === CHUNK) {
      append(ready)
      ready = []
    }
  }
  append(ready)
  appender.closeSync()
  return position

  function append(batch: (string | number | bigint | null)[][]) {
    if (batch.length === 0) return
    const chunk = DuckDBDataChunk.create(types, batch.length)
    chunk.setRows(batch)
    appender.appendDataChunk(chunk)
  }
}

/** Whether all values of a format are written as text, so that a number may have been written in several ways. */
function isUntyped(name: string): boolean {
  const format = logFormatNamed(name)
  return format.type === 'text' && (format.untyped ?? false)
}

const cell = (value: unknown) => (typeof value === 'string' ? value.trim() : '')

function textSql({ sql, type }: { sql: string; type: string }): string {
  return type === 'BLOB' ? `TRY(decode(${sql}))` : `CAST(${sql} AS VARCHAR)`
}

/** Whether the user's id came as a number that may have a fraction or an exponent, and so several spellings. */
function isNumberSql({ type, column }: Expression, { columns }: Staged): string {
  if (/^(DOUBLE|FLOAT|DECIMAL)/.test(type)) return 'true'
  return columns.find(({ name }) => name === column)?.isDecimal ?? 'false'
}

/** An expression as it stands in another one. */
const nameIn = ({ written, column }: Expression) =>
  column === undefined || /^[a-z_]\w*$/i.test(column) ? written : sqlName(column)

const isNativeTime = (time: Expression | undefined) => time !== undefined && /^(TIMESTAMP|DATE)/.test(time.type)

/** The time as text for `parseTime`; DuckDB's own time types as milliseconds. */
function timeSql({ time }: Mapping): string | undefined {
  if (time === undefined) return undefined
  return isNativeTime(time)
    ? `strftime(CAST(${time.sql} AS TIMESTAMP), '%Y-%m-%dT%H:%M:%S.%gZ')`
    : `CAST(${time.sql} AS VARCHAR)`
}

/** The record without the columns that became user, time and text. */
function metadataSql({ user, time, text }: Mapping): string {
  const used = [user, time, text].flatMap((part) => (part?.column === undefined ? [] : [part.column]))
  if (used.length === 0) return '_record'
  const removed = JSON.stringify(Object.fromEntries(used.map((name) => [name, null])))
  return `json_merge_patch(_record, ${sqlString(removed)})::VARCHAR`
}

async function* streamRows(connection: DuckDBConnection, sql: string): AsyncGenerator<unknown[]> {
  const result = await connection.stream(sql)
  for await (const rows of result.yieldRows()) yield* rows
}

async function* streamUsers(database: Database): AsyncGenerator<UserLog> {
  const connection = await database.connect()
  try {
    let current: { id: string; interactions: Interaction[] } | undefined
    for await (const row of streamRows(connection, 'SELECT user_id, time, text, metadata FROM interactions')) {
      const [id, time, text, metadata] = row as [string, number | null, string, string]
      if (current?.id !== id) {
        if (current !== undefined) yield current
        current = { id, interactions: [] }
      }
      current.interactions.push({
        text,
        time: time ?? undefined,
        metadata: JSON.parse(metadata) as Record<string, unknown>,
      })
    }
    if (current !== undefined) yield current
  } finally {
    connection.disconnectSync()
  }
}

async function contentDigest(database: Database): Promise<string> {
  const hash = createHash('sha256')
  for await (const row of streamRows(database.connection, 'SELECT user_id, time, text FROM interactions')) {
    hash.update(`${JSON.stringify(row)}\n`)
  }
  return hash.digest('hex')
}
