// Opens the store: a file of SQLite, or a Postgres server by its address. One schema, one set of queries; what differs
// between the two is here alone.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  Kysely,
  Migrator,
  PostgresDialect,
  SqliteAdapter,
  type SqliteDatabase,
  SqliteDialect,
  type SqliteDialectConfig,
  SqliteDriver,
  type SqliteStatement,
  sql,
  type Transaction,
} from 'kysely'
import { bareAddresses } from '../util/address.ts'
import { BumpError } from '../util/errors.ts'
import { MIGRATIONS } from './migrations/migrations.ts'
import type { StoreTables } from './schema.ts'
import { guarded, tenantGuard } from './tenant-guard.ts'

/** Milliseconds that a writer waits for another process. */
const BUSY_TIMEOUT = 10_000
const CONNECT_TIMEOUT = 10_000
const STATEMENT_TIMEOUT = 60_000
/** Connections to Postgres that one process holds, at most. */
const CONNECTIONS = 10
/** Statements of SQLite that stay prepared, as preparing takes longer than running; there are about a hundred. */
const STATEMENTS = 256
/** Attempts of a transaction that Postgres gave up for the sake of another. */
const ATTEMPTS = 5

/** An open store. Functions of this folder take it first. */
export interface Store {
  readonly kind: 'sqlite' | 'postgres'
  readonly db: Kysely<StoreTables>
  /** The address without a password, or the path: for messages. */
  readonly name: string
  close(): Promise<void>
}

/** Where queries run: the store itself, or a transaction of it. */
export type Queries = Kysely<StoreTables>
export type StoreTransaction = Transaction<StoreTables>

/** Whether a name of a store is the address of a Postgres database; else it is a path. */
const isPostgres = (where: string): boolean => /^postgres(ql)?:\/\//i.test(where)

/**
 * Opens the store at a path or a postgres:// address, makes it where there is none, and brings its tables up to date;
 * of several processes that start together one does so. One process opens a file once. Throws BumpError
 * (`store-unusable`) where it cannot be opened, is no database, or was written by a newer bump.
 */
export async function openStore(where: string): Promise<Store> {
  const kind = isPostgres(where) ? 'postgres' : 'sqlite'
  const name = kind === 'postgres' ? bareAddresses(where) : where
  let db: Kysely<StoreTables> | undefined
  try {
    const dialect = kind === 'postgres' ? await postgresDialect(where) : await sqliteDialect(where)
    db = new Kysely<StoreTables>({ dialect: guarded(dialect), plugins: [tenantGuard] })
    await migrate(db)
    const open = db
    return { kind, db: open, name, close: () => open.destroy() }
  } catch (error) {
    // What failed to open may fail to close as well: the first error says why.
    await db?.destroy().catch(() => {})
    throw unusable(name, error)
  }
}

function unusable(name: string, error: unknown): BumpError {
  const [first] = error instanceof AggregateError ? error.errors : [error]
  const message = bareAddresses(first instanceof Error ? first.message : String(first))
  const cure = /previously executed migration/.test(message)
    ? 'it was written by a newer bump: use that one'
    : 'check the path or address, and that this user may write there'
  return new BumpError('store-unusable', `${name} cannot be used as a store: ${message}; ${cure}`, { cause: error })
}

async function migrate(db: Kysely<StoreTables>): Promise<void> {
  const provider = { getMigrations: async () => MIGRATIONS }
  const { error } = await new Migrator({ db: db.withoutPlugins(), provider }).migrateToLatest()
  if (error !== undefined) throw error
}

/**
 * A transaction that writes: SQLite takes its only writer's place at the start, Postgres takes rows as they are asked
 * for, and is asked again where it gave up one of two transactions that waited for each other.
 */
export async function writing<T>(store: Store, work: (tx: StoreTransaction) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await store.db.transaction().execute(work)
    } catch (error) {
      const { code = '' } = error as { code?: string }
      if (!['40P01', '40001'].includes(code) || attempt === ATTEMPTS) throw error
    }
  }
}

/**
 * Takes what was deleted out of the file's journal. Pages themselves are overwritten at once (secure_delete). Another
 * process that reads at the very moment delays it; the worker's sweep asks again.
 */
export async function scrubJournal({ kind, db }: Store): Promise<void> {
  if (kind === 'sqlite') await sql`pragma wal_checkpoint(truncate)`.execute(db)
}

async function sqliteDialect(where: string): Promise<Dialect> {
  const { default: Libsql } = await import('libsql')
  const path = resolve(where)
  mkdirSync(dirname(path), { recursive: true })
  // Texts of people are in it: nobody else of this machine reads them. SQLite makes its journals alike.
  if (!existsSync(path)) writeFileSync(path, '', { mode: 0o600, flag: 'a' })
  const database = new Libsql(path, { timeout: BUSY_TIMEOUT })
  // FULL: what was acknowledged is on the disk, a loss of power included.
  for (const pragma of ['journal_mode = WAL', 'synchronous = FULL', 'secure_delete = ON', 'temp_store = MEMORY'])
    database.exec(`PRAGMA ${pragma}`)
  return new StoreSqliteDialect({ database: preparedOnce(database as unknown as SqliteDatabase) })
}

/** The same database, with each statement prepared once, and asked once whether it gives rows. */
function preparedOnce(database: SqliteDatabase): SqliteDatabase {
  const kept = new Map<string, SqliteStatement>()
  return {
    close: () => database.close(),
    prepare(text) {
      const known = kept.get(text)
      if (known !== undefined) return known
      const statement = knownReader(database.prepare(text))
      if (kept.size === STATEMENTS) kept.delete(kept.keys().next().value!)
      kept.set(text, statement)
      return statement
    },
  }
}

function knownReader(statement: SqliteStatement): SqliteStatement {
  return Object.defineProperty(statement, 'reader', { value: statement.reader })
}

/** SQLite with transactions that take the writer's place at once: one that began by reading could not get it later. */
class StoreSqliteDialect extends SqliteDialect {
  constructor(private readonly config: SqliteDialectConfig) {
    super(config)
  }

  override createDriver(): Driver {
    return new ImmediateDriver(this.config)
  }

  override createAdapter(): SqliteAdapter {
    return new TransactionalAdapter()
  }
}

class ImmediateDriver extends SqliteDriver {
  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('begin immediate'))
  }
}

/** Migrations run in such a transaction, which is also their lock. */
class TransactionalAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true
  }
}

/** Whole numbers of 64 bits, which counts and times are, as numbers; all else as pg reads it. */
const INT8 = 20

async function postgresDialect(address: string): Promise<Dialect> {
  const { default: pg } = await import('pg')
  const pool = new pg.Pool({
    connectionString: address,
    max: CONNECTIONS,
    connectionTimeoutMillis: CONNECT_TIMEOUT,
    statement_timeout: STATEMENT_TIMEOUT,
    types: {
      getTypeParser: ((type: number, format?: 'text') =>
        type === INT8 ? Number : pg.types.getTypeParser(type, format)) as typeof pg.types.getTypeParser,
    },
  })
  // A connection that breaks while nobody uses it would end the process; the next query gets another one.
  pool.on('error', () => {})
  return new PostgresDialect({ pool })
}
