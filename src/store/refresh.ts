// The store's side of a refresh: what a profile is written from, and what was written put in its place, in one
// transaction that looks again at all that may have changed meanwhile.
import { audited } from './audit.ts'
import { inChunks } from './chunks.ts'
import { denialsOf } from './corrections.ts'
import { interactionOf, latestIncluded, type StoredInteraction } from './interactions.ts'
import { type Queries, type Store, type StoreTransaction, writing } from './open.ts'
import { orNobody, personOf, putPerson, takePerson } from './persons.ts'
import { addVersion } from './profiles.ts'
import { projectOf } from './project-row.ts'
import type { Claim } from './queue.ts'
import type { PersonTable, ProfileTable } from './schema.ts'
import type { UserScope } from './scope.ts'
import type { ProjectSettings } from './settings.ts'
import { SERVABLE } from './withdraw.ts'

/** A version that may be served, with what it was written from. */
export interface JudgedVersion {
  version: number
  text: string
  throughSeq: number
  /** Ids that the writer saw. */
  shown: ReadonlySet<string>
  scores: RunningScore | undefined
}

/** By interactions that neither of two versions has seen: the sum of (served less the one before), and their number. */
export interface RunningScore {
  against: number
  interactions: number
  sum: number
  /** The user's `seq` up to which interactions are counted. */
  throughSeq: number
}

/** What a refresh starts from. */
export interface RefreshWork {
  claim: Claim
  /** The user's `seq` and due time as seen. */
  seq: number
  dueAt: number | null
  reason: string | null
  /** Interactions that are not excluded, and the latest of them, oldest first. */
  n: number
  interactions: (StoredInteraction & { seq: number })[]
  /** Whether the user ever had a profile. */
  first: boolean
  served: JudgedVersion | undefined
  /** The latest before it that may be served. */
  before: JudgedVersion | undefined
  rejections: number
  denials: string[]
  settings: ProjectSettings
}

/** Interactions that are read for one refresh: the writer reads fewer, and the gate a few more. */
export const READ = 200

/** Reads the work of a claim; undefined where the claim was lost, or the user is gone or not to be profiled. */
export async function refreshWork(store: Store, claim: Claim): Promise<RefreshWork | undefined> {
  const work = await refreshWorkOf(store, { project: claim.project, user: claim.user, actor: 'worker' })
  return work?.lease === claim.lease ? { ...work, claim } : undefined
}

/** What the profile of a user would be written from now; undefined where the user is gone or not to be profiled. */
export async function refreshWorkOf(
  { db }: Store,
  scope: UserScope,
): Promise<(Omit<RefreshWork, 'claim'> & { lease: string | null }) | undefined> {
  const person = await orNobody(personOf(db, scope))
  if (person?.profiling !== 'on') return undefined
  const rows = await latestIncluded(db, scope, READ)
  const [served, before] = await servable(db, person)
  return {
    lease: person.lease,
    seq: person.seq,
    dueAt: person.due_at,
    reason: person.due_reason,
    n: person.n,
    interactions: rows.map((row) => ({ ...interactionOf(row), seq: row.seq })),
    first: person.last_version === 0,
    served,
    before,
    rejections: person.rejections,
    denials: await denialsOf(db, scope),
    settings: (await projectOf(db, scope.project)).settings,
  }
}

/** The served version, and the latest before it that may be served. */
async function servable(db: Queries, person: PersonTable): Promise<(JudgedVersion | undefined)[]> {
  const { project, user, published_version } = person
  if (published_version === null) return []
  const rows = await db
    .selectFrom('profile')
    .selectAll()
    .where('project', '=', project)
    .where('user', '=', user)
    .where('version', '<=', published_version)
    .where('status', 'in', SERVABLE)
    .orderBy('version', 'desc')
    .limit(2)
    .execute()
  return await Promise.all(rows.map((row) => judgedVersion(db, row)))
}

async function judgedVersion(db: Queries, row: ProfileTable): Promise<JudgedVersion> {
  const sources = await db
    .selectFrom('profile_source')
    .select('interaction')
    .where('project', '=', row.project)
    .where('user', '=', row.user)
    .where('version', '=', row.version)
    .where('held_out', '=', 0)
    .execute()
  return {
    version: row.version,
    text: row.text ?? '',
    throughSeq: row.through_seq,
    shown: new Set(sources.map(({ interaction }) => interaction)),
    scores: row.scores === null ? undefined : JSON.parse(row.scores),
  }
}

/** A user of the project as the gate's pools need them. */
export interface Rival {
  user: string
  profile: string
  /** Texts of the latest interactions, the latest first. */
  texts: string[]
}

/** Interactions of a rival that pools may draw. */
const RIVAL_TEXTS = 5

/** Other users of the project with a profile: at most so many, those refreshed last, then those never, by id. */
export async function rivalsOf(
  { db }: Store,
  { project, user }: Pick<UserScope, 'project' | 'user'>,
  limit: number,
): Promise<Rival[]> {
  const others = db
    .selectFrom('person as p')
    .innerJoin('profile as v', (join) =>
      join
        .onRef('v.project', '=', 'p.project')
        .onRef('v.user', '=', 'p.user')
        .onRef('v.version', '=', 'p.published_version'),
    )
    .select(['p.user', 'v.text'])
    .where('p.project', '=', project)
    .where('v.project', '=', project)
    .where('p.user', '!=', user)
    .where('p.profiling', '!=', 'off')
    .where('v.text', 'is not', null)
  // Two queries, as databases differ in where they put those without a time.
  const refreshed = others.where('p.refreshed_at', 'is not', null).orderBy('p.refreshed_at', 'desc').orderBy('p.user')
  const rows = await refreshed.limit(limit).execute()
  if (rows.length < limit) {
    const never = others.where('p.refreshed_at', 'is', null).orderBy('p.user')
    rows.push(...(await never.limit(limit - rows.length).execute()))
  }
  const rivals: Rival[] = []
  // Pools are drawn from them in this order, which must not depend on the moment of each refresh.
  for (const row of rows.sort((a, b) => (a.user < b.user ? -1 : 1))) {
    const texts = await latestIncluded(db, { project, user: row.user }, RIVAL_TEXTS)
    if (texts.length > 0)
      rivals.push({ user: row.user, profile: row.text!, texts: texts.map(({ text }) => text).reverse() })
  }
  return rivals
}

/** What came of a refresh. */
export interface RefreshOutcome {
  /** The version written; undefined where there was nothing to write it from. */
  written?: {
    text: string
    status: 'published' | 'rejected' | 'unscored'
    /** Digest of the generator. */
    writer: string
    /** Ids in the writer's prompt, and those hidden from it. */
    shown: readonly string[]
    heldOut: readonly string[]
    throughTime: number
    /** The verdict, numbers and words only. */
    gate?: object
  }
  /** The running score of the served version, where it was measured. */
  scores?: RunningScore
  /** Serve the version before again: the running score says that it was better. */
  rollBack?: boolean
}

/** `lost`: another worker has the claim. `outdated`: what it was written from is gone, so it is written anew. */
export type RefreshResult = 'done' | 'lost' | 'outdated'

/**
 * Puts the outcome of a refresh in its place: the version with its sources, the running score, the roll-back, and the
 * work done as far as nothing new came in meanwhile.
 */
export async function finishRefresh(store: Store, work: RefreshWork, outcome: RefreshOutcome): Promise<RefreshResult> {
  const { claim } = work
  const scope = { project: claim.project, user: claim.user, actor: 'worker' }
  return await writing(store, async (tx) => {
    const person = await orNobody(takePerson(tx, scope))
    if (person?.lease !== claim.lease) return 'lost'
    person.lease = null
    person.leased_until = null
    const { written, rollBack, scores } = outcome
    const { settings } = await projectOf(tx, claim.project)
    const stands =
      written === undefined || (await stillThere(tx, person, work.seq, [...written.shown, ...written.heldOut]))
    if (!stands || person.profiling !== 'on') {
      await putPerson(tx, person, settings, 'erased')
      return 'outdated'
    }
    // Withdrawn meanwhile, it has no score and nothing to go back from.
    const servedStill = work.served !== undefined && person.published_version === work.served.version
    if (servedStill && scores) await keepScore(tx, person, work.served!.version, scores)
    if (servedStill && rollBack && work.before) {
      await addVersion(tx, person, { text: work.before.text, origin: 'restored', from: work.before.version })
      await audited(
        tx,
        scope,
        'profile.rolled-back',
        { from: work.served!.version, to: work.before.version },
        scope.user,
      )
    }
    if (written) await addWritten(tx, person, work, written)
    await settle(tx, person, work, settings)
    return 'done'
  })
}

/** Whether all that a version was written from is there, not excluded, and with the text that was seen. */
async function stillThere(tx: StoreTransaction, person: PersonTable, seq: number, ids: string[]): Promise<boolean> {
  let there = 0
  await inChunks(ids, async (some) => {
    const { count } = await tx
      .selectFrom('interaction')
      .select(({ fn }) => fn.countAll<number>().as('count'))
      .where('project', '=', person.project)
      .where('user', '=', person.user)
      .where('id', 'in', some)
      .where('excluded', '=', 0)
      .where('seq', '<=', seq)
      .executeTakeFirstOrThrow()
    there += count
  })
  return there === ids.length
}

async function keepScore(
  tx: StoreTransaction,
  { project, user }: PersonTable,
  version: number,
  scores: RunningScore,
): Promise<void> {
  await tx
    .updateTable('profile')
    .set({ scores: JSON.stringify(scores) })
    .where('project', '=', project)
    .where('user', '=', user)
    .where('version', '=', version)
    .execute()
}

export async function addWritten(
  tx: StoreTransaction,
  person: PersonTable,
  work: Pick<RefreshWork, 'seq'>,
  { text, status, writer, shown, heldOut, throughTime, gate }: NonNullable<RefreshOutcome['written']>,
): Promise<void> {
  const { project, user } = person
  const version = ++person.last_version
  await tx
    .insertInto('profile')
    .values({
      project,
      user,
      version,
      text,
      origin: 'generated',
      status,
      writer,
      through_seq: work.seq,
      through_at: throughTime,
      scores: null,
      gate: gate === undefined ? null : JSON.stringify(gate),
      created_at: Date.now(),
    })
    .execute()
  const source = (held_out: number) => (interaction: string) => ({ project, user, version, interaction, held_out })
  await inChunks([...shown.map(source(0)), ...heldOut.map(source(1))], async (some) => {
    await tx.insertInto('profile_source').values(some).execute()
  })
  if (status === 'rejected') person.rejections++
  else {
    person.rejections = 0
    person.published_version = version
    person.revision++
  }
}

/** The work is done as far as it was seen: what came in meanwhile, or was asked for, stays due. */
export async function settle(
  tx: StoreTransaction,
  person: PersonTable,
  work: Pick<RefreshWork, 'seq' | 'dueAt'>,
  settings: ProjectSettings,
): Promise<void> {
  const now = Date.now()
  const { newer, characters } = await tx
    .selectFrom('interaction')
    .select(({ fn }) => [
      fn.countAll<number>().as('newer'),
      fn.sum<number | string | null>(fn<number>('length', ['text'])).as('characters'),
    ])
    .where('project', '=', person.project)
    .where('user', '=', person.user)
    .where('excluded', '=', 0)
    .where('seq', '>', work.seq)
    .executeTakeFirstOrThrow()
  person.new_n = newer
  person.new_characters = Number(characters ?? 0)
  person.new_since = newer > 0 ? now : null
  person.refreshed_at = now
  person.attempts = 0
  person.last_error = null
  if (person.due_at === work.dueAt) {
    person.due_at = null
    person.due_reason = null
  }
  await putPerson(tx, person, settings)
}
