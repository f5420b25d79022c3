// What holds of a store whatever happened to the processes on it.
import type { Store } from '../../src/store/open.ts'
import type { Findings } from './check.ts'
import { SCOPE } from './filled.ts'

/** Each version has a text, and sources that are there; versions are counted; nobody is claimed. */
export async function wholeVersions({ db }: Store, found: Findings): Promise<void> {
  const persons = await db.selectFrom('person').selectAll().where('project', '=', SCOPE.project).execute()
  const versions = await db.selectFrom('profile').selectAll().where('project', '=', SCOPE.project).execute()
  const sources = await db
    .selectFrom('profile_source as s')
    .innerJoin('interaction as i', (join) =>
      join.onRef('i.project', '=', 's.project').onRef('i.user', '=', 's.user').onRef('i.id', '=', 's.interaction'),
    )
    .select(['s.user', 's.version'])
    .distinct()
    .where('s.project', '=', SCOPE.project)
    .where('i.project', '=', SCOPE.project)
    .execute()
  found.figure('versions', versions.length)
  const sourced = new Set(sources.map(({ user, version }) => `${user} ${version}`))
  const torn = versions.filter(({ user, version, text }) => !text || !sourced.has(`${user} ${version}`))
  found.holds(torn.length === 0, `${torn.length} versions have no text or no sources, such as ${torn[0]?.user}`)
  for (const { user, last_version } of persons) {
    const own = versions.filter((version) => version.user === user)
    found.holds(own.length === last_version, `${user} has ${own.length} versions and counts ${last_version}`)
  }
  const claimed = persons.filter(({ lease }) => lease !== null)
  found.holds(claimed.length === 0, `${claimed.length} users are claimed by nobody`)
}

/** The same, and so many users have a published profile, and none is due. */
export async function wholeProfiles(store: Store, users: number, found: Findings): Promise<void> {
  await wholeVersions(store, found)
  const persons = await store.db.selectFrom('person').selectAll().where('project', '=', SCOPE.project).execute()
  const without = persons.filter(({ published_version }) => published_version === null)
  found.holds(persons.length === users, `${persons.length} users are there, not ${users}`)
  found.holds(without.length === 0, `${without.length} users have no profile, such as ${without[0]?.user}`)
  const due = persons.filter(({ due_at }) => due_at !== null)
  found.holds(due.length === 0, `${due.length} users are due still, such as ${due[0]?.user}: ${due[0]?.last_error}`)
}
