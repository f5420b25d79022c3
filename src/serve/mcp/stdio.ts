// MCP on stdin and stdout, over a server by its client, or over a store in this process.
import { StdioServerTransport, serveStdio } from '@modelcontextprotocol/server/stdio'
import { BumpClient } from '../../client/client.ts'
import type { Store } from '../../store/open.ts'
import { innerFetch } from '../app.ts'
import { serverMetrics } from '../metrics.ts'
import { type McpAccess, mcpServer } from './server.ts'

/** What the owner of a store may do about a user, or about all of a project where none is named. */
export function accessOfStore(
  store: Store,
  { project, user, record }: { project: string; user: string | undefined; record: boolean },
): McpAccess {
  const never = { expiresAt: undefined, revokedAt: undefined, lastUsedAt: undefined }
  const fetch = innerFetch(store, serverMetrics())({ id: 'mcp', project, role: 'write', user, createdAt: 0, ...never })
  return { client: new BumpClient({ url: 'http://bump', key: '', fetch, retries: 0 }), user, role: 'write', record }
}

/** Serves until stdin ends. */
export async function serveMcp(access: McpAccess): Promise<void> {
  const transport = new StdioServerTransport()
  const ended = new Promise((resolve) => process.stdin.once('close', resolve).once('end', resolve))
  const connection = serveStdio(() => mcpServer(access), { transport })
  await ended
  await connection.close()
}
