// Rows of a query in a SQLite database, which is opened for reading only.

import { isUtf8 } from 'node:buffer'
import { closeSync, openSync, readSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type Database from 'libsql'
import { BumpError } from '../../util/errors.ts'
import { BATCH, bareQuery, bytesJson, lineWriter } from './rows.ts'

const MAGIC = 'SQLite format 3\0'
/** Milliseconds to wait for a writer that holds the database. */
const LOCK_TIMEOUT = 5000
/** Functions of this build of SQLite that reach beyond the database. */
const BEYOND = /\b(readfile|writefile|fsdir|lsmode)\b/i
const MOST_TABLES = 20

/** Whether a file is a SQLite database, by its first bytes. */
export function isSqlite(path: string): boolean {
  const start = Buffer.alloc(MAGIC.length)
  const file = openSync(path, 'r')
  try {
    readSync(file, start, 0, MAGIC.length, 0)
  } finally {
    closeSync(file)
  }
  return start.toString('latin1') === MAGIC
}

/**
 * The rows of one SELECT over the database at `path`, as lines of JSON in batches. Integers keep their digits, BLOBs
 * are text where they are UTF-8 and hexadecimal where not. Throws BumpError with the tables of the database where the
 * query is missing, is no SELECT, or fails; `name` is what messages call the database.
 */
export async function* sqliteRows(path: string, name: string, query: string | undefined): AsyncGenerator<string[]> {
  const database = await openSqlite(path, name)
  try {
    if (query === undefined)
      throw new BumpError('invalid-options', `${name} is a SQLite database: say by \`query\` which of its rows to read`)
    const beyond = BEYOND.exec(query)?.[0]
    if (beyond !== undefined)
      throw new BumpError(
        'invalid-options',
        `${name}: a query that names ${beyond} is refused: it reads the database only`,
      )
    // What follows a first statement would be passed over; without the alias at its end that one fails.
    const only = `SELECT bump_rows.* FROM (${bareQuery(query)}\n) AS bump_rows`
    const names = database
      .prepare(only)
      .columns()
      .map((column) => column.name)
    const line = lineWriter(names)
    const [encoding] = database.prepare('PRAGMA encoding').raw(true).get() as [string]
    const statement = database.prepare(textAsBytes(only, names)).raw(true).safeIntegers(true)
    let batch: string[] = []
    for (const row of statement.iterate() as Iterable<unknown[]>) {
      batch.push(
        line(names.map((_, i) => valueJson(row[i], Number(row[names.length + i]) === 1 ? encoding : undefined))),
      )
      if (batch.length < BATCH) continue
      yield batch
      batch = []
    }
    yield batch
  } catch (error) {
    const message = BumpError.isInstance(error) ? error.message : `${name}: the query failed: ${messageOf(error)}`
    const code = BumpError.isInstance(error) ? error.code : 'logs-unusable'
    throw new BumpError(code, `${message}. ${tablesOf(database)}`, { cause: error })
  } finally {
    database.close()
  }
}

async function openSqlite(path: string, name: string): Promise<Database.Database> {
  try {
    const { default: Libsql } = await import('libsql')
    const database = new Libsql(`${pathToFileURL(resolve(path)).href}?mode=ro`, { timeout: LOCK_TIMEOUT })
    database.exec('PRAGMA query_only = ON')
    return database
  } catch (error) {
    throw new BumpError('logs-unusable', `${name} could not be opened as a SQLite database: ${messageOf(error)}`, {
      cause: error,
    })
  }
}

/** The tables and their columns, for a message. */
function tablesOf(database: Database.Database): string {
  try {
    const found = database
      .prepare(
        `SELECT t.name, (SELECT group_concat(c.name, ', ') FROM pragma_table_info(t.name) c) FROM sqlite_master t
         WHERE t.type IN ('table', 'view') AND t.name NOT LIKE 'sqlite!_%' ESCAPE '!' ORDER BY t.name LIMIT ${MOST_TABLES}`,
      )
      .raw(true)
      .all() as [string, string][]
    return found.length === 0
      ? 'It has no tables'
      : `Its tables: ${found.map(([table, columns]) => `${table} (${columns})`).join('; ')}`
  } catch (error) {
    return `Its tables cannot be listed: ${messageOf(error)}`
  }
}

/**
 * The query with its texts as bytes, then for each column whether it is such a text: the driver would end the process at
 * a text that is not UTF-8, as programs of other encodings leave them, and cut one at a zero byte. The bytes are in the
 * database's encoding.
 */
function textAsBytes(query: string, names: readonly string[]): string {
  const columns = names.map((name) => `texts."${name.replaceAll('"', '""')}"`)
  const isText = columns.map((column) => `typeof(${column}) = 'text'`)
  const values = columns.map((column, i) => `CASE WHEN ${isText[i]} THEN CAST(${column} AS BLOB) ELSE ${column} END`)
  return `SELECT ${[...values, ...isText].join(', ')} FROM (${query}) AS texts`
}

/** `encoding` as SQLite names it: UTF-8, UTF-16le or UTF-16be. Bytes that are not UTF-8 are of Windows-1252. */
function textOf(bytes: Uint8Array, encoding: string): string {
  if (encoding !== 'UTF-8') return new TextDecoder(encoding, { ignoreBOM: true }).decode(bytes)
  return isUtf8(bytes) ? Buffer.from(bytes).toString() : new TextDecoder('windows-1252').decode(bytes)
}

/** `encoding`: of a value that is a text. */
function valueJson(value: unknown, encoding: string | undefined): string {
  if (encoding !== undefined)
    return JSON.stringify(
      textOf(value instanceof ArrayBuffer ? new Uint8Array(value) : (value as Uint8Array), encoding),
    )
  if (typeof value === 'bigint' || typeof value === 'number') return String(value)
  if (value instanceof Uint8Array) return bytesJson(value)
  if (value instanceof ArrayBuffer) return bytesJson(new Uint8Array(value))
  return JSON.stringify(value)
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
