// Catalogues beside a log: files of any format -> tables that mapping expressions may join to the rows.
import { BumpError } from '../util/errors.ts'
import { type Database, query, sqlName } from './database.ts'
import type { ReadingContext } from './formats/format.ts'
import type { IssueLog } from './issues.ts'
import { resolveFiles } from './sources.ts'
import { stageFiles } from './stage.ts'
import type { LogReport } from './types.ts'

/** What the staging database calls by these names itself. */
const OWN_NAMES = ['rows', 'records', 'canonical']

/**
 * Reads each catalogue into a table of its name, with columns and types as a log of that file has them. What is wrong
 * with a file goes to `issues`, as with logs. Throws BumpError with the option's name where a name cannot be a
 * table's, or a file is missing, unreadable or without rows.
 */
export async function stageTables(
  tables: Readonly<Record<string, string>>,
  database: Database,
  folder: string,
  issues: IssueLog,
  context: Omit<ReadingContext, 'describe'>,
): Promise<LogReport['tables']> {
  await checkNames(Object.keys(tables), database)
  const { connection } = database
  const report: LogReport['tables'] = []
  for (const [name, path] of Object.entries(tables)) {
    try {
      // Of a database the table of that name.
      const source = { paths: [path], query: `SELECT * FROM ${sqlName(name)}` }
      const files = await resolveFiles(source, connection, folder, issues)
      const staged = await stageFiles(files, database, issues, context)
      if (staged.columns.length === 0) throw new BumpError('logs-unusable', `${files[0].name} has no rows`)
      await connection.run(
        `CREATE TABLE ${sqlName(name)} AS SELECT * EXCLUDE (_file, _line, _element, _record) FROM rows`,
      )
      await connection.run('DROP VIEW rows; DROP TABLE IF EXISTS records')
      const described = await query(connection, `DESCRIBE ${sqlName(name)}`)
      const [{ rows }] = await query(connection, `SELECT count(*)::DOUBLE AS rows FROM ${sqlName(name)}`)
      const columns = described.map(({ column_name, column_type }) => ({
        name: String(column_name),
        type: String(column_type),
      }))
      report.push({ name, columns, rows: Number(rows), files: staged.files })
    } catch (error) {
      if (!(error instanceof BumpError)) throw error
      throw new BumpError(error.code, `with.${name}: ${error.message}`, { cause: error })
    }
  }
  return report
}

async function checkNames(names: readonly string[], { connection }: Database): Promise<void> {
  const refuse = (name: string, why: string) => {
    throw new BumpError('invalid-options', `with: "${name}" cannot be the name of a table: ${why}`)
  }
  const keywords = await query(
    connection,
    "SELECT keyword_name AS word FROM duckdb_keywords() WHERE keyword_category <> 'unreserved'",
  )
  const reserved = new Set(keywords.map(({ word }) => String(word)))
  const taken = new Set<string>()
  for (const name of names) {
    const lower = name.toLowerCase()
    if (!/^[a-z_][a-z0-9_]*$/.test(lower)) refuse(name, 'letters, digits and _ can, a digit not first')
    if (OWN_NAMES.includes(lower)) refuse(name, lower === 'rows' ? 'the logs are called so' : 'bump uses it itself')
    if (reserved.has(lower)) refuse(name, 'it is a word of SQL')
    if (taken.has(lower)) refuse(name, 'another one differs in upper and lower case only')
    taken.add(lower)
  }
}
