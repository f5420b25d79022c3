// What a mapping expression may be: one SQL expression over the rows. It is parsed here before any of it runs; the
// database, locked by then (database.ts), is the second wall.
import type { DuckDBConnection } from '@duckdb/node-api'
import { query } from './database.ts'
import { type Join, joinsOf, parsedSql, writtenSql } from './joins.ts'

/** Functions in a FROM that read nothing but their arguments. */
const TABLE_FUNCTIONS = new Set(['unnest', 'range', 'generate_series', 'json_each', 'json_tree'])

/**
 * The expression as SQL, with the joins that it makes. Throws an Error that says what is wrong unless `written` is one
 * expression which reads only the tables of this database: no second statement or value, no file, no address. Nothing
 * is executed.
 */
export async function checkExpression(
  written: string,
  connection: DuckDBConnection,
): Promise<{ sql: string; joins: Join[] }> {
  const parsed = await parsedSql(`SELECT (${written}\n)`, connection)
  const { error, error_type, error_message, statements } = parsed as unknown as Parsed
  if (error) throw new Error(error_type === 'parser' ? error_message : 'it is more than one expression')
  const node = statements?.length === 1 ? statements[0].node : undefined
  const [value, ...others] = node?.select_list ?? []
  if (value === undefined || others.length > 0 || !isBare(node!)) throw new Error('it is more than one expression')
  const tables = await query(
    connection,
    'SELECT table_name AS name FROM duckdb_tables() UNION SELECT view_name FROM duckdb_views() WHERE NOT internal',
  )
  checkReads(value, new Set(tables.map(({ name }) => String(name).toLowerCase())))
  const { joins, changed } = await joinsOf(node!, connection)
  return { sql: `(${changed ? await writtenSql(parsed, connection) : `${written}\n`})`, joins }
}

interface Parsed {
  error: boolean
  error_type?: string
  error_message?: string
  statements?: { node: Record<string, unknown> & { select_list?: unknown[] } }[]
}

/** Whether nothing stands beside the value: no FROM, WHERE, WITH, ORDER BY, UNION, alias. */
function isBare(node: Record<string, unknown>): boolean {
  const { type, from_table, cte_map, modifiers, select_list, ...rest } = node
  const [{ alias }] = select_list as [{ alias?: string }]
  const clauses = ['where_clause', 'group_expressions', 'group_sets', 'having', 'sample', 'qualify']
  return (
    type === 'SELECT_NODE' &&
    (from_table as { type?: string } | null)?.type === 'EMPTY' &&
    isEmpty((cte_map as { map?: unknown }).map) &&
    isEmpty(modifiers) &&
    (alias ?? '') === '' &&
    clauses.every((clause) => isEmpty(rest[clause]))
  )
}

const isEmpty = (value: unknown) =>
  value === null || value === undefined || (Array.isArray(value) && value.length === 0)

/** Goes through a parsed query. `tables`: names that may stand in a FROM, in lower case. */
function checkReads(part: unknown, tables: ReadonlySet<string>): void {
  if (Array.isArray(part)) for (const one of part) checkReads(one, tables)
  if (typeof part !== 'object' || part === null || Array.isArray(part)) return
  const node = part as Record<string, unknown>
  const known = new Set(tables)
  for (const { key } of (node.cte_map as { map?: { key: string }[] } | undefined)?.map ?? [])
    known.add(key.toLowerCase())
  if (node.type === 'BASE_TABLE') checkTable(node, known)
  if (node.type === 'TABLE_FUNCTION') {
    const name = String((node.function as { function_name?: string } | undefined)?.function_name)
    if (!TABLE_FUNCTIONS.has(name.toLowerCase()))
      throw new Error(`${name}() is not allowed: an expression reads nothing but the rows and the tables of \`with\``)
  }
  for (const value of Object.values(node)) checkReads(value, known)
}

function checkTable(node: Record<string, unknown>, tables: ReadonlySet<string>): void {
  const name = [node.catalog_name, node.schema_name, node.table_name].filter((word) => word !== '').join('.')
  if (tables.has(name.toLowerCase())) return
  throw new Error(
    `${name} is no table here: an expression reads nothing but the rows (rows) and the tables of \`with\``,
  )
}
