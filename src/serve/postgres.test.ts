// The application on Postgres: the suites that it passes on SQLite, each application with a database of its own. One
// file, since a server of Postgres is started once for it.
import { randomUUID } from 'node:crypto'
import { describe } from 'vitest'
import { postgresServer } from '../logs/testing/postgres.ts'
import { postgresAddress, postgresPrograms } from '../logs/testing/postgres-server.ts'
import { testApi } from './testing/app-suite.ts'
import { testPages } from './testing/pages-suite.ts'
import { type OpenServing, servingOn } from './testing/serving.ts'
import { testTenants } from './testing/tenants-suite.ts'

describe.skipIf(postgresPrograms === undefined)('on Postgres (skipped where it is not installed)', () => {
  if (postgresPrograms === undefined) return
  const server = postgresServer('')
  const serving: OpenServing = async (options) => {
    const database = randomUUID()
    await server().query(`CREATE DATABASE "${database}"`)
    return await servingOn(postgresAddress(server(), database), options)
  }
  describe('the API', () => testApi(serving))
  describe('tenants', () => testTenants(serving))
  describe('the pages', () => testPages(serving))
})
