// What joins a catalogue to the rows: comparisons in a mapping expression, made so that numbers and texts are comparable
// without an error. A parsed expression is a tree of JSON objects, as DuckDB's json_serialize_sql gives it.
import type { DuckDBConnection } from '@duckdb/node-api'
import { query, sqlName, sqlString } from './database.ts'
import { excerpt } from './issues.ts'

export type Node = Record<string, unknown>

/** A column of a table, with DuckDB's type. */
interface Column {
  table: string
  column: string
  type: string
}

/** `table.column = rows.key`: the catalogue's side, and the rows' side. */
export interface Join {
  table: string
  column: string
  key: string
  /** The comparison as SQL. */
  condition: string
}

/**
 * Makes the comparisons of an expression safe, in place, where a number stands on one side and a text on the other: the
 * text is equal where it spells the number ('007', '7' and '7.0' do so for 7), and never an error. Returns the joins of
 * catalogues and rows that it holds, and whether anything had to be changed.
 */
export async function joinsOf(
  expression: Node,
  connection: DuckDBConnection,
): Promise<{ joins: Join[]; changed: boolean }> {
  const comparisons = nodesOf(expression).filter(({ type }) => type === 'COMPARE_EQUAL')
  if (comparisons.length === 0) return { joins: [], changed: false }
  const find = await columnFinder(expression, connection)
  const joins: Join[] = []
  let changed = false
  for (const node of comparisons) {
    const sides = { left: node.left as Node, right: node.right as Node }
    const [left, right] = [find(sides.left), find(sides.right)]
    const written = { left: left && sqlOf(left), right: right && sqlOf(right) }
    for (const [side, own, other] of [
      ['left', left, right],
      ['right', right, left],
    ] as const) {
      const mayBeText = own ? own.type === 'VARCHAR' : sides[side].class !== 'CONSTANT'
      const spelled = other && mayBeText ? spelling(other.type) : undefined
      if (spelled === undefined) continue
      node[side] = await wrapped(sides[side], spelled, connection)
      if (own) written[side] = spelled(sqlOf(own))
      changed = true
    }
    const [catalogue, rows] = left?.table === 'rows' ? [right, left] : [left, right]
    if (catalogue && rows?.table === 'rows' && catalogue.table !== 'rows')
      joins.push({
        table: catalogue.table,
        column: catalogue.column,
        key: rows.column,
        condition: `${written.left} = ${written.right}`,
      })
  }
  return { joins, changed }
}

const INTEGER = /^U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?$/
const SCALAR = /^(DOUBLE|FLOAT|DECIMAL|UUID|DATE|TIME|BOOLEAN)/

/** How a text is read as a value of a type, as SQL; undefined where the type is no scalar, or text itself. */
function spelling(type: string): ((sql: string) => string) | undefined {
  // A cast alone would round 7.4 to 7.
  if (INTEGER.test(type))
    return (sql) =>
      `CASE WHEN regexp_full_match(trim(CAST(${sql} AS VARCHAR)), '[+-]?[0-9]+([.]0*)?') THEN TRY_CAST(${sql} AS HUGEINT) END`
  return SCALAR.test(type) ? (sql) => `TRY_CAST(${sql} AS ${type})` : undefined
}

/** The expression `node` within the SQL that `spelled` makes of it. */
async function wrapped(node: Node, spelled: (sql: string) => string, connection: DuckDBConnection): Promise<unknown> {
  const { statements } = (await parsedSql(`SELECT ${spelled('_operand')}`, connection)) as {
    statements: { node: { select_list: unknown[] } }[]
  }
  const replace = (part: unknown): unknown => {
    if (Array.isArray(part)) return part.map(replace)
    if (typeof part !== 'object' || part === null) return part
    const { column_names } = part as { column_names?: string[] }
    if (column_names?.[0] === '_operand') return node
    return Object.fromEntries(Object.entries(part).map(([key, value]) => [key, replace(value)]))
  }
  return replace(statements[0].node.select_list[0])
}

/** A number that JavaScript would round, and its stand-in in a parsed form; strings match first, to be passed over. */
const LONG_NUMBER = /"(?:[^"\\]|\\.)*"|(?<![\d.])-?\d{16,}(?![\d.eE])/g
const STAND_IN = /"\\u0001(-?\d{16,})"/g

/** The parsed form of one statement. */
export async function parsedSql(sql: string, connection: DuckDBConnection): Promise<Node> {
  const [{ parsed }] = await query(connection, `SELECT json_serialize_sql(${sqlString(sql)})::VARCHAR AS parsed`)
  const text = String(parsed).replace(LONG_NUMBER, (part) => (part.startsWith('"') ? part : `"\\u0001${part}"`))
  return JSON.parse(text) as Node
}

/** The statement of a parsed form. */
export async function writtenSql(parsed: Node, connection: DuckDBConnection): Promise<string> {
  const text = JSON.stringify(parsed).replace(STAND_IN, '$1')
  const [{ sql }] = await query(connection, `SELECT json_deserialize_sql(${sqlString(text)}) AS sql`)
  return String(sql)
}

/** All objects in a parsed expression. */
function nodesOf(part: unknown): Node[] {
  if (typeof part !== 'object' || part === null) return []
  const inner = Object.values(part).flatMap(nodesOf)
  return Array.isArray(part) ? inner : [part as Node, ...inner]
}

/** Finds the column that a reference means: by its table or that one's alias, else in the joined tables before the rows. */
async function columnFinder(
  expression: Node,
  connection: DuckDBConnection,
): Promise<(node: Node) => Column | undefined> {
  const found = await query(
    connection,
    'SELECT table_name AS "table", column_name AS "column", data_type AS type FROM duckdb_columns() WHERE NOT internal',
  )
  const columns = found as unknown as Column[]
  const aliases = new Map([['rows', 'rows']])
  for (const { type, table_name, alias } of nodesOf(expression))
    if (type === 'BASE_TABLE') aliases.set(String(alias || table_name).toLowerCase(), String(table_name).toLowerCase())
  const joined = [...new Set([...aliases.values()].filter((table) => table !== 'rows')), 'rows']
  return ({ class: kind, column_names }) => {
    if (kind !== 'COLUMN_REF') return undefined
    const [name, qualifier, ...more] = [...(column_names as string[])].reverse().map((part) => part.toLowerCase())
    if (more.length > 0) return undefined
    const tables = qualifier === undefined ? joined : [aliases.get(qualifier)]
    for (const table of tables) {
      const column = columns.find((one) => one.table.toLowerCase() === table && one.column.toLowerCase() === name)
      if (column !== undefined) return column
    }
    return undefined
  }
}

const sqlOf = ({ table, column }: Column) => `${sqlName(table)}.${sqlName(column)}`

/** Which keys a catalogue has several rows of, where a row of the log has such a key; undefined where none. */
export async function severalRows(joins: readonly Join[], connection: DuckDBConnection): Promise<string | undefined> {
  for (const { table, column, condition } of joins) {
    const name = sqlName(column)
    const found = await query(
      connection,
      `SELECT any_value(${name})::VARCHAR AS id, count(*)::INTEGER AS n FROM ${sqlName(table)} WHERE EXISTS (FROM rows WHERE ${condition})
       GROUP BY ${name} HAVING n > 1 ORDER BY ${name} LIMIT 3`,
    )
    if (found.length === 0) continue
    const keys = found.map(({ id, n }) => `${n} with ${column} ${excerpt(String(id), 40)}`).join(', ')
    return (
      `${table} has several rows for one of the log's (${keys}): keep one of each in the file, or say which is meant, as ` +
      "max(…), any_value(…) or string_agg(…, ', ') of what is selected"
    )
  }
  return undefined
}

/** For each catalogue, how many rows of the log have a key that it does not have. */
export async function withoutMatch(joins: readonly Join[], connection: DuckDBConnection): Promise<string[]> {
  const notes: string[] = []
  for (const { table, column, key, condition } of joins) {
    const name = sqlName(key)
    const [{ n, example }] = await query(
      connection,
      `SELECT count(*)::DOUBLE AS n, min(rows.${name}::VARCHAR) AS example FROM rows
       WHERE rows.${name} IS NOT NULL AND NOT EXISTS (FROM ${sqlName(table)} WHERE ${condition})`,
    )
    if (Number(n) > 0)
      notes.push(
        `${table} has no row for ${n} of the logs' rows: none whose ${column} is their ${key}, such as ${excerpt(String(example), 40)}`,
      )
  }
  return notes
}
