// A generator that was trained anew rewrites the profiles of the old one, when there is nothing else to do.
import type { Store } from './open.ts'
import type { Scope } from './scope.ts'

/** Milliseconds in which a worker was seen that is there now. */
const THERE = 60_000

/**
 * Makes up to `limit` users due whose served profile another generator wrote, each once for each generator. While
 * workers with different generators are there none is: they would take turns at the same users.
 */
export async function dueForWriter({ db }: Store, { project }: Scope, writer: string, limit: number): Promise<void> {
  const now = Date.now()
  const others = await db
    .selectFrom('worker')
    .select('id')
    .where('seen_at', '>', now - THERE)
    .where('writer', '!=', writer)
    .limit(1)
    .execute()
  if (others.length > 0) return
  const rows = await db
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
    .where('p.due_at', 'is', null)
    .where('v.origin', '=', 'generated')
    .where('v.writer', '!=', writer)
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
    .orderBy('p.user')
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
