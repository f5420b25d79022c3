// A sample of a project's users with what they wrote, as measurements on a project need it.
import { seedFrom, shuffled } from '../util/random.ts'
import { latestIncluded } from './interactions.ts'
import type { Store } from './open.ts'
import { READ } from './refresh.ts'
import { type Scope, wholeProject } from './scope.ts'

/** A user and the latest texts, oldest first. */
export interface SampledUser {
  user: string
  texts: string[]
}

/**
 * At most `limit` users with at least so many interactions that are not excluded, and profiling on: always the same
 * ones of the same store. Throws BumpError (`not-found`) where the scope is one user's.
 */
export async function sampleUsers(
  { db }: Store,
  scope: Scope,
  { limit, interactions }: { limit: number; interactions: number },
): Promise<SampledUser[]> {
  wholeProject(scope)
  const { project } = scope
  const rows = await db
    .selectFrom('person')
    .select('user')
    .where('project', '=', project)
    .where('profiling', '=', 'on')
    .where('n', '>=', interactions)
    .orderBy('user')
    .execute()
  const users: SampledUser[] = []
  for (const { user } of shuffled(rows, seedFrom('sample')).slice(0, limit)) {
    const latest = await latestIncluded(db, { project, user }, READ)
    users.push({ user, texts: latest.map(({ text }) => text) })
  }
  return users
}
