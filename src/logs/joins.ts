// What joins a catalogue to the rows: comparisons in a mapping expression, made so that numbers and texts are
// comparable without an error. A parsed expression is a tree of JSON objects, as DuckDB's json_serialize_sql gives it.
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
 * Makes the comparisons of an expression that reads catalogues safe, in place, where a number stands on one side and a
 * text on the other: the text is equal where it spells the number ('007', '7' and '7.0' do so for 7), and never an
 * error. Returns the joins of catalogues and rows that it holds, and whether anything had to be changed.
 */
export async function joinsOf(
  expression: Node,
  connection: DuckDBConnection,
): Promise<{ joins: Join[]; changed: boolean }> {
  const find = await columnFinder(expression, connection)
  if (find === undefined) return { joins: [], changed: false }
  const joins: Join[] = []
  const lists = nodesOf(expression).filter(({ type }) => type === 'COMPARE_IN')
  for (const list of lists) asComparisons(list)
  let changed = lists.length > 0
  const comparisons = nodesOf(expression).filter(({ type }) => type === 'COMPARE_EQUAL')
  for (const node of comparisons) {
    const sides = { left: node.left as Node, right: node.right as Node }
    const [left, right] = [find(sides.left), find(sides.right)]
    const written = { left: left && sqlOf(left), right: right && sqlOf(right) }
    for (const [side, own, other] of [
      ['left', left, right],
      ['right', right, left],
    ] as const) {
      // Of what is computed the type is not known: a whole number that it is reads the same as a text.
      const mayBeText = own
        ? own.type === 'VARCHAR'
        : sides[side].class !== 'CONSTANT' && INTEGER.test(other?.type ?? '')
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

/** Makes `a IN (b, c)` the same as `a = b OR a = c`, in place. */
function asComparisons(list: Node): void {
  const { query_location, alias } = list
  const [left, ...values] = list.children as Node[]
  delete list.children
  const equal = { class: 'COMPARISON', type: 'COMPARE_EQUAL', query_location }
  const children = values.map((right) => ({ ...equal, alias: '', left: structuredClone(left), right }))
  if (children.length === 1) Object.assign(list, { ...children[0], alias })
  else Object.assign(list, { class: 'CONJUNCTION', type: 'CONJUNCTION_OR', query_location, alias, children })
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

/**
 * Finds the column that a reference means: by its table or that one's alias, else in catalogues before the rows.
 * Undefined where the expression reads no catalogue.
 */
async function columnFinder(
  expression: Node,
  connection: DuckDBConnection,
): Promise<((node: Node) => Column | undefined) | undefined> {
  const found = await query(
    connection,
    'SELECT table_name AS "table", column_name AS "column", data_type AS type FROM duckdb_columns() WHERE NOT internal',
  )
  const columns = found as unknown as Column[]
  const aliases = new Map([['rows', 'rows']])
  for (const { type, table_name, alias } of nodesOf(expression))
    if (type === 'BASE_TABLE') aliases.set(String(alias || table_name).toLowerCase(), String(table_name).toLowerCase())
  const known = new Set(columns.map(({ table }) => table.toLowerCase()))
  const catalogues = [...new Set(aliases.values())].filter((table) => table !== 'rows' && known.has(table))
  if (catalogues.length === 0) return undefined
  return ({ class: kind, column_names }) => {
    if (kind !== 'COLUMN_REF') return undefined
    const [name, qualifier, ...more] = [...(column_names as string[])].reverse().map((part) => part.toLowerCase())
    if (more.length > 0) return undefined
    const tables = qualifier === undefined ? [...catalogues, 'rows'] : [aliases.get(qualifier)]
    for (const table of tables) {
      const column = columns.find((one) => one.table.toLowerCase() === table && one.column.toLowerCase() === name)
      if (column !== undefined) return column
    }
    return undefined
  }
}

const sqlOf = ({ table, column }: Column) => `${sqlName(table)}.${sqlName(column)}`

/** What to do where a query within an expression finds several rows, with the keys for which a catalogue has them. */
export async function severalRows(joins: readonly Join[], connection: DuckDBConnection): Promise<string> {
  const cure = "say which is meant, as max(…), any_value(…) or string_agg(…, ', ') of what is selected"
  for (const { table, key, condition } of joins) {
    const name = sqlName(key)
    const found = await query(
      connection,
      `SELECT rows.${name}::VARCHAR AS id, count(*)::INTEGER AS n FROM (SELECT DISTINCT ${name} FROM rows) AS rows
       JOIN ${sqlName(table)} ON ${condition} GROUP BY rows.${name} HAVING n > 1 ORDER BY rows.${name} LIMIT 3`,
    )
    const keys = found.map(({ id, n }) => `${n} for ${excerpt(String(id), 40)}`).join(', ')
    if (keys !== '')
      return `${table} has several rows for one ${key} (${keys}): keep one of each in the file, or ${cure}`
  }
  return `an expression finds several rows for one of the log's: ${cure}`
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
