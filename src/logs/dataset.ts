// Logs of any kind -> the canonical dataset: a Parquet file of (user_id, time, position, text, metadata), sorted by
// user and time, from which users are streamed one by one. Everything downstream reads only this.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { BumpError, CancelledError } from '../util/errors.ts'
import { writeCanonical } from './canonical.ts'
import { checkSeparatedOptions } from './csv-dialect.ts'
import { type Database, duckMessage, lockDatabase, openDatabase, query, sqlString, streamRows } from './database.ts'
import { contentDigest } from './digest.ts'
import { isUntyped } from './formats/formats.ts'
import { queryRows } from './formats/query.ts'
import { IssueLog, issueLines } from './issues.ts'
import { severalRows, withoutMatch } from './joins.ts'
import { columnNames, nestedNotes, resolveMapping } from './mapping.ts'
import { type Shard, WHOLE } from './shards.ts'
import { resolveFiles } from './sources.ts'
import { stageFiles } from './stage.ts'
import { keepStaging, stagingFolder } from './staging-folder.ts'
import { stageTables } from './tables.ts'
import type { LogReport, LogSource, UserLog } from './types.ts'
import { streamUsers } from './users.ts'

/** An opened log; `close` removes its files. */
export interface LogDataset {
  report: LogReport
  /** Users in order of their ids' bytes, each with all interactions, oldest first. */
  users(): AsyncGenerator<UserLog>
  /** Rows of an SQL query over the table `interactions` (user_id, time, position, text, metadata). */
  query(sql: string): Promise<Record<string, unknown>[]>
  /** The same in chunks of rows, each row the values of its columns: for many rows. */
  rows(sql: string): AsyncGenerator<unknown[][]>
  /**
   * SHA-256 of users, times and texts in canonical order: equal for equal content, whatever path or format. The first
   * call reads the whole log.
   */
  digest(): Promise<string>
  close(): void
}

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
 * `shard`: only its users are kept, and only they count in report and digest; it may have none. Throws `BumpError` where
 * nothing can be read, a column is unknown, or no row has both user and text, and `CancelledError` where the signal
 * aborts.
 */
export async function openLogs(source: LogSource, signal?: AbortSignal, shard: Shard = WHOLE): Promise<LogDataset> {
  const folder = stagingFolder()
  // A log may be read from for days.
  const unkeep = keepStaging(folder)
  let reading: Database | undefined
  const close = () => {
    unkeep()
    reading?.close()
    reading = undefined
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    const parquet = join(folder, 'interactions.parquet')
    const staging = await openDatabase(folder, true)
    let report: LogReport
    try {
      report = await interruptible(staging, signal, () => canonicalise(source, staging, folder, parquet, shard))
    } finally {
      staging.close()
    }
    rmSync(join(folder, 'staging.duckdb'), { force: true })
    reading = await openDatabase(folder, false)
    const database = reading
    let digest: Promise<string> | undefined
    await database.connection.run(`CREATE VIEW interactions AS FROM read_parquet(${sqlString(parquet)})`)
    return {
      report,
      users: () => streamUsers(database),
      query: (sql) => query(database.connection, sql),
      rows: (sql) => streamRows(database.connection, sql),
      digest: () => {
        digest ??= interruptible(database, signal, () => contentDigest(database.connection, join(folder, 'digest.txt')))
        return digest
      },
      close,
    }
  } catch (error) {
    close()
    if (error instanceof BumpError) throw error
    throw new BumpError('logs-unusable', `the logs could not be read: ${duckMessage(error)}`, { cause: error })
  }
}

async function canonicalise(
  source: LogSource,
  database: Database,
  folder: string,
  parquet: string,
  shard: Shard,
): Promise<LogReport> {
  checkSeparatedOptions(source)
  const issues = new IssueLog()
  const notes: string[] = []
  const note = (text: string) => void notes.push(text)
  const context = { options: source, ...columnNames(source), note }
  const tables = await stageTables(source.with ?? {}, database, folder, issues, { ...context, options: {} })
  const files = await resolveFiles(source, database.connection, folder, issues)
  if (source.query !== undefined && !files.some(({ format }) => format === queryRows)) {
    throw new BumpError('invalid-options', `query: ${files[0].name} is no database: leave it out`)
  }
  if (source.columns !== undefined && !files.some(({ format }) => isUntyped(format))) {
    throw new BumpError(
      'invalid-options',
      `columns: only rows of CSV and TSV need names, and ${files[0].name} is ${files[0].format.title}: leave it out`,
    )
  }
  const staged = await stageFiles(files, database, issues, context)
  const decided = () => notes.map((text) => `  ${text}`)
  const nothing = (what: string) =>
    new BumpError('logs-unusable', [what, ...decided(), ...issueLines(issues.list())].join('\n'))
  if (staged.columns.length === 0) {
    throw nothing(`no row could be read from ${files.map((file) => file.name).join(', ')}`)
  }
  await lockDatabase(database, [...files.map((file) => file.path), parquet])
  const mapping = await resolveMapping(source, files, staged, tables, database.connection).catch((error: unknown) => {
    if (!(error instanceof BumpError) || notes.length === 0) throw error
    throw new BumpError(error.code, [error.message, ...decided()].join('\n'), { cause: error })
  })
  notes.push(...nestedNotes(mapping, staged))
  const joins = [mapping.user, mapping.time, mapping.text].flatMap((part) => part?.joins ?? [])
  const { interactions, users } = await writeCanonical(staged, mapping, database, issues, notes, parquet, shard).catch(
    async (error: unknown) => {
      if (!/More than one row returned by a subquery/.test(duckMessage(error))) throw error
      const several = await severalRows(joins, await database.connect())
      throw new BumpError('logs-unusable', several, { cause: error })
    },
  )
  const missing = (['missing-user', 'missing-time', 'empty-text'] as const).some((kind) => issues.count(kind) > 0)
  if (missing) notes.push(...(await withoutMatch(joins, database.connection)))
  if (interactions === 0 && shard.of === 1) {
    const user = `user: ${mapping.user.written}, text: ${mapping.text.written}`
    throw nothing(`no usable user in these logs: none of ${staged.records} rows has both a user and a text (${user})`)
  }
  return {
    files: staged.files,
    tables,
    columns: staged.columns.map((column) => column.name),
    mapping: { user: mapping.user.written, time: mapping.time?.written, text: mapping.text.written },
    records: staged.records,
    merged: staged.merged,
    interactions,
    users,
    issues: issues.list(),
    notes,
  }
}
