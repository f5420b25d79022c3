// Who asks: a key gives the project, the role and perhaps the one user. None of these is ever read from a path, a query
// or a body.
import type { Context, MiddlewareHandler } from 'hono'
import { type KeyInfo, mayAs, ROLES, type Role } from '../store/keys.ts'
import { ofUser, type Scope, type UserScope } from '../store/scope.ts'
import { idProblem } from '../store/text-input.ts'
import { Problem } from './problem.ts'

/** What the handlers of a request know of it. */
export interface ServeEnv {
  Variables: { requestId: string; key: KeyInfo }
}

/** Who holds a key; undefined where nobody does. */
export type FindKey = (key: string | undefined) => Promise<KeyInfo | undefined>

/**
 * Lets a request pass whose key somebody holds: that in `x-bump-key`, else the bearer of Authorization. Throws Problem
 * `unauthenticated`, the same for every kind of bad key.
 */
export function authentication(find: FindKey): MiddlewareHandler<ServeEnv> {
  return async (c, next) => {
    const bearer = /^Bearer +(\S+)$/i.exec(c.req.header('authorization') ?? '')?.[1]
    const key = await find(c.req.header('x-bump-key') ?? bearer)
    if (key === undefined)
      throw new Problem('unauthenticated', undefined, { 'www-authenticate': 'Bearer realm="bump"' })
    c.set('key', key)
    await next()
  }
}

/** The project of the key, if its role may do what `needed` may. Throws Problem `forbidden`. */
export function scopeOf(c: Context<ServeEnv>, needed: Role): Scope {
  const { id, project, role, user } = c.get('key')
  if (project === undefined || !mayAs(role, needed)) {
    const roles = ROLES.filter((other) => mayAs(other, needed))
    throw new Problem('forbidden', `a key of role ${role} may not do this: it takes ${roles.join(' or ')}`)
  }
  return { project, user, actor: id }
}

/** The same for one user of the project. Throws BumpError (`not-found`) where the key is for another user. */
export function userScopeOf(c: Context<ServeEnv>, needed: Role, user: string): UserScope {
  return ofUser(scopeOf(c, needed), user)
}

/**
 * Whom a request is about that has no user in its path: the header's, who must be the key's where the key has one; the
 * key's where there is no header. Throws Problem where the header is no id, or the key may not do this for this person.
 */
export function personOf(c: Context<ServeEnv>, needed: Role): UserScope | undefined {
  const named = c.req.header('x-bump-user')
  const scope = scopeOf(c, needed)
  const user = named ?? scope.user
  if (user === undefined) return undefined
  if (idProblem(user) !== undefined) throw new Problem('invalid-request', `x-bump-user: the id ${idProblem(user)}`)
  if (scope.user !== undefined && user !== scope.user)
    throw new Problem('forbidden', 'x-bump-user names another person than the key is for')
  return { ...scope, user }
}

/** The id of a root key, which makes projects. Throws Problem `forbidden` for every other one. */
export function rootOnly(c: Context<ServeEnv>): string {
  const { id, role } = c.get('key')
  if (role !== 'root') throw new Problem('forbidden', `a key of role ${role} may not do this: it takes root`)
  return id
}
