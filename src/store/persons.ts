// Rows of users: taken for a change, and put back with the work that follows from it.
import { BumpError } from '../util/errors.ts'
import { audited } from './audit.ts'
import { type DueReason, dueAfter } from './due.ts'
import { type Queries, type Store, type StoreTransaction, writing } from './open.ts'
import { projectOf } from './project-row.ts'
import type { PersonTable } from './schema.ts'
import { noUser, PROFILING, type Profiling, type Scope, type UserScope, wholeProject } from './scope.ts'
import type { ProjectSettings } from './settings.ts'

/** A user as a list shows them. */
export interface UserInfo {
  user: string
  profiling: Profiling
  /** Interactions, and those of them that profiles are written from. */
  interactions: number
  included: number
  /** Since the last refresh. */
  newInteractions: number
  firstTime: number | undefined
  lastTime: number | undefined
  /** The version that is served. */
  version: number | undefined
  /** When the next refresh is due, and why. */
  dueAt: number | undefined
  dueReason: string | undefined
  /** Of the last refresh, where it failed. */
  attempts: number
  lastError: string | undefined
}

/** A page of users in the order of their ids. `cursor`: the `nextCursor` of the page before. */
export async function listUsers(
  { db }: Store,
  scope: Scope,
  { limit, cursor }: { limit: number; cursor?: string },
): Promise<{ data: UserInfo[]; nextCursor: string | undefined }> {
  wholeProject(scope)
  let query = db.selectFrom('person').selectAll().where('project', '=', scope.project)
  if (cursor !== undefined) query = query.where('user', '>', cursor)
  const rows = await query.orderBy('user').limit(limit).execute()
  return { data: rows.map(userInfo), nextCursor: rows.length === limit ? rows[limit - 1].user : undefined }
}

/** Throws BumpError (`not-found`). */
export async function readUser({ db }: Store, scope: UserScope): Promise<UserInfo> {
  return userInfo(await personOf(db, scope))
}

/**
 * Switches the writing of profiles off, where the served one is also kept back; freezes the served one; or switches
 * both on, and what was missed is due at once.
 */
export async function setProfiling(store: Store, scope: UserScope, profiling: Profiling): Promise<UserInfo> {
  return await writing(store, async (tx) => {
    const person = await takePerson(tx, scope)
    person.profiling = profiling
    person.revision++
    await putPerson(
      tx,
      person,
      (await projectOf(tx, scope.project)).settings,
      profiling === 'on' ? 'requested' : undefined,
    )
    await audited(tx, scope, 'profiling.changed', { profiling }, scope.user)
    return userInfo(person)
  })
}

/** Makes a user's profile due now. Throws BumpError (`not-found`). */
export async function requestRefresh(store: Store, scope: UserScope): Promise<UserInfo> {
  return await writing(store, async (tx) => {
    const person = await takePerson(tx, scope)
    await putPerson(tx, person, (await projectOf(tx, scope.project)).settings, 'requested')
    return userInfo(person)
  })
}

/** Throws BumpError (`not-found`). */
export async function personOf(db: Queries, { project, user }: UserScope): Promise<PersonTable> {
  const row = await db
    .selectFrom('person')
    .selectAll()
    .where('project', '=', project)
    .where('user', '=', user)
    .executeTakeFirst()
  if (row === undefined) throw noUser()
  return row
}

/** undefined where there is no such user. */
export async function orNobody<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found
  } catch (error) {
    if (BumpError.isInstance(error) && error.code === 'not-found') return undefined
    throw error
  }
}

/** The row of a user, kept from other writers until the transaction ends. Throws BumpError (`not-found`). */
export async function takePerson(tx: StoreTransaction, { project, user }: UserScope): Promise<PersonTable> {
  const row = await tx
    .updateTable('person')
    .set(({ ref }) => ({ seq: ref('seq') }))
    .where('project', '=', project)
    .where('user', '=', user)
    .returningAll()
    .executeTakeFirst()
  if (row === undefined) throw noUser()
  return row
}

/**
 * The rows of several users, by user, kept from other writers; made where there are none. They are taken in one order,
 * so that two batches do not wait for each other.
 */
export async function takeOrMakePersons(
  tx: StoreTransaction,
  project: string,
  users: Iterable<string>,
): Promise<Map<string, PersonTable>> {
  const sorted = [...new Set(users)].sort()
  if (sorted.length === 0) return new Map()
  const rows = await tx
    .insertInto('person')
    .values(sorted.map((user) => ({ project, user, ...NEW })))
    .onConflict((existing) =>
      existing.columns(['project', 'user']).doUpdateSet(({ ref }) => ({ user: ref('excluded.user') })),
    )
    .returningAll()
    .execute()
  return new Map(rows.map((row) => [row.user, row]))
}

const NEW: Omit<PersonTable, 'project' | 'user'> = {
  profiling: 'on',
  first_at: null,
  last_at: null,
  stored: 0,
  n: 0,
  new_n: 0,
  new_characters: 0,
  new_since: null,
  seq: 0,
  revision: 0,
  last_version: 0,
  published_version: null,
  refreshed_at: null,
  due_at: null,
  due_reason: null,
  leased_until: null,
  lease: null,
  attempts: 0,
  last_error: null,
  rejections: 0,
}

/** Writes a changed row back, with when it is due; `atOnce`: a reason that does not wait for the rules. */
export async function putPerson(
  tx: StoreTransaction,
  person: PersonTable,
  { refresh }: Pick<ProjectSettings, 'refresh'>,
  atOnce?: DueReason,
): Promise<void> {
  const now = Date.now()
  if (atOnce !== undefined && person.profiling === 'on') {
    person.due_at = now
    person.due_reason = atOnce
    // What failed before is tried again with what was changed.
    person.attempts = 0
  } else if (person.attempts === 0 || person.profiling !== 'on') {
    // What failed keeps the time of its next attempt.
    Object.assign(person, dueAfter(dueStateOf(person), refresh, now))
  }
  const { project, user, ...columns } = person
  await tx.updateTable('person').set(columns).where('project', '=', project).where('user', '=', user).execute()
}

const dueStateOf = (person: PersonTable) => ({
  profiling: profilingOf(person),
  hasProfile: person.published_version !== null,
  n: person.n,
  newN: person.new_n,
  newCharacters: person.new_characters,
  newSince: person.new_since,
  refreshedAt: person.refreshed_at,
  rejections: person.rejections,
  due: { due_at: person.due_at, due_reason: person.due_reason },
})

const profilingOf = ({ profiling }: PersonTable): Profiling => PROFILING.find((each) => each === profiling) ?? 'off'

const userInfo = (person: PersonTable): UserInfo => ({
  user: person.user,
  profiling: profilingOf(person),
  interactions: person.stored,
  included: person.n,
  newInteractions: person.new_n,
  firstTime: person.first_at ?? undefined,
  lastTime: person.last_at ?? undefined,
  version: person.published_version ?? undefined,
  dueAt: person.due_at ?? undefined,
  dueReason: person.due_reason ?? undefined,
  attempts: person.attempts,
  lastError: person.last_error ?? undefined,
})
