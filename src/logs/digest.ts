// The digest of canonical interactions: SHA-256 of a line of JSON, as JSON.stringify writes it, of user, time and text of
// each. The database writes the lines, since making each of them here would take most of the time of reading a log.
import { createHash } from 'node:crypto'
import { createReadStream, rmSync } from 'node:fs'
import type { DuckDBConnection } from '@duckdb/node-api'
import { sqlString } from './database.ts'

const READ_BYTES = 1024 * 1024

/** The digest of the view `interactions`. `scratch`: path of a file that is made and removed. */
export async function contentDigest(connection: DuckDBConnection, scratch: string): Promise<string> {
  const line = jsonList(jsonString('user_id'), TIME, jsonString('text'))
  await connection.run(`COPY (SELECT ${line} FROM interactions) TO ${sqlString(scratch)} ${unquotedCsv('\x01')}`)
  try {
    const hash = createHash('sha256')
    for await (const bytes of createReadStream(scratch, { highWaterMark: READ_BYTES })) hash.update(bytes as Buffer)
    return hash.digest('hex')
  } finally {
    rmSync(scratch, { force: true })
  }
}

/** The form of COPY in which values stand as they are; with a mark for quotes, it would put those with a # between two. */
export const unquotedCsv = (delimiter: string): string =>
  `(FORMAT csv, HEADER false, DELIMITER '${delimiter}', QUOTE '')`

const TIME = `coalesce(CAST(CAST(time AS BIGINT) AS VARCHAR), 'null')`

/** SQL of JSON of [text, time or null] of an interaction, as JSON.stringify writes it. */
export const interactionJson = (): string => jsonList(jsonString('text'), TIME)

const jsonList = (...items: string[]): string => `'[' || ${items.join(` || ',' || `)} || ']'`

/** SQL of a text as JSON.stringify writes it. The database writes escapes of control characters in other letters. */
function jsonString(sql: string): string {
  const written = `CAST(to_json(${sql}) AS VARCHAR)`
  const characters = ['\\', '"', ...Array.from({ length: 32 }, (_, code) => String.fromCharCode(code))]
  const escaped = characters.reduce(
    (text, character) =>
      `replace(${text}, chr(${character.charCodeAt(0)}), ${sqlString(JSON.stringify(character).slice(1, -1))})`,
    sql,
  )
  return `CASE WHEN contains(${written}, '\\u00') THEN '"' || ${escaped} || '"' ELSE ${written} END`
}
