// Which column or SQL expression is the user, the time and the text: given by the caller or guessed from usual names.
import type { DuckDBConnection } from '@duckdb/node-api'
import { closest, distance } from 'fastest-levenshtein'
import { BumpError } from '../util/errors.ts'
import { duckMessage, query } from './database.ts'
import { checkExpression } from './expression.ts'
import type { SourceFile, Staged, StagedColumn, UsualColumns } from './formats/format.ts'
import type { Join } from './joins.ts'
import type { LogReport, LogSource } from './types.ts'

/** A part of an interaction as SQL over the view `rows`. */
export interface Expression {
  /** As the user wrote it, or the column's name. */
  written: string
  sql: string
  /** The column, where it is one and not an expression. */
  column: string | undefined
  /** DuckDB's type of the value. */
  type: string
  /** How it joins catalogues. */
  joins: Join[]
}

export interface Mapping {
  user: Expression
  time: Expression | undefined
  text: Expression
}

type Part = keyof UsualColumns

/** What an expression may name: columns of the logs, and those of the catalogues. */
interface Columns {
  columns: readonly StagedColumn[]
  tables: LogReport['tables']
}

/** Names of columns that are usual in logs of any format. */
const USUAL_COLUMNS: UsualColumns = {
  user: ['user', 'user_id', 'userid', 'username', 'author', 'author_id', 'reviewerid', 'reviewer_id', 'customer_id'],
  time: ['time', 'ts', 'timestamp', 'date', 'datetime', 'created_at', 'created_utc', 'unixreviewtime', 'reviewtime'],
  text: [
    'text',
    'content',
    'body',
    'review',
    'reviewtext',
    'review_text',
    'review_body',
    'message',
    'tweet',
    'comment',
  ],
}

/** The usual columns of files: those of their format where all are of one, else those of any log. */
function usualColumns(files: readonly SourceFile[]): UsualColumns {
  const [{ format }] = files
  const own = files.every((file) => file.format === format) ? format.usualColumns : undefined
  return { ...USUAL_COLUMNS, ...own }
}

/** Names, in lower case, that columns usually have, and those that the source's own parts mention. */
export function columnNames(source: LogSource): { known: ReadonlySet<string>; mapped: ReadonlySet<string> } {
  const parts = [source.user, source.time, source.text].flatMap((part) => (part === undefined ? [] : [part.trim()]))
  const mentioned = parts.flatMap((part) => [part, ...(part.match(/[\p{L}_][\p{L}\p{N}_]*|(?<=")[^"]+(?=")/gu) ?? [])])
  return {
    known: new Set(Object.values(USUAL_COLUMNS).flat()),
    mapped: new Set(mentioned.map((name) => name.toLowerCase())),
  }
}

/** Resolves all three parts; a missing or wrong one is a `BumpError` that lists the columns found. `tables`: those of `with`. */
export async function resolveMapping(
  source: LogSource,
  files: readonly SourceFile[],
  { columns }: Staged,
  tables: LogReport['tables'],
  connection: DuckDBConnection,
): Promise<Mapping> {
  const usual = usualColumns(files)
  const resolve = async (part: Part) => {
    const written = source[part]?.trim()
    if (written === '')
      throw new BumpError('invalid-options', `\`${part}\` is empty: give it a column name or an SQL expression`)
    if (written !== undefined)
      return check(part, written, findColumn(columns, written), { columns, tables }, connection)
    const column = usual[part].map((name) => findColumn(columns, name)).find((found) => found !== undefined)
    return column && check(part, column.name, column, { columns, tables }, connection)
  }
  const [user, time, text] = [await resolve('user'), await resolve('time'), await resolve('text')]
  for (const [part, found] of [
    ['user', user],
    ['text', text],
  ] as const) {
    if (found !== undefined) continue
    throw new BumpError(
      'invalid-options',
      `which column is the ${part}? None is named ${usual[part].slice(0, 4).join(', ')}: give \`${part}\` a column name ` +
        `or an SQL expression. ${columnsFound(columns)}`,
    )
  }
  if (columnOf(user!, columns)?.nested === 'all') {
    throw new BumpError(
      'invalid-options',
      `user "${user!.written}" holds objects or lists, which change with everything in them: give \`user\` the part that ` +
        `names the user, such as "${user!.written}->>'id'" (JSON of columns, as pandas writes it where nothing is said, is ` +
        `no log: write it with orient="records"). ${columnsFound(columns)}`,
    )
  }
  return { user: user!, time, text: text! }
}

const columnOf = ({ column }: Expression, columns: StagedColumn[]) => columns.find(({ name }) => name === column)

/** What is to be said of user and text where some of their values are objects or lists. */
export function nestedNotes({ user, text }: Mapping, { columns }: Staged): string[] {
  return Object.entries({ user, text }).flatMap(([part, expression]) =>
    columnOf(expression, columns)?.nested === undefined
      ? []
      : [
          `${part} ${expression.written}: some values are objects or lists, taken as JSON; name the part that is meant, ` +
            `such as "${expression.written}->>'${part === 'user' ? 'id' : 'text'}'"`,
        ],
  )
}

function findColumn(columns: readonly StagedColumn[], name: string): StagedColumn | undefined {
  return (
    columns.find((column) => column.name === name) ??
    columns.find((column) => column.name.toLowerCase() === name.toLowerCase())
  )
}

async function check(
  part: Part,
  written: string,
  column: StagedColumn | undefined,
  columns: Columns,
  connection: DuckDBConnection,
): Promise<Expression> {
  const { sql: plain, joins } = column
    ? { sql: column.raw, joins: [] }
    : await checkExpression(written, connection).catch((error: unknown) => {
        throw expressionError(part, written, columns, error)
      })
  // TRY turns an error in one row into a missing value, which is counted; it does not work around subqueries.
  const candidates = [`TRY(${plain})`, plain]
  let failure: unknown
  for (const sql of candidates) {
    try {
      const described = await query(connection, `DESCRIBE SELECT _line, ${sql} AS value FROM rows`)
      const type = String(described[1].column_type)
      // `a, b` in brackets is a row of two values, and COLUMNS(*) is one of all columns.
      if (described.length !== 2 || type.startsWith('STRUCT(')) throw new Error('it gives more than one value')
      return { written, sql, column: column?.name, type, joins }
    } catch (error) {
      failure ??= error
      if (!/TRY can not be used/.test(duckMessage(error))) break
    }
  }
  throw expressionError(part, written, columns, failure)
}

/** How far a name may be from a column's that it is taken for, where it is no SQL either. */
const resembles = (name: string) => Math.max(2, name.length / 4)

function expressionError(part: Part, written: string, { columns, tables }: Columns, failure: unknown): BumpError {
  const reason = duckMessage(failure)
  const joined = tables.flatMap(({ name, columns: own }) =>
    own.map((column) => [column.name, `${name}.${column.name}`]),
  )
  const shown = new Map(
    [...joined, ...columns.map(({ name }) => [name, name])].map(([name, as]) => [name.toLowerCase(), as]),
  )
  const nearest = (name: string) => closest(name.toLowerCase(), [...shown.keys()])
  let unknown = /Referenced column "([^"]+)" not found/.exec(reason)?.[1]
  if (distance(written.toLowerCase(), nearest(written)) <= resembles(written)) unknown ??= written
  if (unknown === undefined) {
    const what = reason.replace(/^(Parser|Binder|Catalog) Error: /, '').replace(/ Candidate bindings:.*$/, '')
    return new BumpError(
      'invalid-options',
      `${part} "${written}" is neither a column nor a valid SQL expression: ${what}. ${columnsFound(columns)}`,
      { cause: failure },
    )
  }
  const named = unknown === written ? `${part} "${written}"` : `${part} "${written}": "${unknown}"`
  const places = ['these logs', ...tables.map(({ name }) => name)].join(' or ')
  return new BumpError(
    'invalid-options',
    `${named} is no column of ${places}; the nearest is "${shown.get(nearest(unknown))}". ${columnsFound(columns)}`,
    { cause: failure },
  )
}

function columnsFound(columns: readonly StagedColumn[]): string {
  const names = columns.slice(0, 40).map((column) => column.name)
  const more = columns.length > names.length ? ` and ${columns.length - names.length} more` : ''
  return names.length === 0 ? 'No columns were found.' : `Columns found: ${names.join(', ')}${more}`
}
