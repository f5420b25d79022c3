// Staged rows -> the canonical interactions in a Parquet file, sorted by user and time. The database reads plain rows
// (plain.ts) in sets. All others are read here, one by one, by the rules of which those are the simple cases.
import { type Database, query, sqlName, sqlString, streamRows } from './database.ts'
import type { Staged } from './formats/format.ts'
import { isUntyped, logFormatNamed } from './formats/formats.ts'
import { excerpt, type IssueLog } from './issues.ts'
import { withoutNotFinite } from './json-record.ts'
import type { Expression, Mapping } from './mapping.ts'
import { plainMetadata, plainNativeTime, plainText, plainTime, plainUser, trimmedSql } from './plain.ts'
import { inShard, type Shard } from './shards.ts'
import { parseTime, type TimeReading } from './time.ts'
import { timeReading } from './time-column.ts'
import { isInfinite, isMissingWord, isRounded, looksConverted, wholeNumber } from './user-id.ts'

/**
 * Writes what the view `rows` holds of the users of `shard` into the file `parquet` and counts in `issues` what is
 * unusable. Returns how many interactions of how many users there are.
 */
export async function writeCanonical(
  staged: Staged,
  mapping: Mapping,
  database: Database,
  issues: IssueLog,
  notes: string[],
  parquet: string,
  shard: Shard,
): Promise<{ interactions: number; users: number }> {
  const { connection } = database
  const { time } = mapping
  const reading =
    time === undefined || isNativeTime(time) ? {} : await timeReading(connection, textSql(time), nameIn(time), notes)
  await readPlain(staged, mapping, database, reading, shard)
  await readCarefully(staged, mapping, database, reading, issues)
  await connection.run(`CREATE VIEW canonical AS
    SELECT user_id, time, position, text, metadata FROM plainly WHERE plain UNION ALL FROM carefully WHERE ${inShard('user_id', shard)}`)
  const [counts] = await query(
    connection,
    `SELECT count(*)::BIGINT AS interactions, count(time)::BIGINT AS timed, count(DISTINCT user_id)::BIGINT AS users
     FROM canonical`,
  )
  const [interactions, timed] = [Number(counts.interactions), Number(counts.timed)]
  // A record without a time goes right after the record of the same user that stands before it in the file. The
  // window for it costs memory, so only logs with some such records pay for it.
  const ordered =
    timed === interactions || timed === 0
      ? 'SELECT *, time AS sort_time FROM canonical'
      : 'SELECT *, last_value(time IGNORE NULLS) OVER (PARTITION BY user_id ORDER BY position) AS sort_time FROM canonical'
  await connection.run(
    `COPY (SELECT user_id, time, position, text, metadata FROM (${ordered})
     ORDER BY user_id, sort_time NULLS FIRST, position) TO ${sqlString(parquet)} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 10240)`,
  )
  return { interactions, users: Number(counts.users) }
}

/** Makes the table `plainly`: rows of the shard that are `plain`, and all others, which keep what reading them takes. */
async function readPlain(
  staged: Staged,
  mapping: Mapping,
  { connection }: Database,
  reading: TimeReading,
  shard: Shard,
) {
  const { user, time, text } = mapping
  const untyped = untypedFiles(staged).flatMap((is, file) => (is ? [file] : []))
  const plainId = plainUser('id', 'is_number', untyped.length > 0 ? `_file IN (${untyped})` : 'false', user.type)
  const isNative = time !== undefined && isNativeTime(time)
  const moment = time === undefined ? 'NULL' : isNative ? `CAST(${time.sql} AS TIMESTAMP)` : textSql(time)
  const plainMoment = isNative ? plainNativeTime('moment') : plainTime('moment', reading)
  const conditions = [plainId.plain, plainText('read_text'), plainMetadata('metadata')]
  if (time !== undefined) conditions.push('read_time IS NOT NULL')
  const written = isNative ? nativeText('moment') : 'moment'
  const careful = ['_file', '_line', '_element', 'is_number'].map(
    (name) => `CASE WHEN NOT plain THEN ${name} END AS ${name}`,
  )
  await connection.run(`CREATE TABLE plainly AS
    SELECT plain, position, CASE WHEN plain THEN read_user ELSE id END AS user_id, read_time AS time, read_text AS text, metadata,
      ${careful.join(', ')}, CASE WHEN NOT plain THEN ${written} END AS written
    FROM (SELECT *, coalesce((${conditions.join(') AND (')}), false) AS plain
    FROM (SELECT *, ${plainId.value} AS read_user, ${time === undefined ? 'NULL::DOUBLE' : plainMoment} AS read_time
    FROM (SELECT * REPLACE (${trimmedSql('id')} AS id, ${isNative ? 'moment' : trimmedSql('moment')} AS moment),
      ${trimmedSql('words')} AS read_text
    FROM (SELECT _bump_row AS position, _file, _line, _element, ${idSql(user)} AS id, ${isNumberSql(user, staged)} AS is_number,
      ${moment} AS moment, ${textSql(text)} AS words, ${metadataSql(mapping)} AS metadata FROM rows))))
    WHERE NOT plain OR ${inShard('read_user', shard)}`)
}

/** Makes the table `carefully` of those rows that are not plain and have both a user and a text. */
async function readCarefully(
  staged: Staged,
  mapping: Mapping,
  database: Database,
  reading: TimeReading,
  issues: IssueLog,
): Promise<void> {
  const writing = await database.connect()
  await writing.run(
    'CREATE TABLE carefully (user_id VARCHAR, time DOUBLE, position BIGINT, text VARCHAR, metadata VARCHAR)',
  )
  const { DuckDBDataChunk } = await import('@duckdb/node-api')
  const appender = await writing.createAppender('carefully')
  const types = Array.from({ length: appender.columnCount }, (_, i) => appender.columnType(i))
  const untyped = untypedFiles(staged)
  const columns = 'position, _file, _line, _element, user_id, is_number, written, text, metadata'
  for await (const chunk of streamRows(
    database.connection,
    `SELECT ${columns} FROM plainly WHERE NOT plain ORDER BY position`,
  )) {
    const ready: (string | number | bigint | null)[][] = []
    for (const [position, file, line, element, userId, isNumber, written, words, rest] of chunk) {
      const at = () => `${staged.files[Number(file)].name}:${line}${Number(element) > 0 ? ` (element ${element})` : ''}`
      const id = cell(userId)
      const user = isNumber || (untyped[Number(file)] && looksConverted(id)) ? wholeNumber(id) : id
      const text = cell(words)
      if (user === '') issues.add('missing-user', at(), `${mapping.user.written} is empty`)
      else if (isMissingWord(user) || (isNumber && isInfinite(user)))
        issues.add('missing-user', at(), `${mapping.user.written} is ${user}`)
      else if (text === '' || text === '\\N')
        issues.add('empty-text', at(), `${mapping.text.written} is empty (user ${excerpt(user, 30)})`)
      else {
        if (user !== id && isRounded(id, mapping.user.type)) {
          issues.add('rounded-user', at(), `${mapping.user.written} is ${id}: write such ids as text or whole numbers`)
        }
        const when = isMissingWord(cell(written)) ? '' : cell(written)
        const time = when === '' ? undefined : parseTime(when, reading)
        if (mapping.time !== undefined && time === undefined) {
          if (when === '') issues.add('missing-time', at(), `${mapping.time.written} is empty`)
          else issues.add('bad-time', at(), `not a time: ${excerpt(when)}`)
        }
        const metadata = cell(rest)
        const finite = withoutNotFinite(metadata)
        if (finite !== metadata) issues.add('not-finite', at(), `NaN or Infinity: ${excerpt(metadata)}`)
        ready.push([user, time ?? null, position as bigint, text, finite])
      }
    }
    if (ready.length === 0) continue
    const read = DuckDBDataChunk.create(types, ready.length)
    read.setRows(ready)
    appender.appendDataChunk(read)
  }
  appender.closeSync()
}

/** Which files write all values as text. */
const untypedFiles = ({ files }: Staged): boolean[] => files.map(({ format }) => isUntyped(logFormatNamed(format)))

const cell = (value: unknown) => (typeof value === 'string' ? value.trim() : '')

function textSql({ sql, type }: Expression): string {
  if (type === 'BLOB') return `TRY(decode(${sql}))`
  // A cast would leave a text in its quotes.
  return type === 'JSON' ? `(${sql} ->> '$')` : `CAST(${sql} AS VARCHAR)`
}

/** Ids of bytes that are no text, such as those of a UUID, are written as digits. */
const idSql = (user: Expression) =>
  user.type === 'BLOB' ? `coalesce(${textSql(user)}, lower(hex(${user.sql})))` : textSql(user)

/** Whether the user's id came as a number that may have a fraction or an exponent, and so several spellings. */
function isNumberSql({ sql, type, column }: Expression, { columns }: Staged): string {
  if (type === 'JSON') return `(json_type(${sql}) = 'DOUBLE')`
  if (/^(DOUBLE|FLOAT|DECIMAL)/.test(type)) return 'true'
  return columns.find(({ name }) => name === column)?.isDecimal ?? 'false'
}

/** An expression as it stands in another one. */
const nameIn = ({ written, column }: Expression) =>
  column === undefined || /^[a-z_]\w*$/i.test(column) ? written : sqlName(column)

const isNativeTime = ({ type }: Expression) => /^(TIMESTAMP|DATE)/.test(type)

/** DuckDB's own time as text for `parseTime`, in milliseconds. */
const nativeText = (timestamp: string) => `strftime(${timestamp}, '%Y-%m-%dT%H:%M:%S.%gZ')`

/** The record without the columns that became user, time and text. */
function metadataSql({ user, time, text }: Mapping): string {
  const used = [user, time, text].flatMap((part) => (part?.column === undefined ? [] : [part.column]))
  if (used.length === 0) return '_record'
  const removed = JSON.stringify(Object.fromEntries(used.map((name) => [name, null])))
  return `json_merge_patch(_record, ${sqlString(removed)})::VARCHAR`
}
