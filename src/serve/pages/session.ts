// Who reads a page: the holder of a key, which a cookie carries that no script and no other site can use. Each request
// looks the key up anew, so that a revoked or expired one ends the session.
import type { Context, MiddlewareHandler } from 'hono'
import { deleteCookie, getCookie, setCookie } from 'hono/cookie'
import type { KeyInfo } from '../../store/keys.ts'
import type { FindKey, ServeEnv } from '../auth.ts'
import { originOf } from '../origin.ts'
import { Problem } from '../problem.ts'

/** Seconds that a browser keeps the key of an operator. */
const KEPT = 12 * 3600

/** One way to read pages: under a path, by keys of one kind. */
export interface Door {
  /** `/ui` or `/me`. */
  path: string
  cookie: string
  /** Whether a key opens it. */
  opens: (key: KeyInfo) => boolean
}

/** Of operators: keys of a whole project that may read. */
export const OPERATOR: Door = {
  path: '/ui',
  cookie: 'bump_key',
  opens: ({ role, user }) => user === undefined && ['read', 'write', 'admin'].includes(role),
}

/** Of the person whom a profile is about: keys that are for this one user. */
export const PERSON: Door = {
  path: '/me',
  cookie: 'bump_me',
  opens: ({ role, user }) => user !== undefined && ['read', 'write'].includes(role),
}

/** Lets a page be read by whom its door opens to. Throws Problem `unauthenticated`. */
export function session(find: FindKey, { cookie, opens }: Door): MiddlewareHandler<ServeEnv> {
  return async (c, next) => {
    const key = await find(getCookie(c, cookie))
    if (key === undefined || !opens(key)) throw new Problem('unauthenticated')
    c.set('key', key)
    await next()
  }
}

/** Keeps a key in the browser if it opens the door; false where it does not. */
export async function enter(c: Context<ServeEnv>, find: FindKey, door: Door, key: string): Promise<boolean> {
  const info = await find(key)
  if (info === undefined || !door.opens(info)) return false
  const left = info.expiresAt === undefined ? KEPT : Math.floor((info.expiresAt - Date.now()) / 1000)
  setCookie(c, door.cookie, key, {
    path: door.path,
    httpOnly: true,
    sameSite: 'Strict',
    secure: originOf(c).startsWith('https:'),
    maxAge: Math.max(0, Math.min(KEPT, left)),
  })
  return true
}

export function leave(c: Context<ServeEnv>, { cookie, path }: Door): void {
  deleteCookie(c, cookie, { path })
}
