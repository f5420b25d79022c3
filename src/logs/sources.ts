// Paths, globs and addresses -> local files, each with its format. Remote files are fetched into the staging folder.
import { createWriteStream, existsSync, mkdtempSync, realpathSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { DuckDBConnection } from '@duckdb/node-api'
import { bareAddresses } from '../util/address.ts'
import { BumpError } from '../util/errors.ts'
import { duckMessage, loadBuckets, query, sqlString } from './database.ts'
import { DamagedCompression } from './decompress.ts'
import type { LogFormat, SourceFile } from './formats/format.ts'
import { logFormatNamed, logFormatNames, logFormats } from './formats/formats.ts'
import { queryRows } from './formats/query.ts'
import { type IssueLog, issueLines } from './issues.ts'
import { isPostgres, postgresRows } from './query/postgres.ts'
import { writeRows } from './query/rows.ts'
import { isSqlite, sqliteRows } from './query/sqlite.ts'
import { boundedBody, fetchPublic } from './remote.ts'
import { encodingOf, type LogFile, sniffBytes } from './text-blocks.ts'
import type { LogSource } from './types.ts'

const BUCKET = /^(s3|s3a|s3n|gs|gcs|r2|hf):\/\//
const GLOB = /[*?[\]]/

/** Resolves all paths of a source; an unreadable one among several is an issue, when none is left it is an error. */
export async function resolveFiles(
  source: Pick<LogSource, 'paths' | 'format' | 'query'>,
  connection: DuckDBConnection,
  folder: string,
  issues: IssueLog,
): Promise<SourceFile[]> {
  if (source.paths.length === 0) throw new BumpError('invalid-options', 'no logs given: name at least one file')
  const format = source.format === undefined ? undefined : logFormatNamed(source.format)
  const files: SourceFile[] = []
  const seen = new Set<string>()
  for (const path of source.paths) {
    for (const found of await expand(path, source.query, connection, folder)) {
      const file = await withRows(found, source.query, folder)
      const real = realpathSync(file.path)
      if (seen.has(real)) continue
      seen.add(real)
      try {
        const told = file.format ?? format ?? (await formatOf(file))
        if (told === undefined) issues.add('unreadable-file', file.name, 'the file is empty')
        else files.push({ ...file, format: told })
      } catch (error) {
        if (!(error instanceof DamagedCompression)) throw error
        issues.add('unreadable-file', file.name, `damaged compression: ${error.message}`)
      }
    }
  }
  if (files.length === 0)
    throw new BumpError('logs-unusable', ['nothing to read', ...issueLines(issues.list())].join('\n'))
  const table = files.find((file) => file.format.type === 'table')
  const other = table && files.find((file) => file.format !== table.format)
  if (other !== undefined) {
    throw new BumpError(
      'logs-unusable',
      `${table!.name} is ${table!.format.title} and ${other.name} is ${other.format.title}: give logs of one kind at a time`,
    )
  }
  return files
}

/** A file on the way: its format is known where it holds the rows of a query. */
type FoundFile = LogFile & { format?: LogFormat }

/** Of a database the rows of the query, any other file as it is. */
async function withRows(file: FoundFile, query: string | undefined, folder: string): Promise<FoundFile> {
  if (file.format !== undefined || !isSqlite(file.path)) return file
  return { path: await writeRows(sqliteRows(file.path, file.name, query), folder), name: file.name, format: queryRows }
}

async function expand(
  path: string,
  select: string | undefined,
  connection: DuckDBConnection,
  folder: string,
): Promise<FoundFile[]> {
  if (isPostgres(path)) {
    const name = bareAddresses(path)
    if (select === undefined)
      throw new BumpError(
        'invalid-options',
        `${name} is a Postgres database: say by \`query\` which of its rows to read`,
      )
    return [{ path: await writeRows(postgresRows(path, select), folder), name, format: queryRows }]
  }
  if (/^sqlite:/i.test(path)) return sqliteFiles(path)
  if (/^https?:\/\//i.test(path)) return [await download(path, folder)]
  if (BUCKET.test(path)) return fromBucket(path, connection, folder)
  if (existsSync(path)) {
    if (statSync(path).isDirectory()) {
      throw new BumpError(
        'logs-unusable',
        `${path} is a folder: name the files in it, such as "${join(path, '*.jsonl')}", or "${join(path, '**/*')}" for ` +
          'those of its folders, too',
      )
    }
    return [{ path, name: path }]
  }
  if (/^(az|azure|abfss?|wasbs?):\/\//i.test(path)) {
    throw new BumpError(
      'logs-unusable',
      `${bareAddresses(path)}: Azure's storage is not read, since that needs an extension of DuckDB and credentials that bump does not ` +
        'handle: give the https:// address of the file with its SAS token, or copy it here (azcopy copy) and give its path',
    )
  }
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(path)) {
    throw new BumpError(
      'logs-unusable',
      `${bareAddresses(path)}: this kind of address is unknown; http(s)://, s3://, gs://, r2://, hf:// and postgres:// can be read`,
    )
  }
  if (!GLOB.test(path)) throw new BumpError('logs-unusable', `${path}: no such file`)
  const matches = (await query(connection, `SELECT file FROM glob(${sqlString(path)}) ORDER BY file`)).map((row) =>
    String(row.file),
  )
  if (matches.length === 0) throw new BumpError('logs-unusable', `${path}: no file matches`)
  return matches.map((match) => ({ path: match, name: match }))
}

/** `sqlite:` before a path says no more than the file does. */
function sqliteFiles(address: string): FoundFile[] {
  const path = address.replace(/^sqlite:(\/\/(?=\/))?/i, '')
  if (!existsSync(path)) throw new BumpError('logs-unusable', `${path}: no such file`)
  if (!statSync(path).isFile() || !isSqlite(path)) throw new BumpError('logs-unusable', `${path} is no SQLite database`)
  return [{ path, name: path }]
}

/** Fetched whole with Node's own client: it streams, needs no extension, and the canonical form is made once anyway. */
async function download(address: string, folder: string): Promise<LogFile> {
  const name = bareAddresses(address)
  const path = join(mkdtempSync(join(folder, 'remote-')), basename(name))
  let response: Response
  try {
    response = await fetchPublic(address)
    if (!response.ok || response.body === null)
      throw new Error(`the server answered ${response.status} ${response.statusText}`)
    await pipeline(Readable.fromWeb(response.body), boundedBody(), createWriteStream(path))
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
    throw new BumpError(
      'logs-unusable',
      `${name} could not be fetched: ${cause instanceof Error ? cause.message : String(cause)}`,
      {
        cause: error,
      },
    )
  }
  return { path, name }
}

async function fromBucket(address: string, connection: DuckDBConnection, folder: string): Promise<LogFile[]> {
  await loadBuckets(connection, address)
  try {
    const found = (await query(connection, `SELECT file FROM glob(${sqlString(address)}) ORDER BY file`)).map((row) =>
      String(row.file),
    )
    if (found.length === 0) throw new BumpError('logs-unusable', `${bareAddresses(address)}: no file matches`)
    const files: LogFile[] = []
    for (const name of found) {
      const path = join(mkdtempSync(join(folder, 'remote-')), basename(name))
      const content = /\.parquet$/i.test(name)
        ? `COPY (FROM read_parquet(${sqlString(name)})) TO ${sqlString(path)} (FORMAT parquet)`
        : `COPY (SELECT content FROM read_blob(${sqlString(name)})) TO ${sqlString(path)} (FORMAT blob)`
      await connection.run(content)
      files.push({ path, name: bareAddresses(name) })
    }
    return files
  } catch (error) {
    if (error instanceof BumpError) throw error
    throw new BumpError('logs-unusable', bareAddresses(`${address} could not be read: ${duckMessage(error)}`), {
      cause: error,
    })
  }
}

/** Told from the content first and the name second; undefined for an empty file. */
async function formatOf(file: LogFile): Promise<LogFormat | undefined> {
  let start: Buffer
  try {
    start = await sniffBytes(file)
  } catch (error) {
    if (error instanceof BumpError || error instanceof DamagedCompression) throw error
    throw new BumpError(
      'logs-unusable',
      `${file.name} could not be opened: ${error instanceof Error ? error.message : String(error)}`,
    )
  }
  if (start.length === 0) return undefined
  const formats = logFormats()
  const bytes = start.toString('latin1')
  const marked = formats.find(({ magic }) => magic !== undefined && bytes.startsWith(magic))
  if (marked !== undefined) return marked
  const fileName = file.name.toLowerCase().replace(/\.(gz|gzip|zst|zstd)$/, '')
  const named = formats.find(({ fileNames }) => fileNames?.test(fileName))
  if (named?.type === 'table') return named
  const encoding = encodingOf(start)
  if (encoding === 'binary') {
    const titles = formats.map(({ title }) => title)
    throw new BumpError(
      'logs-unusable',
      `${file.name} is binary data of an unknown kind: ${titles.slice(0, -1).join(', ')} or ${titles.at(-1)} is expected`,
    )
  }
  const text = new TextDecoder(encoding)
    .decode(start)
    .replace(/^\uFEFF/, '')
    .trimStart()
  if (text === '') return undefined
  const found = named ?? formats.find((format) => format.type === 'text' && format.recognises(text, fileName))
  if (found !== undefined) return found
  throw new BumpError(
    'invalid-options',
    `${file.name}: the format is not to be told from its name or content; say which by \`format\` ` +
      `(${logFormatNames().join(', ')})`,
  )
}
