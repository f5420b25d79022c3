// Whose data a call is about. Every function of the store takes a scope first, and a user is a part of it: no function
// reads all users where a caller forgets to name one.
import { BumpError } from '../util/errors.ts'

/** One tenant, and who acts. */
export interface Scope {
  project: string
  /** Set where the caller may name this one user only. */
  user?: string
  /** Who acts, for the audit: a key's id, 'worker', 'cli'. */
  actor: string
}

/** One user of a tenant. */
export interface UserScope extends Scope {
  user: string
}

/** What is done about a user: profiles are written, not at all, or kept as a person wrote them. */
export const PROFILING = ['on', 'off', 'frozen'] as const
export type Profiling = (typeof PROFILING)[number]

/**
 * The scope of one user. Throws BumpError (`not-found`) where the scope is bound to another user: whether that one
 * exists is nobody's business.
 */
export function ofUser(scope: Scope, user: string): UserScope {
  if (scope.user !== undefined && scope.user !== user) throw noUser()
  return { ...scope, user }
}

/** Throws BumpError (`not-found`) where the scope is bound to a user, and the work is about the whole project. */
export function wholeProject(scope: Scope): void {
  if (scope.user !== undefined) throw new BumpError('not-found', 'this key is bound to one user')
}

/** The same for users of others, deleted ones, and such as never were. */
export const noUser = () => new BumpError('not-found', 'there is no such user')
