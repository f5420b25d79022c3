// How browsers reach this server.
import type { Context } from 'hono'

/** `https://bump.firm`: the address of a request, https also where something before the server ends the encryption. */
export function originOf(c: Context): string {
  const { protocol, host } = new URL(c.req.url)
  const encrypted = protocol === 'https:' || c.req.header('x-forwarded-proto') === 'https'
  return `${encrypted ? 'https' : 'http'}://${host}`
}

/** Names of this machine alone. */
export const LOOPBACK = /^(127(\.\d+){3}|\[?::1\]?|localhost)$/
