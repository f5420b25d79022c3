// DuckDB, set up the same way everywhere: UTC, bounded memory, spilling to a folder of its own.
import { totalmem } from 'node:os'
import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import { bareAddresses } from '../util/address.ts'
import { BumpError } from '../util/errors.ts'

export interface Database {
  connection: DuckDBConnection
  /** Another connection to the same data: one connection cannot read a stream and write at once. */
  connect(): Promise<DuckDBConnection>
  /** Ends the queries under way with an error. */
  interrupt(): void
  close(): void
}

/** Opens a database; `folder` holds its spill files and, where `onDisk`, its tables. */
export async function openDatabase(folder: string, onDisk: boolean): Promise<Database> {
  const megabytes = Math.round(Math.min(1024, Math.max(256, totalmem() / 4 / 2 ** 20)))
  // Loaded here: DuckDB's binding takes longer than all the rest of a command that reads no log.
  const { DuckDBInstance } = await import('@duckdb/node-api')
  const instance = await DuckDBInstance.create(onDisk ? join(folder, 'staging.duckdb') : ':memory:', {
    threads: '2',
    memory_limit: `${megabytes}MB`,
    temp_directory: join(folder, 'spill'),
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    // Staged tables are read once or twice: packing them would cost more time than it saves.
    ...(onDisk ? { force_compression: 'uncompressed' } : {}),
  })
  const open: DuckDBConnection[] = []
  const connect = async () => {
    const connection = await instance.connect()
    open.push(connection)
    return connection
  }
  const connection = await connect()
  await connection.run(`SET GLOBAL TimeZone = 'UTC'`)
  return {
    connection,
    connect,
    interrupt: () => {
      for (const one of open) one.interrupt()
    },
    close: () => {
      for (const one of open) one.closeSync()
      instance.closeSync()
    },
  }
}

/**
 * Shuts the database off before expressions run in it: no file but `files` (read or written), no address, no extension,
 * and no setting that could undo this.
 */
export async function lockDatabase({ connection }: Database, files: readonly string[]): Promise<void> {
  // A file is also asked for by its pattern, where its name holds characters of one.
  const names = new Set(files.flatMap((file) => [file, exactPattern(file)]))
  await connection.run(`SET allowed_paths = [${[...names].map(sqlString).join(', ')}]`)
  await connection.run('SET enable_external_access = false')
  await connection.run('SET lock_configuration = true')
}

/** Rows of a query as plain objects; numbers beyond 2^53 come as text. */
export async function query(connection: DuckDBConnection, sql: string): Promise<Record<string, unknown>[]> {
  return (await connection.runAndReadAll(sql)).getRowObjectsJson()
}

/** Rows of a query as arrays, a chunk at a time. */
export async function* streamRows(connection: DuckDBConnection, sql: string): AsyncGenerator<unknown[][]> {
  const result = await connection.stream(sql)
  for await (const chunk of result.yieldRows()) yield chunk
}

/** A pattern of file names that this file alone fits. */
export const exactPattern = (path: string) => path.replace(/[*?[]/g, '[$&]')

export const sqlString = (text: string) => `'${text.replaceAll("'", "''")}'`
export const sqlName = (name: string) => `"${name.replaceAll('"', '""')}"`

/** The first lines of DuckDB's message, without its class and its drawing of the query. */
export function duckMessage(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  const [start] = message.split(/\n\s*\n|\nLINE \d+/)
  return start.replace(/\s+/g, ' ').trim()
}

/** Reads buckets (s3://, gs://, ...) through DuckDB's httpfs, which is fetched once from DuckDB's own server. */
export async function loadBuckets(connection: DuckDBConnection, address: string): Promise<void> {
  try {
    await connection.run('INSTALL httpfs; LOAD httpfs')
  } catch (error) {
    throw new BumpError(
      'logs-unusable',
      `${bareAddresses(address)} needs DuckDB's extension httpfs, which could not be fetched (${duckMessage(error).slice(0, 200)}). ` +
        'Connect this machine to the internet once, or copy the file here and give its path',
      { cause: error },
    )
  }
}
