// Where a check works: a database of its own, of SQLite or of a Postgres server that waits for the disk as a real one.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type PostgresServer, postgresAddress, startPostgres } from '../../src/logs/testing/postgres-server.ts'

export const KINDS = ['sqlite', 'postgres'] as const
export type Kind = (typeof KINDS)[number]

/** A database that is empty, and what is known of where its bytes are. */
export interface Place {
  kind: Kind
  /** As `--db` takes it. */
  db: string
  /** A folder of the check, for everything else. */
  folder: string
  /** The Postgres server. */
  server: PostgresServer | undefined
}

/** Databases of one kind. */
export class Places {
  private readonly folder = mkdtempSync(join(tmpdir(), 'bump-acceptance-'))
  private made = 0

  private constructor(
    readonly kind: Kind,
    private readonly server: PostgresServer | undefined,
  ) {}

  static async open(kind: Kind): Promise<Places> {
    return new Places(kind, kind === 'postgres' ? await startPostgres('SELECT 1', { fsync: true }) : undefined)
  }

  async fresh(): Promise<Place> {
    const name = `check${++this.made}`
    const folder = join(this.folder, name)
    mkdirSync(folder)
    const { kind, server } = this
    if (server === undefined) return { kind, db: join(folder, 'store.sqlite'), folder, server }
    await server.query(`CREATE DATABASE ${name}`)
    return { kind, db: postgresAddress(server, name), folder, server }
  }

  async close(): Promise<void> {
    await this.server?.stop()
    rmSync(this.folder, { recursive: true, force: true })
  }
}
