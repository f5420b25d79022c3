// Every change of the tables, in order, by names that sort: one is added for each release that changes them, and none
// is ever edited.
import type { Migration } from 'kysely'
import { auditLookups } from './audit-lookups.ts'
import { first } from './first.ts'

export const MIGRATIONS: Record<string, Migration> = { '0001-first': first, '0002-audit-lookups': auditLookups }
