// How browsers reach this server, and which of them may not.
import type { Context, MiddlewareHandler } from 'hono'
import { Problem } from './problem.ts'

/** `https://bump.firm`: the address of a request, https also where something before the server ends the encryption. */
export function originOf(c: Context): string {
  const { protocol, host } = new URL(c.req.url)
  const encrypted = protocol === 'https:' || c.req.header('x-forwarded-proto') === 'https'
  return `${encrypted ? 'https' : 'http'}://${host}`
}

/** Names of this machine alone. */
export const LOOPBACK = /^(127(\.\d+){3}|\[?::1\]?|localhost)$/

/** Refuses what pages of other origins send: they may not call with what a browser holds or reaches. */
export const ownOrigin: MiddlewareHandler = async (c, next) => {
  const origin = c.req.header('origin')
  if (origin !== undefined && origin !== originOf(c))
    throw new Problem('forbidden', 'the request is of a page of another origin')
  await next()
}

/**
 * Refuses requests that name another host than this machine: a name that a page has pointed here is its own origin, and
 * would have the browser of this machine read to it whatever a server without keys gives.
 */
export const ownHost: MiddlewareHandler = async (c, next) => {
  if (!LOOPBACK.test(new URL(c.req.url).hostname))
    throw new Problem('forbidden', 'without keys this address is for the names of this machine alone')
  await next()
}
