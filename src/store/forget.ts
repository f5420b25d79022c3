// Deletion, as far as a store can go: the interactions, every text that was written from them, and their traces in the
// file itself. A receipt says what was done, and what deletion cannot reach.
import { BumpError } from '../util/errors.ts'
import { audited } from './audit.ts'
import { inChunks } from './chunks.ts'
import { hmacOf } from './ids.ts'
import { type Store, type StoreTransaction, scrubJournal, writing } from './open.ts'
import { putPerson, takePerson } from './persons.ts'
import { projectOf } from './project-row.ts'
import type { PersonTable } from './schema.ts'
import type { Scope, UserScope } from './scope.ts'
import { versionsFrom, withdrawVersions } from './withdraw.ts'

/** Which interactions of a user: those for which all that is named holds. */
export interface ForgetSelection {
  ids?: readonly string[]
  /** Milliseconds since 1970: earlier than, and later than. */
  before?: number
  after?: number
  /** Words that the text holds, whatever their case. */
  match?: string
}

export interface ForgetReceipt {
  /** What would go, and nothing went. */
  dryRun: boolean
  interactions: number
  /** The first of them, at most `RECEIPT_IDS`. */
  ids: string[]
  /** Versions of the profile that were withdrawn and their texts erased. */
  versions: number
  at: number
  /** What deletion cannot reach, for people. */
  beyond: string[]
}

export interface DeletionReceipt {
  interactions: number
  versions: number
  corrections: number
  /** Keys that were bound to the user. */
  keys: number
  at: number
  /** Digests of the generators that wrote the user's profiles. */
  writers: string[]
  beyond: string[]
}

const RECEIPT_IDS = 1000

const folded = (text: string) => text.normalize('NFKC').toLowerCase().replace(/\s+/g, ' ').trim()

const BEYOND = [
  'Copies of the database, and logs that the interactions came from.',
  'Run folders of trainings that saw this user: `bump forget --run <folder> --user <id>` takes the user out of them.',
  'Weights and adapters of such trainings: only training anew takes a user out of them.',
  'What a product, a model or a person has read of the profile before.',
]

/**
 * Deletes interactions of a user with every version of the profile that was written from them, or judged by them; the
 * rest is written anew. They do not come back with a repeated event. Throws BumpError: `not-found` without such a user,
 * `invalid-options` where nothing is named.
 */
export async function forgetInteractions(
  store: Store,
  scope: UserScope,
  selection: ForgetSelection,
  { dryRun }: { dryRun: boolean },
): Promise<ForgetReceipt> {
  const { ids, before, after, match } = selection
  if (ids === undefined && before === undefined && after === undefined && match === undefined)
    throw new BumpError('invalid-options', 'forget: name ids, before, after or match')
  if (match !== undefined && folded(match) === '') throw new BumpError('invalid-options', 'forget.match is empty')
  const receipt = await writing(store, async (tx) => {
    const person = await takePerson(tx, scope)
    const chosen = await chosenOf(tx, scope, selection)
    const versions = dryRun ? (await versionsFrom(tx, scope, chosen)).size : await forget(tx, scope, person, chosen)
    const common = { dryRun, interactions: chosen.length, ids: chosen.slice(0, RECEIPT_IDS), versions }
    return { ...common, at: Date.now(), beyond: BEYOND }
  })
  if (!dryRun) await scrubJournal(store)
  return receipt
}

async function chosenOf(
  tx: StoreTransaction,
  { project, user }: UserScope,
  { ids, before, after, match }: ForgetSelection,
): Promise<string[]> {
  let query = tx
    .selectFrom('interaction')
    .select(['id', 'text'])
    .where('project', '=', project)
    .where('user', '=', user)
  if (before !== undefined) query = query.where('at', '<', before)
  if (after !== undefined) query = query.where('at', '>', after)
  const wanted = ids && new Set(ids)
  const words = match === undefined ? undefined : folded(match)
  const rows = await query.orderBy('at').orderBy('seq').execute()
  return rows
    .filter(({ id, text }) => (wanted?.has(id) ?? true) && (words === undefined || folded(text).includes(words)))
    .map(({ id }) => id)
}

/** Deletes the interactions within a transaction, and returns the number of versions withdrawn. */
async function forget(
  tx: StoreTransaction,
  scope: Scope,
  person: PersonTable,
  ids: readonly string[],
): Promise<number> {
  if (ids.length === 0) return 0
  const { project, user } = person
  const { secret, settings } = await projectOf(tx, project)
  const versions = await withdrawVersions(tx, person, ids, { erase: true })
  await inChunks(ids, async (some) => {
    await tx
      .deleteFrom('interaction')
      .where('project', '=', project)
      .where('user', '=', user)
      .where('id', 'in', some)
      .execute()
    await tx
      .deleteFrom('profile_source')
      .where('project', '=', project)
      .where('user', '=', user)
      .where('interaction', 'in', some)
      .execute()
    await bury(
      tx,
      project,
      some.map((id) => hmacOf(secret, user, id)),
    )
  })
  await forgetTargets(tx, person, new Set(ids))
  await forgetAnswers(tx, project)
  await recount(tx, person)
  person.seq++
  await putPerson(tx, person, settings, versions > 0 ? 'erased' : undefined)
  await audited(tx, scope, 'interactions.forgotten', { interactions: ids.length, versions }, user)
  return versions
}

async function bury(tx: StoreTransaction, project: string, marks: string[]): Promise<void> {
  const at = Date.now()
  await tx
    .insertInto('tombstone')
    .values(marks.map((key_hmac) => ({ project, key_hmac, at })))
    .onConflict((existing) => existing.columns(['project', 'key_hmac']).doNothing())
    .execute()
}

/** Takes the ids out of the exclusions that name them. */
async function forgetTargets(tx: StoreTransaction, { project, user }: PersonTable, gone: Set<string>): Promise<void> {
  const corrections = () => tx.updateTable('correction').where('project', '=', project).where('user', '=', user)
  const rows = await tx
    .selectFrom('correction')
    .select(['id', 'target'])
    .where('project', '=', project)
    .where('user', '=', user)
    .where('target', 'is not', null)
    .execute()
  for (const { id, target } of rows) {
    const left = (JSON.parse(target!) as string[]).filter((each) => !gone.has(each))
    await corrections()
      .set({ target: JSON.stringify(left) })
      .where('id', '=', id)
      .execute()
  }
}

/** Answers to earlier requests may name what is gone; without them a repeated request is answered anew. */
async function forgetAnswers(tx: StoreTransaction, project: string): Promise<void> {
  await tx.deleteFrom('idempotency').where('project', '=', project).execute()
}

/** Counts and times of what is left. */
async function recount(tx: StoreTransaction, person: PersonTable): Promise<void> {
  const { stored, excluded, first, last } = await tx
    .selectFrom('interaction')
    .select(({ fn }) => [
      fn.countAll<number>().as('stored'),
      fn.sum<number | string | null>('excluded').as('excluded'),
      fn.min('at').as('first'),
      fn.max('at').as('last'),
    ])
    .where('project', '=', person.project)
    .where('user', '=', person.user)
    .executeTakeFirstOrThrow()
  person.stored = stored
  person.n = stored - Number(excluded ?? 0)
  person.new_n = Math.min(person.new_n, person.n)
  person.first_at = first
  person.last_at = last
}

/**
 * Deletes a user: interactions, profiles, corrections and keys. Events of the user that come later are refused, unless
 * they say `revive`. Throws BumpError (`not-found`).
 */
export async function deleteUser(store: Store, scope: UserScope): Promise<DeletionReceipt> {
  const { project, user } = scope
  const receipt = await writing(store, async (tx) => {
    await takePerson(tx, scope)
    const { secret } = await projectOf(tx, project)
    const writers = await tx
      .selectFrom('profile')
      .select('writer')
      .distinct()
      .where('project', '=', project)
      .where('user', '=', user)
      .where('writer', 'is not', null)
      .execute()
    const gone = async (table: 'interaction' | 'profile' | 'profile_source' | 'correction' | 'api_key' | 'person') => {
      const query = tx
        .deleteFrom(table as 'interaction')
        .where('project', '=', project)
        .where('user', '=', user)
      return Number((await query.executeTakeFirst()).numDeletedRows)
    }
    await gone('profile_source')
    const counts = {
      interactions: await gone('interaction'),
      versions: await gone('profile'),
      corrections: await gone('correction'),
      keys: await gone('api_key'),
    }
    await gone('person')
    await forgetAnswers(tx, project)
    await bury(tx, project, [hmacOf(secret, user)])
    await audited(tx, scope, 'user.deleted', counts, user)
    return { ...counts, at: Date.now(), writers: writers.map(({ writer }) => writer!), beyond: BEYOND }
  })
  await scrubJournal(store)
  return receipt
}

/** Users whose oldest interactions are looked at in one go of the sweep. */
const SWEPT_AT_ONCE = 100

/**
 * Deletes the interactions of a project that are older than it retains, as any deletion, and returns how many; at most
 * those of so many users that others wait little.
 */
export async function forgetOld(store: Store, scope: Scope): Promise<number> {
  const { settings } = await projectOf(store.db, scope.project)
  if (settings.retainDays === undefined) return 0
  const before = Date.now() - settings.retainDays * 86_400_000
  const users = await store.db
    .selectFrom('interaction')
    .select('user')
    .distinct()
    .where('project', '=', scope.project)
    .where('at', '<', before)
    .limit(SWEPT_AT_ONCE)
    .execute()
  let deleted = 0
  for (const { user } of users)
    deleted += (await forgetInteractions(store, { ...scope, user }, { before }, { dryRun: false })).interactions
  return deleted
}
