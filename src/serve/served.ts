// What is served of a person: the only way from a user to a text, for the API, the proxy and MCP.
import { denialsOf } from '../store/corrections.ts'
import { cutDenied } from '../store/deny.ts'
import type { Store } from '../store/open.ts'
import { readProfile, readVersion, type ServedProfile } from '../store/profiles.ts'
import type { UserScope } from '../store/scope.ts'
import { SERVABLE } from '../store/withdraw.ts'
import { BumpError } from '../util/errors.ts'

/**
 * The profile of a user for a model; undefined where there is no such user, or nothing is served. `pinned`: the version
 * that a conversation began with; where that one may not be served any more, the present one is in its place.
 */
export async function profileForModel(
  store: Store,
  scope: UserScope,
  pinned?: number,
): Promise<ServedProfile | undefined> {
  const profile = await orNone(readProfile(store, scope))
  if (profile?.status !== 'published') return undefined
  if (pinned === undefined || pinned === profile.version) return profile
  const other = await orNone(readVersion(store, scope, pinned))
  if (other?.text === undefined || !SERVABLE.includes(other.status)) return profile
  return { ...profile, version: pinned, text: cutDenied(other.text, await denialsOf(store.db, scope)) }
}

async function orNone<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work
  } catch (error) {
    if (BumpError.isInstance(error) && error.code === 'not-found') return undefined
    throw error
  }
}
