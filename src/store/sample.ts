// A sample of a project's users with what they wrote, as measurements on a project need it.
import { seedFrom, shuffled } from '../util/random.ts'
import { latestIncluded } from './interactions.ts'
import type { Store } from './open.ts'
import { READ } from './refresh.ts'
import { type Scope, type UserScope, wholeProject } from './scope.ts'

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
  store: Store,
  scope: Scope,
  { limit, interactions }: { limit: number; interactions: number },
): Promise<SampledUser[]> {
  wholeProject(scope)
  const { project } = scope
  const rows = await store.db
    .selectFrom('person')
    .select('user')
    .where('project', '=', project)
    .where('profiling', '=', 'on')
    .where('n', '>=', interactions)
    .orderBy('user')
    .execute()
  const users: SampledUser[] = []
  for (const { user } of shuffled(rows, seedFrom('sample')).slice(0, limit))
    users.push({ user, texts: await latestTexts(store, { ...scope, user }) })
  return users
}

/** The latest texts of a user that are not excluded, oldest first. */
export async function latestTexts({ db }: Store, scope: UserScope): Promise<string[]> {
  return (await latestIncluded(db, scope, READ)).map(({ text }) => text)
}
