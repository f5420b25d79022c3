// The stores that tests run on: SQLite always, Postgres where its programs are found.
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe } from 'vitest'
import { postgresServer } from '../../logs/testing/postgres.ts'
import { postgresAddress, postgresPrograms } from '../../logs/testing/postgres-server.ts'
import { addInteractions } from '../interactions.ts'
import { openStore, type Store } from '../open.ts'
import { requestRefresh } from '../persons.ts'
import { createProject } from '../projects.ts'
import { type Claim, LEASE } from '../queue.ts'
import { finishRefresh, type RefreshResult, type RefreshWork, refreshWork } from '../refresh.ts'
import type { Scope, UserScope } from '../scope.ts'
import type { ProjectSettingsInput } from '../settings.ts'

/** A store that is open while the tests run, and its address. */
export interface TestedStore {
  store(): Store
  address(): string
}

/** The suites on each database; where Postgres is not installed that one is skipped, and the report says so. */
export function onEachStore(suites: (tested: TestedStore) => void): void {
  describe('on SQLite', () => {
    const folder = mkdtempSync(join(tmpdir(), 'bump-store-'))
    opened(() => join(folder, 'store.sqlite'), suites)
    afterAll(() => rmSync(folder, { recursive: true, force: true }))
  })
  describe.skipIf(postgresPrograms === undefined)('on Postgres (skipped where it is not installed)', () => {
    if (postgresPrograms === undefined) return
    const server = postgresServer('CREATE DATABASE store')
    opened(() => postgresAddress(server(), 'store'), suites)
  })
}

function opened(address: () => string, suites: (tested: TestedStore) => void): void {
  let store: Store
  beforeAll(async () => {
    store = await openStore(address())
  })
  // Before the server stops, which waits for its connections.
  afterAll(async () => {
    await store.close()
  })
  suites({ store: () => store, address })
}

/** A project of its own for one test. */
export async function newProject(store: Store, settings: ProjectSettingsInput = {}): Promise<Scope> {
  const { id } = await createProject(store, { id: randomUUID(), settings })
  return { project: id, actor: 'test' }
}

/** A user with so many interactions, `i1` the oldest. */
export async function withUser(store: Store, scope: Scope, user: string, interactions: number): Promise<UserScope> {
  await addInteractions(
    store,
    scope,
    Array.from({ length: interactions }, (_, i) => ({ user, id: `i${i + 1}`, time: i + 1, text: `text ${i + 1}` })),
  )
  return { ...scope, user }
}

/** Makes a user's profile due, and claims that user. */
export async function claimed(store: Store, scope: UserScope): Promise<RefreshWork> {
  await requestRefresh(store, scope)
  const claim: Claim = { project: scope.project, user: scope.user, lease: 'test' }
  await store.db
    .updateTable('person')
    .set({ lease: claim.lease, leased_until: Date.now() + LEASE })
    .where('project', '=', scope.project)
    .where('user', '=', scope.user)
    .execute()
  return (await refreshWork(store, claim))!
}

/** Publishes a text as the worker does, written from all interactions of the user but those hidden. */
export async function published(
  store: Store,
  scope: UserScope,
  text: string,
  { heldOut = [] as string[], status = 'published' as 'published' | 'rejected' } = {},
): Promise<RefreshResult> {
  const work = await claimed(store, scope)
  return await finishRefresh(store, work, { written: written(work, text, { heldOut, status }) })
}

export function written(
  { interactions }: RefreshWork,
  text: string,
  { heldOut = [] as string[], status = 'published' as 'published' | 'rejected' } = {},
) {
  const shown = interactions.map(({ id }) => id).filter((id) => !heldOut.includes(id))
  return { text, status, writer: 'w', shown, heldOut, throughTime: interactions.at(-1)!.time, gate: { d: 0 } }
}
