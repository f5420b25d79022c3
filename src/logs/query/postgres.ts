// Rows of a query in a Postgres database, by a cursor in a transaction that only reads.
import type { Client, QueryResult } from 'pg'
import { bareAddresses } from '../../util/address.ts'
import { BumpError } from '../../util/errors.ts'
import { BATCH, bareQuery, bytesJson, lineWriter } from './rows.ts'

/** Seconds in which the server must let in, and in which it must give the next rows. */
const CONNECT_SECONDS = 15
const ROWS_SECONDS = 600

/** Whether an address is one of a Postgres database. */
export const isPostgres = (address: string): boolean => /^postgres(ql)?:\/\//i.test(address)

/** Texts as the server writes them; the values' types are looked at here. */
const AS_TEXT = { getTypeParser: () => (text: string) => text }

/**
 * The rows of one query, as lines of JSON in batches. Numbers of any length keep their digits, times are in UTC, bytes
 * are text where they are UTF-8 and hexadecimal where not. What the address leaves out comes from PGUSER, PGPASSWORD,
 * PGPASSFILE and so on. Throws BumpError where the server cannot be reached, does not let in, is silent, or refuses
 * the query.
 */
export async function* postgresRows(
  address: string,
  query: string,
  connectSeconds = CONNECT_SECONDS,
): AsyncGenerator<string[]> {
  const name = bareAddresses(address)
  const client = await connected(address, name, connectSeconds)
  try {
    await client.query('BEGIN TRANSACTION READ ONLY')
    await client.query("SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO'; SET LOCAL bytea_output = 'hex'")
    // The extended protocol takes a single statement.
    const text = `DECLARE bump_rows NO SCROLL CURSOR FOR ${bareQuery(query)}`
    await client.query({ text, queryMode: 'extended' } as { text: string })
    for (;;) {
      const fetched: QueryResult<(string | null)[]> = await client.query({
        text: `FETCH ${BATCH} FROM bump_rows`,
        rowMode: 'array',
        types: AS_TEXT,
      })
      const { rows, fields } = fetched
      if (rows.length === 0) return
      const line = lineWriter(fields.map((field) => field.name))
      yield rows.map((row) => line(row.map((value, i) => valueJson(value, fields[i].dataTypeID))))
    }
  } catch (error) {
    if (BumpError.isInstance(error)) throw new BumpError(error.code, `${name}: ${error.message}`, { cause: error })
    throw new BumpError('logs-unusable', `${name}: the query failed: ${await explained(error, client)}`, {
      cause: error,
    })
  } finally {
    await client.end()
  }
}

async function connected(address: string, name: string, seconds: number): Promise<Client> {
  const { default: pg } = await import('pg')
  try {
    const client = new pg.Client({
      connectionString: address,
      connectionTimeoutMillis: seconds * 1000,
      query_timeout: ROWS_SECONDS * 1000,
    })
    // A connection that breaks also fails the query that is under way.
    client.on('error', () => {})
    await client.connect()
    return client
  } catch (error) {
    const [first] = error instanceof AggregateError ? error.errors : [error]
    const { message = String(first), code = '' } = first as { message?: string; code?: string }
    const cure =
      /^28/.test(code) || /password must be a string/.test(message)
        ? 'user and password come from the address, from PGUSER and PGPASSWORD, or from the file of PGPASSFILE'
        : 'check host, port and database, in the address or in PGHOST, PGPORT and PGDATABASE'
    throw new BumpError('logs-unusable', `${name} could not be opened: ${bareAddresses(message)}; ${cure}`, {
      cause: error,
    })
  }
}

/** A failed query's message, with the tables where it names one that is not there. */
async function explained(error: unknown, client: Client): Promise<string> {
  const { message = String(error), code } = error as { message?: string; code?: string }
  if (message === 'Query read timeout') return `the server gave no rows for ${ROWS_SECONDS / 60} minutes`
  if (code !== '42P01') return message
  await client.query('ROLLBACK')
  const { rows } = await client.query<{ name: string }>(
    `SELECT table_schema || '.' || table_name AS name FROM information_schema.tables
     WHERE table_schema NOT IN ('pg_catalog', 'information_schema') ORDER BY 1 LIMIT 20`,
  )
  return `${message}. ${rows.length === 0 ? 'There are no tables' : `There are ${rows.map((row) => row.name).join(', ')}`}`
}

/** Types by their numbers in the catalogue pg_type, which never change. */
const BOOLEAN = 16
const BYTES = 17
const NUMBERS = new Set([20, 21, 23, 26, 700, 701, 1700])
const JSONS = new Set([114, 3802])

function valueJson(value: string | null, type: number): string {
  if (value === null) return 'null'
  if (NUMBERS.has(type)) return value
  if (type === BOOLEAN) return String(value === 't')
  // Line ends in JSON stand between values only.
  if (JSONS.has(type)) return value.replace(/[\r\n]/g, ' ')
  return type === BYTES ? bytesJson(Buffer.from(value.slice(2), 'hex')) : JSON.stringify(value)
}
