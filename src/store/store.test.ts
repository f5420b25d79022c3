// The whole store on both databases: one file, since a server of Postgres is started once for it.
import { describe } from 'vitest'
import { testIngestion } from './testing/ingest-suite.ts'
import { onEachStore } from './testing/stores.ts'
import { testTenants } from './testing/tenants-suite.ts'

onEachStore((tested) => {
  describe('tenants and keys', () => testTenants(tested))
  describe('interactions', () => testIngestion(tested))
})
