// The work of writing profiles, as columns of users' rows: claimed with a lease by any number of workers, and due again
// by itself where a worker dies. The only queries that look across projects are here; each says so by withoutPlugins().
import { sql } from 'kysely'
import { backOff } from './due.ts'
import { randomLetters } from './ids.ts'
import type { Store } from './open.ts'
import { projectOf } from './project-row.ts'
import type { Scope } from './scope.ts'
import { wholeProject } from './scope.ts'

/** A user whose profile this worker is to write. */
export interface Claim {
  project: string
  user: string
  /** Tells this claim from later ones: what holds no lease any more writes nothing. */
  lease: string
}

/** Milliseconds that a claim holds unless it is renewed. */
export const LEASE = 300_000
/** Due users that are looked at for each that is claimed: other workers may be quicker. */
const CANDIDATES = 4
/** Milliseconds between the users of a worker that died over them again: the one who is the cause then comes alone. */
const APART = 2000

/**
 * Claims up to `limit` due users for this worker: of each project the one that is due longest, then of each the next,
 * so that a project with much work delays no other. A claim is one guarded update, so no user is claimed twice, on
 * either database. `worker`: its id; `without`: projects that it does not write for.
 */
export async function claimDue(
  store: Store,
  { worker, limit, without = new Set() }: { worker: string; limit: number; without?: ReadonlySet<string> },
): Promise<Claim[]> {
  const now = Date.now()
  const across = store.db.withoutPlugins()
  const candidates = await across
    .selectFrom(
      across
        .selectFrom('person')
        .select([
          'project',
          'user',
          'due_at',
          sql<number>`row_number() over (partition by project order by due_at)`.as('turn'),
        ])
        .where('due_at', '<=', now)
        .where(({ or, eb }) => or([eb('leased_until', 'is', null), eb('leased_until', '<', now)]))
        .$if(without.size > 0, (due) => due.where('project', 'not in', [...without]))
        .as('due'),
    )
    .select(['project', 'user'])
    .orderBy('turn')
    .orderBy('due_at')
    .limit(limit * CANDIDATES)
    .execute()
  const room = await roomToday(store, new Set(candidates.map(({ project }) => project)), now)
  const claims: Claim[] = []
  for (const { project, user } of candidates) {
    if (claims.length === limit) break
    const left = room.get(project)!
    if (left === 0) continue
    const lease = `${worker}.${randomLetters(16)}`
    const claimed = await store.db
      .updateTable('person')
      .set({ lease, leased_until: now + LEASE })
      .where('project', '=', project)
      .where('user', '=', user)
      .where('due_at', '<=', now)
      .where(({ or, eb }) => or([eb('leased_until', 'is', null), eb('leased_until', '<', now)]))
      .executeTakeFirst()
    if (claimed.numUpdatedRows === 0n) continue
    room.set(project, left - 1)
    claims.push({ project, user, lease })
  }
  return claims
}

/** [project] how many more profiles may be written in these 24 hours. */
async function roomToday({ db }: Store, projects: ReadonlySet<string>, now: number): Promise<Map<string, number>> {
  const room = new Map<string, number>()
  for (const project of projects) {
    const { perDay } = (await projectOf(db, project)).settings.refresh
    if (perDay === undefined) {
      room.set(project, Number.POSITIVE_INFINITY)
      continue
    }
    const { written } = await db
      .selectFrom('profile')
      .select(({ fn }) => fn.countAll<number>().as('written'))
      .where('project', '=', project)
      .where('created_at', '>', now - 86_400_000)
      .where('origin', '=', 'generated')
      .executeTakeFirstOrThrow()
    room.set(project, Math.max(0, perDay - written))
  }
  return room
}

/** Holds claims for another while; those that are lost stay lost. */
export async function renewClaims({ db }: Store, claims: readonly Claim[]): Promise<void> {
  for (const claim of claims)
    await held(db, claim)
      .set({ leased_until: Date.now() + LEASE })
      .execute()
}

/** Gives claims back as they were: the work stays due. */
export async function releaseClaims({ db }: Store, claims: readonly Claim[]): Promise<void> {
  for (const claim of claims) await held(db, claim).set({ lease: null, leased_until: null }).execute()
}

/** Notes that the work of a claim failed; it is due again after a while that doubles each time. */
export async function failClaim({ db }: Store, claim: Claim, error: string): Promise<void> {
  const row = await db
    .selectFrom('person')
    .select(['attempts', 'due_at'])
    .where('project', '=', claim.project)
    .where('user', '=', claim.user)
    .executeTakeFirst()
  if (row !== undefined) await failed(db, claim, row, error, backOff)
}

/**
 * Gives back what a worker was at that died. One of its users may be the cause, so it counts as a failure of each:
 * after the first they are due at once, after later ones as after other failures, and one after the other.
 */
export async function workerDied({ db }: Store, worker: string): Promise<void> {
  const rows = await db
    .withoutPlugins()
    .selectFrom('person')
    .select(['project', 'user', 'lease', 'attempts', 'due_at'])
    .where('lease', 'like', `${worker}.%`)
    .orderBy('due_at')
    .execute()
  for (const [i, row] of rows.entries()) {
    const wait = (attempts: number) => (attempts === 1 ? 0 : backOff(attempts - 1) + i * APART)
    await failed(db, { ...row, lease: row.lease! }, row, 'the worker died while it wrote', wait)
  }
}

/** `wait`: milliseconds after so many failures in a row. Who is not due any more, as profiling went off, stays so. */
async function failed(
  db: Store['db'],
  claim: Claim,
  before: { attempts: number; due_at: number | null },
  error: string,
  wait: (attempts: number) => number,
): Promise<void> {
  const attempts = before.attempts + 1
  await held(db, claim)
    .set({
      attempts,
      last_error: error.slice(0, 500),
      due_at: before.due_at === null ? null : Date.now() + wait(attempts),
      lease: null,
      leased_until: null,
    })
    .execute()
}

const held = (db: Store['db'], { project, user, lease }: Claim) =>
  db.updateTable('person').where('project', '=', project).where('user', '=', user).where('lease', '=', lease)

/** A user of the queue, for an operator. */
export interface QueuedUser {
  user: string
  dueAt: number
  reason: string | undefined
  /** Whether a worker is at it. */
  claimed: boolean
  attempts: number
  lastError: string | undefined
}

/** The users of a project whose profiles are due, or will be, the soonest first. */
export async function listQueue({ db }: Store, scope: Scope, { limit }: { limit: number }): Promise<QueuedUser[]> {
  wholeProject(scope)
  const rows = await db
    .selectFrom('person')
    .select(['user', 'due_at', 'due_reason', 'leased_until', 'attempts', 'last_error'])
    .where('project', '=', scope.project)
    .where('due_at', 'is not', null)
    .orderBy('due_at')
    .orderBy('user')
    .limit(limit)
    .execute()
  return rows.map((row) => ({
    user: row.user,
    dueAt: row.due_at!,
    reason: row.due_reason ?? undefined,
    claimed: (row.leased_until ?? 0) > Date.now(),
    attempts: row.attempts,
    lastError: row.last_error ?? undefined,
  }))
}

/** Of all projects: users due now, since when the first of them, and when a worker was last there. */
export async function queueState({ db }: Store): Promise<{
  due: number
  oldestDueAt: number | undefined
  workerSeenAt: number | undefined
}> {
  const { due, oldest } = await db
    .withoutPlugins()
    .selectFrom('person')
    .select(({ fn }) => [fn.countAll<number>().as('due'), fn.min('due_at').as('oldest')])
    .where('due_at', '<=', Date.now())
    .executeTakeFirstOrThrow()
  const { seen } = await db
    .selectFrom('worker')
    .select(({ fn }) => fn.max('seen_at').as('seen'))
    .executeTakeFirstOrThrow()
  return { due, oldestDueAt: oldest ?? undefined, workerSeenAt: seen ?? undefined }
}

/** Notes that a worker is there, with the generator that it writes by. */
export async function workerSeen({ db }: Store, id: string, writer: string): Promise<void> {
  const row = { id, seen_at: Date.now(), writer }
  await db
    .insertInto('worker')
    .values(row)
    .onConflict((existing) => existing.column('id').doUpdateSet(row))
    .execute()
}

/** Takes a worker off the list, and those that have not been seen for a day. */
export async function workerGone({ db }: Store, id: string): Promise<void> {
  await db
    .deleteFrom('worker')
    .where(({ or, eb }) => or([eb('id', '=', id), eb('seen_at', '<', Date.now() - 86_400_000)]))
    .execute()
}
