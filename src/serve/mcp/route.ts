// MCP over HTTP at /mcp, for clients of the protocol of 2026 and of 2025: each request by itself, nothing kept between.
import type { McpHttpHandler } from '@modelcontextprotocol/server'
import type { Context } from 'hono'
import { BumpClient } from '../../client/client.ts'
import type { KeyInfo } from '../../store/keys.ts'
import { personOf, type ServeEnv } from '../auth.ts'
import type { McpAccess } from './server.ts'

/** The API as the holder of a key has it, without a socket. */
export type InnerFetch = (key: KeyInfo) => (url: string, init: RequestInit) => Promise<Response>

/**
 * Answers what comes to /mcp, after authentication. Whom it is about: the key's user, or that of the header
 * `x-bump-user`; a model names users only where neither is there.
 */
export function mcpRoute(inner: InnerFetch): (c: Context<ServeEnv>) => Promise<Response> {
  let handler: Promise<McpHttpHandler> | undefined
  return async (c) => {
    const key = c.get('key')
    const access: McpAccess = {
      client: new BumpClient({ url: 'http://bump', key: '', fetch: inner(key), retries: 0 }),
      user: personOf(c, key.role)?.user,
      role: key.role,
      record: c.req.header('x-bump-record') === 'user',
    }
    handler ??= handlerOf()
    const authInfo = { token: '', clientId: key.id, scopes: [], extra: { access } }
    return await (await handler).fetch(c.req.raw, { authInfo })
  }
}

/** Made when it is first used: a server that nobody asks for MCP does not load it. */
async function handlerOf(): Promise<McpHttpHandler> {
  const [{ createMcpHandler }, { mcpServer }] = await Promise.all([
    import('@modelcontextprotocol/server'),
    import('./server.ts'),
  ])
  // Nothing of a connection changes, so there is nothing to listen for.
  return createMcpHandler(({ authInfo }) => mcpServer(authInfo?.extra?.access as McpAccess), { maxSubscriptions: 0 })
}
