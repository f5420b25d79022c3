// The whole store on both databases: one file, since a server of Postgres is started once for it.
import { describe } from 'vitest'
import { testForgetting } from './testing/forget-suite.ts'
import { testIngestion } from './testing/ingest-suite.ts'
import { testProfiles } from './testing/profiles-suite.ts'
import { testQueue } from './testing/queue-suite.ts'
import { onEachStore } from './testing/stores.ts'
import { testTenants } from './testing/tenants-suite.ts'

onEachStore((tested) => {
  describe('tenants and keys', () => testTenants(tested))
  describe('interactions', () => testIngestion(tested))
  describe('profiles', () => testProfiles(tested))
  describe('forgetting', () => testForgetting(tested))
  describe('the queue', () => testQueue(tested))
})
