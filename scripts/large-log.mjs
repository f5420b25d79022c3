// Writes a large log for measuring how fast logs are read (docs/performance.md). The same arguments give the same rows.
// node scripts/large-log.mjs --interactions 10000000 --users 1000000 --format parquet --out log.parquet
import { parseArgs } from 'node:util'
import { DuckDBInstance } from '@duckdb/node-api'

const { values } = parseArgs({
  options: {
    out: { type: 'string' },
    interactions: { type: 'string', default: '10000000' },
    users: { type: 'string', default: '1000000' },
    format: { type: 'string', default: 'parquet' },
    ids: { type: 'string', default: 'text' },
    times: { type: 'string', default: 'epoch' },
    metadata: { type: 'string', default: 'some' },
  },
})
const USERS = { text: (id) => `'user-' || ${id}`, number: (id) => id }
const TIMES = {
  epoch: (seconds) => seconds,
  iso: (seconds) => `strftime(to_timestamp(${seconds}) AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%SZ')`,
  native: (seconds) => `CAST(to_timestamp(${seconds}) AT TIME ZONE 'UTC' AS TIMESTAMP)`,
}
const METADATA = { some: `, 1 + hash(i, 4) % 5 AS stars, 'shop ' || hash(i, 5) % 100 AS place`, none: '' }
const FORMATS = { parquet: '(FORMAT parquet)', jsonl: '(FORMAT json)', csv: '(FORMAT csv, HEADER)' }

const [user, time, metadata, format] = [
  [USERS, values.ids],
  [TIMES, values.times],
  [METADATA, values.metadata],
  [FORMATS, values.format],
].map(([table, name]) => table[name])
if (values.out === undefined || [user, time, metadata, format].includes(undefined)) {
  const list = (table) => Object.keys(table).join('|')
  console.error(
    `usage: node scripts/large-log.mjs --out <file> [--interactions <n>] [--users <n>] [--format ${list(FORMATS)}]\n` +
      `  [--ids ${list(USERS)}] [--times ${list(TIMES)}] [--metadata ${list(METADATA)}]`,
  )
  process.exit(2)
}
const words = 'roses beans soil winter trains maps bread rivers chess films rain music paint stars cats tea'.split(' ')
const word = (n) => `['${words.join("','")}'][CAST(1 + hash(i, ${n}) % ${words.length} AS INTEGER)]`

const connection = await (await DuckDBInstance.create(':memory:', { threads: '2', memory_limit: '1GB' })).connect()
await connection.run(`COPY (
  SELECT ${user(`hash(i, 1) % ${Number(values.users)}`)} AS user_id,
    ${time('1600000000 + CAST(hash(i, 2) % 100000000 AS BIGINT)')} AS ts,
    'Note ' || i || ': ' || ${word(6)} || ' and ' || ${word(7)} || ', then ' || ${word(8)} || ' on day ' || i % 365 || '.' AS text${metadata}
  FROM range(${Number(values.interactions)}) t(i)
) TO '${values.out.replaceAll("'", "''")}' ${format}`)
