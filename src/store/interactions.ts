// Interactions in, each once: a batch is one transaction that also says when its users' profiles are due.
import { BumpError } from '../util/errors.ts'
import { audited } from './audit.ts'
import { inChunks } from './chunks.ts'
import { hmacOf } from './ids.ts'
import { type CheckedInteraction, checkedInteraction, type NewInteraction, type Rejected } from './interaction-input.ts'
import { type Queries, type Store, type StoreTransaction, writing } from './open.ts'
import { putPerson, takeOrMakePersons, takePerson } from './persons.ts'
import { projectOf } from './project-row.ts'
import type { InteractionTable, PersonTable } from './schema.ts'
import type { Scope, UserScope } from './scope.ts'
import { withdrawVersions } from './withdraw.ts'

export interface AddOptions {
  /** Replaces the text of an interaction that is there with another one; profiles written from it are withdrawn. */
  upsert?: boolean
  /** Takes what was deleted before. */
  revive?: boolean
  /** The caller's key of this request with a digest of its body: a repeated one gets the same answer for a day. */
  idempotency?: { key: string; digest: string }
}

/** What became of a batch. Indices are of the list that was given. */
export interface AddedInteractions {
  accepted: number
  /** There before, with the same text. */
  duplicates: number
  /** By `upsert`. */
  replaced: number
  /** There before with another text, which stayed. */
  conflicts: { index: number; id: string }[]
  rejected: Rejected[]
}

/** An interaction as it is stored. */
export interface StoredInteraction {
  id: string
  time: number
  text: string
  metadata: Record<string, unknown> | undefined
  /** Kept from the writer of profiles. */
  excluded: boolean
}

const DAY = 86_400_000
/** Milliseconds that the answer to a request is kept. */
const ANSWER_KEPT = DAY

/**
 * Stores a batch, of any users of the scope. Throws BumpError: `not-found` without such a project, `conflict` where the
 * key of the request came before with another body.
 */
export async function addInteractions(
  store: Store,
  scope: Scope,
  given: readonly NewInteraction[],
  options: AddOptions = {},
): Promise<AddedInteractions> {
  const now = Date.now()
  const checked = given.map((each, index) => checkedInteraction(each, index, scope, now))
  return await writing(store, async (tx) => {
    const { idempotency } = options
    const before = idempotency && (await answerBefore(tx, scope, idempotency, now))
    if (before) return before
    const answer: AddedInteractions = { accepted: 0, duplicates: 0, replaced: 0, conflicts: [], rejected: [] }
    const usable: CheckedInteraction[] = []
    for (const each of checked) 'reason' in each ? answer.rejected.push(each) : usable.push(each)
    const living = await withoutDeleted(tx, scope, usable, options.revive === true, answer)
    await addChecked(tx, scope, living, options.upsert === true, answer, now)
    answer.rejected.sort((a, b) => a.index - b.index)
    if (idempotency) {
      const row = {
        project: scope.project,
        ...idempotency,
        response: JSON.stringify(answer),
        expires_at: now + ANSWER_KEPT,
      }
      await tx.insertInto('idempotency').values(row).execute()
    }
    return answer
  })
}

async function answerBefore(
  tx: StoreTransaction,
  { project }: Scope,
  { key, digest }: { key: string; digest: string },
  now: number,
): Promise<AddedInteractions | undefined> {
  await tx.deleteFrom('idempotency').where('project', '=', project).where('expires_at', '<', now).execute()
  const row = await tx
    .selectFrom('idempotency')
    .select(['digest', 'response'])
    .where('project', '=', project)
    .where('key', '=', key)
    .executeTakeFirst()
  if (row !== undefined && row.digest !== digest)
    throw new BumpError('conflict', 'this idempotency key came before with another body: give each request its own')
  return row && JSON.parse(row.response)
}

/** Those that were not deleted before, they or their user; with `revive` all, and their tombstones go. */
async function withoutDeleted(
  tx: StoreTransaction,
  { project }: Scope,
  usable: readonly CheckedInteraction[],
  revive: boolean,
  answer: AddedInteractions,
): Promise<CheckedInteraction[]> {
  const { secret } = await projectOf(tx, project)
  const marks = usable.map(({ user, id }) => [hmacOf(secret, user), hmacOf(secret, user, id)])
  const found = new Set<string>()
  await inChunks([...new Set(marks.flat())], async (some) => {
    const rows = await tx
      .selectFrom('tombstone')
      .select('key_hmac')
      .where('project', '=', project)
      .where('key_hmac', 'in', some)
      .execute()
    for (const { key_hmac } of rows) found.add(key_hmac)
  })
  if (revive)
    await inChunks([...found], async (some) => {
      await tx.deleteFrom('tombstone').where('project', '=', project).where('key_hmac', 'in', some).execute()
    })
  return usable.filter(({ index }, i) => {
    if (revive || !marks[i].some((mark) => found.has(mark))) return true
    answer.rejected.push({ index, reason: 'deleted', message: 'it, or its user, was deleted: `revive` takes it again' })
    return false
  })
}

async function addChecked(
  tx: StoreTransaction,
  scope: Scope,
  living: readonly CheckedInteraction[],
  upsert: boolean,
  answer: AddedInteractions,
  now: number,
): Promise<void> {
  const { project } = scope
  const { settings } = await projectOf(tx, project)
  const persons = await takeOrMakePersons(
    tx,
    project,
    living.map(({ user }) => user),
  )
  const texts = await textsOf(tx, project, living)
  const oldest = settings.retainDays === undefined ? Number.NEGATIVE_INFINITY : now - settings.retainDays * DAY
  const rows: InteractionTable[] = []
  const replaced = new Map<PersonTable, CheckedInteraction[]>()
  for (const each of living) {
    const { index, user, id, text } = each
    const person = persons.get(user)!
    const there = texts.get(JSON.stringify([user, id]))
    if (there === text) answer.duplicates++
    else if (there !== undefined && upsert) replaced.set(person, [...(replaced.get(person) ?? []), each])
    else if (there !== undefined) answer.conflicts.push({ index, id })
    else if (each.at < oldest)
      answer.rejected.push({
        index,
        reason: 'time',
        message: `it is older than the ${settings.retainDays} days of this project`,
      })
    else if (person.stored >= settings.interactionsPerUser)
      answer.rejected.push({
        index,
        reason: 'full',
        message: `the user has ${person.stored} interactions, the most of this project`,
      })
    else {
      answer.accepted++
      count(person, each, now)
      rows.push(rowOf(each, project, person))
    }
    if (there === undefined || upsert) texts.set(JSON.stringify([user, id]), text)
  }
  await inChunks(rows, async (some) => {
    await tx.insertInto('interaction').values(some).execute()
  })
  for (const [person, changed] of replaced) answer.replaced += await replace(tx, scope, person, changed, now)
  const changed = new Set([...rows.map(({ user }) => user), ...[...replaced.keys()].map(({ user }) => user)])
  for (const user of changed) {
    const person = persons.get(user)!
    await putPerson(tx, person, settings, replaced.has(person) ? 'erased' : undefined)
  }
}

/** What an interaction adds to its user's row. */
function count(person: PersonTable, { at, text }: CheckedInteraction, now: number): void {
  person.stored++
  person.n++
  person.seq++
  person.new_n++
  person.new_characters += text.length
  person.new_since ??= now
  person.first_at = Math.min(person.first_at ?? at, at)
  person.last_at = Math.max(person.last_at ?? at, at)
}

const rowOf = ({ user, id, at, text, metadata }: CheckedInteraction, project: string, { seq }: PersonTable) => ({
  project,
  user,
  id,
  at,
  seq,
  text,
  metadata,
  excluded: 0,
})

/** [user, id] the text that is there. */
async function textsOf(
  tx: StoreTransaction,
  project: string,
  living: readonly CheckedInteraction[],
): Promise<Map<string, string>> {
  const texts = new Map<string, string>()
  const idsOf = new Map<string, Set<string>>()
  for (const { user, id } of living) idsOf.set(user, (idsOf.get(user) ?? new Set()).add(id))
  for (const [user, own] of idsOf)
    await inChunks([...own], async (ids) => {
      const rows = await tx
        .selectFrom('interaction')
        .select(['id', 'text'])
        .where('project', '=', project)
        .where('user', '=', user)
        .where('id', 'in', ids)
        .execute()
      for (const { id, text } of rows) texts.set(JSON.stringify([user, id]), text)
    })
  return texts
}

/** Other texts in the place of those that are there; profiles that were written from these are erased. */
async function replace(
  tx: StoreTransaction,
  scope: Scope,
  person: PersonTable,
  changed: readonly CheckedInteraction[],
  now: number,
): Promise<number> {
  const { project, user } = person
  // Of one id that comes twice in a batch the later one stays.
  const latest = new Map(changed.map((each) => [each.id, each]))
  for (const { id, at, text, metadata } of latest.values()) {
    person.seq++
    await tx
      .updateTable('interaction')
      .set({ at, text, metadata, seq: person.seq })
      .where('project', '=', project)
      .where('user', '=', user)
      .where('id', '=', id)
      .execute()
  }
  await withdrawVersions(tx, person, [...latest.keys()], { erase: true })
  person.new_since ??= now
  await audited(tx, scope, 'interactions.replaced', { interactions: latest.size }, user)
  return latest.size
}

/** A page of a user's interactions, oldest first. `cursor`: the `nextCursor` of the page before. */
export async function listInteractions(
  { db }: Store,
  { project, user }: UserScope,
  { limit, cursor }: { limit: number; cursor?: string },
): Promise<{ data: StoredInteraction[]; nextCursor: string | undefined }> {
  let query = db.selectFrom('interaction').selectAll().where('project', '=', project).where('user', '=', user)
  const after = cursor === undefined ? undefined : /^(-?\d{1,16})\.(\d{1,16})$/.exec(cursor)?.slice(1).map(Number)
  if (cursor !== undefined && after === undefined)
    throw new BumpError('invalid-options', 'cursor: give the nextCursor of the page before')
  if (after !== undefined)
    query = query.where(({ eb, or, and }) =>
      or([eb('at', '>', after[0]), and([eb('at', '=', after[0]), eb('seq', '>', after[1])])]),
    )
  const rows = await query.orderBy('at').orderBy('seq').limit(limit).execute()
  const last = rows.length === limit ? rows[limit - 1] : undefined
  return { data: rows.map(interactionOf), nextCursor: last && `${last.at}.${last.seq}` }
}

/** The latest interactions of a user that are not excluded, at most so many, oldest first. */
export async function latestIncluded(
  db: Queries,
  { project, user }: Pick<UserScope, 'project' | 'user'>,
  limit: number,
): Promise<InteractionTable[]> {
  const rows = await db
    .selectFrom('interaction')
    .selectAll()
    .where('project', '=', project)
    .where('user', '=', user)
    .where('excluded', '=', 0)
    .orderBy('at', 'desc')
    .orderBy('seq', 'desc')
    .limit(limit)
    .execute()
  return rows.reverse()
}

export const interactionOf = ({ id, at, text, metadata, excluded }: InteractionTable): StoredInteraction => ({
  id,
  time: at,
  text,
  metadata: metadata === null ? undefined : JSON.parse(metadata),
  excluded: excluded === 1,
})

/**
 * Keeps interactions from the writer of profiles, or gives them to it again. Profiles written from those that are now
 * excluded are withdrawn. Throws BumpError (`not-found`) where the user lacks one of them.
 */
export async function setExcluded(
  store: Store,
  scope: UserScope,
  ids: readonly string[],
  excluded: boolean,
): Promise<void> {
  await writing(store, (tx) => excludeWithin(tx, scope, ids, excluded))
}

/** The same within a transaction. */
export async function excludeWithin(
  tx: StoreTransaction,
  scope: UserScope,
  ids: readonly string[],
  excluded: boolean,
): Promise<void> {
  const { project, user } = scope
  const person = await takePerson(tx, scope)
  let found = 0
  let changed = 0
  await inChunks([...new Set(ids)], async (some) => {
    const query = () =>
      tx.updateTable('interaction').where('project', '=', project).where('user', '=', user).where('id', 'in', some)
    // Updated to itself, so that one statement counts what is there on both databases.
    found += Number(
      (
        await query()
          .set(({ ref }) => ({ id: ref('id') }))
          .executeTakeFirst()
      ).numUpdatedRows,
    )
    const turned = query()
      .set({ excluded: excluded ? 1 : 0 })
      .where('excluded', '=', excluded ? 0 : 1)
    changed += Number((await turned.executeTakeFirst()).numUpdatedRows)
  })
  if (found < new Set(ids).size) throw new BumpError('not-found', 'the user has no such interaction')
  if (changed === 0) return
  person.seq++
  person.n += excluded ? -changed : changed
  if (excluded) await withdrawVersions(tx, person, ids, { erase: false })
  await putPerson(tx, person, (await projectOf(tx, project)).settings, 'corrected')
  await audited(
    tx,
    scope,
    excluded ? 'interactions.excluded' : 'interactions.included',
    { interactions: changed },
    user,
  )
}
