// A generator that was trained anew takes over from the one that wrote what is served: first it is compared with it,
// then it rewrites the profiles when there is nothing else to do.
import { seedFrom, shuffled } from '../util/random.ts'
import type { Interval } from '../util/stats.ts'
import { audited } from './audit.ts'
import type { Store } from './open.ts'
import type { Scope } from './scope.ts'

/** Milliseconds in which a worker was seen that is there now. */
const THERE = 60_000

/** What came of comparing a generator with what is served. */
export interface WriterVerdict {
  passed: boolean
  users: number
  /** New less served by user, with its 95% interval; undefined where too few users could be compared. */
  difference: Interval | undefined
}

/** Users whose served profile another generator wrote. */
function ofOthers({ db }: Store, { project }: Scope, writer: string) {
  return db
    .selectFrom('person as p')
    .innerJoin('profile as v', (join) =>
      join
        .onRef('v.project', '=', 'p.project')
        .onRef('v.user', '=', 'p.user')
        .onRef('v.version', '=', 'p.published_version'),
    )
    .select('p.user')
    .where('p.project', '=', project)
    .where('v.project', '=', project)
    .where('p.profiling', '=', 'on')
    .where('v.origin', '=', 'generated')
    .where('v.writer', '!=', writer)
    .orderBy('p.user')
}

/** Whether the served profile of some user was written by another generator. */
export async function hasOthers(store: Store, scope: Scope, writer: string): Promise<boolean> {
  return (await ofOthers(store, scope, writer).limit(1).execute()).length > 0
}

/** At most `limit` users whose served profile another generator wrote: a sample that is the same each time. */
export async function sampleOfOthers(store: Store, scope: Scope, writer: string, limit: number): Promise<string[]> {
  const rows = await ofOthers(store, scope, writer).execute()
  return shuffled(rows, seedFrom('writer', writer))
    .slice(0, limit)
    .map(({ user }) => user)
}

/** The verdict on a generator, which is given once; undefined before. */
export async function writerVerdict({ db }: Store, { project }: Scope, writer: string): Promise<boolean | undefined> {
  const row = await db
    .selectFrom('audit')
    .select('details')
    .where('project', '=', project)
    .where('action', '=', 'writer.compared')
    .where('details', 'like', `%"writer":"${writer}"%`)
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row && (JSON.parse(row.details) as { passed: boolean }).passed
}

/** Keeps the verdict in the audit, where the operator finds it. */
export async function keepVerdict(
  { db }: Store,
  scope: Scope,
  writer: string,
  { passed, users, difference }: WriterVerdict,
): Promise<void> {
  await audited(db, scope, 'writer.compared', { writer, passed, users, ...difference })
}

/**
 * Makes up to `limit` users due whose served profile another generator wrote, each once for each generator. While
 * workers with different generators are there none is: they would take turns at the same users.
 */
export async function dueForWriter(store: Store, scope: Scope, writer: string, limit: number): Promise<void> {
  const { db } = store
  const { project } = scope
  const now = Date.now()
  const others = await db
    .selectFrom('worker')
    .select('id')
    .where('seen_at', '>', now - THERE)
    .where('writer', '!=', writer)
    .limit(1)
    .execute()
  if (others.length > 0) return
  const rows = await ofOthers(store, scope, writer)
    .where('p.due_at', 'is', null)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('profile as own')
            .select('own.version')
            .where('own.project', '=', project)
            .whereRef('own.user', '=', 'p.user')
            .where('own.writer', '=', writer),
        ),
      ),
    )
    .limit(limit)
    .execute()
  for (const { user } of rows)
    await db
      .updateTable('person')
      .set({ due_at: now, due_reason: 'writer' })
      .where('project', '=', project)
      .where('user', '=', user)
      .where('due_at', 'is', null)
      .execute()
}
