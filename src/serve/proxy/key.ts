// A project's own key of the upstream. The store holds the name of an environment variable: a copy of the database
// gives no key away, and there is no other secret that would have to be kept to read it.
import type { Store } from '../../store/open.ts'
import { readProject } from '../../store/projects.ts'
import { Problem } from '../problem.ts'

/**
 * undefined where the project uses the server's. Throws Problem where its variable is not set: no other key is used.
 */
export async function upstreamKeyOf(store: Store, project: string): Promise<string | undefined> {
  const { upstreamKey } = (await readProject(store, { project, actor: 'proxy' })).settings
  if (upstreamKey === undefined) return undefined
  const key = process.env[upstreamKey]
  if (key) return key
  throw new Problem('unavailable', `the server has no key of the upstream for this project: set ${upstreamKey} there`)
}
