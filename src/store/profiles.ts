// Profiles out: the one that is served, its versions, and what each was written from; and versions by hand.
import { sql } from 'kysely'
import { BumpError } from '../util/errors.ts'
import { type AuditAction, audited } from './audit.ts'
import { batched } from './batched.ts'
import { ownWords, wordsOf } from './corrections.ts'
import { cutDenied } from './deny.ts'
import { type Queries, type Store, type StoreTransaction, writing } from './open.ts'
import { personOf, putPerson, takePerson } from './persons.ts'
import { projectOf } from './project-row.ts'
import type { PersonTable, ProfileTable } from './schema.ts'
import { noUser, type UserScope } from './scope.ts'
import { projectSettings } from './settings.ts'
import { wordsProblem } from './text-input.ts'
import { SERVABLE } from './withdraw.ts'

/** What a product reads. */
export interface ServedProfile {
  /** published: there is a text, or a statement; pending: not yet; off: profiling is switched off. */
  status: 'published' | 'pending' | 'off'
  version: number | undefined
  /** Written from interactions, without denied sentences; '' where there is none. */
  text: string
  /** The user's own sentences, word for word, oldest first. */
  statements: string[]
  /** Whether a refresh is due. */
  stale: boolean
  /** Interactions that came after the last refresh. */
  newInteractions: number
  /** Time of the latest interaction that the version has seen. */
  throughTime: number | undefined
  origin: ProfileOrigin | undefined
  /** Whether the version passed the gate, or could not be judged. */
  judged: boolean
  createdAt: number | undefined
  /** Counts up with every change of text, version or statements: an ETag. */
  revision: number
}

type ProfileOrigin = 'generated' | 'manual' | 'restored'
type ProfileStatus = 'published' | 'rejected' | 'unscored' | 'withdrawn'

/** One version, served or not. */
export interface ProfileVersion {
  version: number
  /** undefined where it was erased with what it was written from. */
  text: string | undefined
  origin: ProfileOrigin
  status: ProfileStatus
  /** Whether it is the one that is served. */
  served: boolean
  /** Digest of the generator. */
  writer: string | undefined
  throughTime: number | undefined
  /** By interactions that came after it was published. */
  scores: unknown
  /** The verdict before publishing. */
  gate: unknown
  createdAt: number
}

/** An interaction that a version was written from, or judged by. */
export interface ProfileSource {
  id: string
  time: number
  text: string
  excluded: boolean
  /** Hidden from the writer, for the gate. */
  heldOut: boolean
}

/** Longest text that is written by hand, in characters. */
const LONGEST_PROFILE = 8000

/** What is served of each user, in one query, since this is what a product asks for all the time. */
const servedRow = batched(async ({ db }, scopes: readonly UserScope[]) => {
  const projects = [...new Set(scopes.map(({ project }) => project))]
  const found = await Promise.all(
    projects.map((project) => {
      const users = scopes.filter((scope) => scope.project === project).map(({ user }) => user)
      return servedRows(db, project, [...new Set(users)])
    }),
  )
  const rows = new Map(found.flat().map((row) => [scopeKey(row), row]))
  return scopes.map((scope) => rows.get(scopeKey(scope)))
})

const scopeKey = ({ project, user }: Pick<UserScope, 'project' | 'user'>) => JSON.stringify([project, user])

async function servedRows(db: Queries, project: string, users: readonly string[]) {
  return await db
    .selectFrom('person')
    .innerJoin('project', 'project.id', 'person.project')
    .leftJoin('profile', (join) =>
      join
        .onRef('profile.project', '=', 'person.project')
        .onRef('profile.user', '=', 'person.user')
        .onRef('profile.version', '=', 'person.published_version'),
    )
    .select(['person.project', 'person.user'])
    .select(['person.profiling', 'person.revision', 'person.new_n', 'person.due_at', 'project.settings'])
    .select(['profile.version', 'profile.text', 'profile.origin', 'profile.status', 'profile.gate'])
    .select(['profile.through_at', 'profile.created_at'])
    // Few people have any, so that most profiles take no second query.
    .select(({ exists }) => exists(ownWords(db, project, sql.ref('person.user')).select('id')).as('has_words'))
    .where('person.project', '=', project)
    .where('person.user', 'in', users)
    .execute()
}

/** The profile of a user. Throws BumpError (`not-found`) where there is no such user. */
export async function readProfile(store: Store, scope: UserScope): Promise<ServedProfile> {
  const { db } = store
  const row = await servedRow(store, scope)
  if (row === undefined) throw noUser()
  const none = {
    version: undefined,
    text: '',
    statements: [],
    stale: false,
    newInteractions: row.new_n,
    throughTime: undefined,
    origin: undefined,
    judged: false,
    createdAt: undefined,
    revision: row.revision,
  }
  if (row.profiling === 'off') return { status: 'off', ...none }
  const { statements, denials } = row.has_words ? await wordsOf(db, scope) : { statements: [], denials: [] }
  const base = { ...none, statements, stale: row.due_at !== null }
  if (row.version === null) return { ...base, status: statements.length > 0 ? 'published' : 'pending' }
  const { deny } = projectSettings(JSON.parse(row.settings))
  return {
    ...base,
    status: 'published',
    version: row.version,
    text: cutDenied(row.text ?? '', [...deny, ...denials]),
    throughTime: row.through_at ?? undefined,
    origin: row.origin as ProfileOrigin,
    judged: row.status === 'published' && row.gate !== null,
    createdAt: row.created_at ?? undefined,
  }
}

/** A page of versions, newest first. `cursor`: the `nextCursor` of the page before. */
export async function listVersions(
  { db }: Store,
  scope: UserScope,
  { limit, cursor }: { limit: number; cursor?: number },
): Promise<{ data: ProfileVersion[]; nextCursor: number | undefined }> {
  const person = await personOf(db, scope)
  let query = db.selectFrom('profile').selectAll().where('project', '=', scope.project).where('user', '=', scope.user)
  if (cursor !== undefined) query = query.where('version', '<', cursor)
  const rows = await query.orderBy('version', 'desc').limit(limit).execute()
  return {
    data: rows.map((row) => versionOf(row, person)),
    nextCursor: rows.length === limit ? rows[limit - 1].version : undefined,
  }
}

/** Throws BumpError (`not-found`). */
export async function readVersion({ db }: Store, scope: UserScope, version: number): Promise<ProfileVersion> {
  return versionOf(await versionRow(db, scope, version), await personOf(db, scope))
}

/** What a version was written from, oldest first. Throws BumpError (`not-found`) where there is no such version. */
export async function readSources({ db }: Store, scope: UserScope, version: number): Promise<ProfileSource[]> {
  await versionRow(db, scope, version)
  const rows = await db
    .selectFrom('profile_source as s')
    .innerJoin('interaction as i', (join) =>
      join.onRef('i.project', '=', 's.project').onRef('i.user', '=', 's.user').onRef('i.id', '=', 's.interaction'),
    )
    .select(['i.id', 'i.at', 'i.text', 'i.excluded', 's.held_out'])
    .where('s.project', '=', scope.project)
    .where('s.user', '=', scope.user)
    .where('s.version', '=', version)
    .orderBy('i.at')
    .orderBy('i.seq')
    .execute()
  return rows.map(({ id, at, text, excluded, held_out }) => ({
    id,
    time: at,
    text,
    excluded: excluded === 1,
    heldOut: held_out === 1,
  }))
}

/**
 * Puts a text of a person in the profile's place and freezes it: no refresh changes it until profiling is set to on.
 * What the version before was written from counts as its sources too, since it may be that text with a word changed:
 * erasing them erases it. `revision`: that of the profile which the writer saw. Throws BumpError: `conflict` where it
 * was changed since, `invalid-options` for a text that cannot be.
 */
export async function writeProfileByHand(
  store: Store,
  scope: UserScope,
  { text, revision }: { text: string; revision?: number },
): Promise<ServedProfile> {
  const problem = wordsProblem(text, LONGEST_PROFILE)
  if (problem !== undefined) throw new BumpError('invalid-options', `profile.text ${problem}`)
  await changed(store, scope, revision, 'profile.written', async (tx, person) => {
    person.profiling = 'frozen'
    return await addVersion(tx, person, { text: text.trim(), origin: 'manual', from: person.published_version })
  })
  return await readProfile(store, scope)
}

/**
 * Serves an older version again, as a new one. Throws BumpError: `not-found` without such a version, `conflict` where
 * it was withdrawn or the profile was changed since `revision`.
 */
export async function restoreVersion(
  store: Store,
  scope: UserScope,
  version: number,
  { revision }: { revision?: number } = {},
): Promise<ServedProfile> {
  await changed(store, scope, revision, 'profile.restored', async (tx, person) => {
    const row = await versionRow(tx, scope, version)
    if (row.status === 'withdrawn' || row.text === null)
      throw new BumpError(
        'conflict',
        `version ${version} was withdrawn: what it was written from is deleted or excluded`,
      )
    return await addVersion(tx, person, { text: row.text, origin: 'restored', from: version })
  })
  return await readProfile(store, scope)
}

async function changed(
  store: Store,
  scope: UserScope,
  revision: number | undefined,
  action: AuditAction,
  work: (tx: StoreTransaction, person: PersonTable) => Promise<number>,
): Promise<void> {
  await writing(store, async (tx) => {
    const person = await takePerson(tx, scope)
    if (revision !== undefined && revision !== person.revision)
      throw new BumpError('conflict', 'the profile was changed in the meantime: read it again')
    const version = await work(tx, person)
    await putPerson(tx, person, (await projectOf(tx, scope.project)).settings)
    await audited(tx, scope, action, { version }, scope.user)
  })
}

/** Adds a version that is served from now on, with the sources and the writer of another one. Returns its number. */
export async function addVersion(
  tx: StoreTransaction,
  person: PersonTable,
  { text, origin, from }: { text: string; origin: 'manual' | 'restored'; from: number | null },
): Promise<number> {
  const { project, user } = person
  const before = from === null ? undefined : await versionRow(tx, { project, user, actor: '' }, from)
  const version = ++person.last_version
  person.published_version = version
  person.revision++
  await tx
    .insertInto('profile')
    .values({
      project,
      user,
      version,
      text,
      origin,
      status: 'published',
      writer: origin === 'restored' ? (before?.writer ?? null) : null,
      through_seq: before?.through_seq ?? 0,
      through_at: before?.through_at ?? null,
      scores: null,
      gate: origin === 'restored' ? (before?.gate ?? null) : null,
      created_at: Date.now(),
    })
    .execute()
  if (before !== undefined)
    await tx
      .insertInto('profile_source')
      .columns(['project', 'user', 'version', 'interaction', 'held_out'])
      .expression((eb) =>
        eb
          .selectFrom('profile_source')
          .select(['project', 'user', eb.val(version).as('version'), 'interaction', 'held_out'])
          .where('project', '=', project)
          .where('user', '=', user)
          .where('version', '=', before.version),
      )
      .execute()
  return version
}

/** Throws BumpError (`not-found`). */
async function versionRow(db: Queries, { project, user }: UserScope, version: number): Promise<ProfileTable> {
  const row = await db
    .selectFrom('profile')
    .selectAll()
    .where('project', '=', project)
    .where('user', '=', user)
    .where('version', '=', version)
    .executeTakeFirst()
  if (row === undefined) throw new BumpError('not-found', 'there is no such version')
  return row
}

const versionOf = (row: ProfileTable, { published_version }: PersonTable): ProfileVersion => ({
  version: row.version,
  text: row.text ?? undefined,
  origin: row.origin as ProfileOrigin,
  status: row.status as ProfileStatus,
  served: row.version === published_version && SERVABLE.includes(row.status),
  writer: row.writer ?? undefined,
  throughTime: row.through_at ?? undefined,
  scores: row.scores === null ? undefined : JSON.parse(row.scores),
  gate: row.gate === null ? undefined : JSON.parse(row.gate),
  createdAt: row.created_at,
})
