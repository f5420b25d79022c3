// What an independent writer wrote comes back the same: any texts, in every format that DuckDB writes.
import {
  type DuckDBConnection,
  DuckDBDataChunk,
  DuckDBInstance,
  DuckDBTimestampValue,
  TIMESTAMP,
  VARCHAR,
} from '@duckdb/node-api'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { checkCounts } from './testing/counts.ts'
import { testFolder } from './testing/files.ts'
import { reader } from './testing/read.ts'
import { isMissingWord } from './user-id.ts'

const folder = testFolder()
const { readFrom } = reader(folder)

let connection: DuckDBConnection
beforeAll(async () => {
  connection = await (await DuckDBInstance.create(':memory:')).connect()
  await connection.run('CREATE TABLE rows ("user" VARCHAR, note VARCHAR, text VARCHAR, "time" TIMESTAMP)')
})
afterAll(() => connection.closeSync())

interface Row {
  user: string | null
  note: string | null
  text: string | null
  /** Milliseconds since 1970. */
  time: number | null
}

/** What readers stumble over, between plain words. */
// biome-ignore format: a list
const pieces = fc.constantFrom(
  'tea', 'a', ' ', '  ', '"', '""', "'", '\\', '\\"', '\\\\', ',', ';', '\t', '|', '\n', '\r\n', '\r', '\0', '\u2028',
  '\u0085', '\u00A0', '\uFEFF', '\u{1F339}', 'é', 'e\u0301', '\u202E', '\u001B', '{', '}', '[', ']', ':', '#', '=', '%',
  'null', 'NaN', '\\N', '1e5', '007', '0', '-1.50', 'true', '2024-02-03', '\\n', '\\u0041', '&amp;', 'user', '<b>',
)
const text = fc.option(
  fc.array(pieces, { maxLength: 6 }).map((parts) => parts.join('')),
  { freq: 12 },
)
const user = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('ann', 'b,b', '"q"', '007', '7', '12345678901234567890', 'ünï', '-3') },
  { weight: 1, arbitrary: text },
)
const YEARS_1900_TO_2200 = { min: Date.UTC(1900, 0), max: Date.UTC(2200, 0) }
const time = fc.option(fc.integer(YEARS_1900_TO_2200), { freq: 4 })
const rows = fc.array(fc.record({ user, note: text, text, time }), { minLength: 1, maxLength: 40 })

const FORMATS = {
  'rows.csv': '(FORMAT csv)',
  'semicolon.csv': "(FORMAT csv, DELIMITER ';')",
  'quoted.csv': '(FORMAT csv, FORCE_QUOTE *)',
  'backslash.csv': "(FORMAT csv, FORCE_QUOTE *, ESCAPE '\\')",
  'rows.tsv': "(FORMAT csv, DELIMITER '\t')",
  'rows.jsonl': '(FORMAT json)',
  'rows.json': '(FORMAT json, ARRAY true)',
  'rows.parquet': '(FORMAT parquet)',
}

async function write(written: readonly Row[], file: string, how: string): Promise<string> {
  await connection.run('TRUNCATE rows')
  const appender = await connection.createAppender('rows')
  const chunk = DuckDBDataChunk.create([VARCHAR, VARCHAR, VARCHAR, TIMESTAMP], written.length)
  const timestamp = (ms: number | null) => (ms === null ? null : new DuckDBTimestampValue(BigInt(ms) * 1000n))
  chunk.setRows(written.map(({ user, note, text, time }) => [user, note, text, timestamp(time)]))
  appender.appendDataChunk(chunk)
  appender.closeSync()
  const path = folder.path(file)
  await connection.run(`COPY rows TO '${path}' ${how}`)
  return path
}

/**
 * What is left of the rows: a canonical interaction has a user and a text, neither with white space around. Text formats
 * lose NULs, which become `nul`.
 */
function expected(written: readonly Row[], nul: string): [string, string, number | undefined][] {
  const clean = (value: string | null) => (value ?? '').replaceAll('\0', nul).trim()
  return written
    .map((row): [string, string, number | undefined] => [clean(row.user), clean(row.text), row.time ?? undefined])
    .filter(([user, text]) => user !== '' && !isMissingWord(user) && text !== '' && text !== '\\N')
}

it.each(Object.entries(FORMATS))('%s', async (file, how) => {
  const options = file === 'backslash.csv' ? { escape: '\\' } : {}
  await fc.assert(
    fc.asyncProperty(rows, async (written) => {
      const left = expected(written, file.endsWith('.parquet') ? '\0' : '\uFFFD')
      fc.pre(left.length > 0)
      const path = await write(written, file, how)
      const { report, users } = await readFrom({ paths: [path], ...options })
      const came = users.flatMap(({ id, interactions }) => interactions.map(({ text, time }) => [id, text, time]))
      expect(came.sort()).toEqual(left.sort())
      checkCounts(report, came.length)
      expect(report.records).toBe(written.length)
    }),
    { numRuns: 8, seed: 1 },
  )
})
