// No query of a tenant's table without its project: checked in every query that Kysely builds, in production too. A
// forgotten predicate is then an error in the first test, never somebody else's data in an answer. The few queries that
// have to look across projects say so by `withoutPlugins()` (queue.ts).
import type { Dialect, KyselyPlugin, OperationNode, PluginTransformQueryArgs, RootOperationNode } from 'kysely'
import { TENANT_TABLES } from './schema.ts'

/** Marks queries for `guarded`. */
export const tenantGuard: KyselyPlugin = {
  transformQuery({ node }: PluginTransformQueryArgs): RootOperationNode {
    marked.add(node)
    return node
  },
  transformResult: async ({ result }) => result,
}

const marked = new WeakSet<RootOperationNode>()
/** SQL that was found to be right: all that is checked shows in it. */
const right = new Set<string>()
/** Lists of values make many texts of one query. */
const MOST_RIGHT = 1000

/**
 * A dialect whose marked queries throw an Error, which is a mistake in bump, where one of a tenant's table does not say
 * whose rows it means. Each text of SQL is checked once, since checking takes longer than running.
 */
export function guarded(dialect: Dialect): Dialect {
  return {
    createAdapter: () => dialect.createAdapter(),
    createDriver: () => dialect.createDriver(),
    createIntrospector: (db) => dialect.createIntrospector(db),
    createQueryCompiler() {
      const compiler = dialect.createQueryCompiler()
      return {
        compileQuery(node, queryId) {
          const compiled = compiler.compileQuery(node, queryId)
          if (marked.has(node) && !right.has(compiled.sql)) {
            check(node)
            if (right.size === MOST_RIGHT) right.clear()
            right.add(compiled.sql)
          }
          return compiled
        },
      }
    },
  }
}

type Node = OperationNode & Record<string, unknown>

/** Looks into every query within the query. */
function check(value: unknown): void {
  if (Array.isArray(value)) for (const each of value) check(each)
  if (!isNode(value)) return
  const table = tenantTableOf(value)
  if (table !== undefined && !namesProject(value))
    throw new Error(`a query of the table ${table} names no project: ${value.kind}`)
  for (const child of Object.values(value)) check(child)
}

const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null && 'kind' in value

/** The parts of a query that say which rows it is about. */
function tenantTableOf(query: Node): string | undefined {
  const from =
    query.kind === 'InsertQueryNode'
      ? query.into
      : query.kind === 'UpdateQueryNode'
        ? query.table
        : ['SelectQueryNode', 'DeleteQueryNode'].includes(query.kind)
          ? [query.from, query.joins]
          : undefined
  return tablesIn(from).find((name) => TENANT_TABLES.has(name))
}

/** Names of the tables in a part of a query; those of queries within it are looked at by themselves. */
function tablesIn(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(tablesIn)
  if (!isNode(value) || value.kind.endsWith('QueryNode')) return []
  if (value.kind === 'TableNode') {
    const { table } = value as unknown as { table: { identifier: { name: string } } }
    return [table.identifier.name]
  }
  return Object.values(value).flatMap(tablesIn)
}

function namesProject(query: Node): boolean {
  if (query.kind === 'InsertQueryNode') return columnsOf(query.columns).includes('project')
  return hasPredicate((query.where as Node | undefined)?.where)
}

/** Whether `project = …` holds for every row: at the top of the condition, or on one side of an `and`. */
function hasPredicate(value: unknown): boolean {
  if (!isNode(value)) return false
  if (value.kind === 'AndNode') return hasPredicate(value.left) || hasPredicate(value.right)
  if (value.kind === 'ParensNode') return hasPredicate(value.node)
  if (value.kind !== 'BinaryOperationNode') return false
  const { operator } = value.operator as { operator?: string }
  return operator === '=' && columnsOf(value.leftOperand).includes('project')
}

/** Names of the columns in a part of a query. */
function columnsOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(columnsOf)
  if (!isNode(value)) return []
  if (value.kind === 'ColumnNode') return [(value as unknown as { column: { name: string } }).column.name]
  return Object.values(value).flatMap(columnsOf)
}
