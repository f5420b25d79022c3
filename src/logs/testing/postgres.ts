// A Postgres server for one test file.
import { afterAll, beforeAll } from 'vitest'
import { type PostgresServer, startPostgres } from './postgres-server.ts'

/** Starts a server before the tests and stops it after them. Returns its address; `setup`: SQL that is run first. */
export function postgresServer(setup: string): () => PostgresServer {
  let server: PostgresServer
  beforeAll(async () => {
    server = await startPostgres(setup)
  }, 60_000)
  afterAll(() => server.stop())
  return () => server
}
