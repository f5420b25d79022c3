// Every change of the tables, in order, by names that sort: one is added for each release that changes them, and none
// is ever edited.
import type { Migration } from 'kysely'
import { first } from './first.ts'
import { lookups } from './lookups.ts'

export const MIGRATIONS: Record<string, Migration> = { '0001-first': first, '0002-lookups': lookups }
