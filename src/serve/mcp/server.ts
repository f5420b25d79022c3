// bump as a server of the Model Context Protocol: tools, the profile as a resource, and a prompt with it. Everything is
// done by the API with the rights of one key, so that a model can reach nothing that the key's holder cannot.
import { type CallToolResult, McpServer, ResourceTemplate } from '@modelcontextprotocol/server'
import { z } from 'zod'
import { type BumpClient, BumpProblem } from '../../client/client.ts'
import { packageInfo } from '../../run/package-info.ts'
import { mayAs, type Role } from '../../store/keys.ts'
import { type McpTool, TOOLS } from './tools.ts'

/** On whose behalf a model calls. */
export interface McpAccess {
  /** With the key of the connection. */
  client: BumpClient
  /** The one user that all is about. Without one, every tool asks for a user: for assistants of operators only. */
  user?: string
  /** Of the key; undefined where the server alone knows: it refuses what the key may not. */
  role?: Role
  /** Whether the model may store what the user says. */
  record: boolean
}

/** A server for one request or one connection. */
export function mcpServer(access: McpAccess): McpServer {
  const { version } = packageInfo()
  const server = new McpServer({ name: 'bump', title: 'bump: profiles of users', version })
  for (const [name, tool] of Object.entries(TOOLS)) if (offered(name, tool, access)) addTool(server, name, tool, access)
  addProfile(server, access)
  return server
}

function offered(name: string, { needs, ofUser }: McpTool, { user, role, record }: McpAccess): boolean {
  if (name === 'record_interaction' && !record) return false
  return (role === undefined || mayAs(role, needs)) && (ofUser || user === undefined)
}

const userInput = { user: z.string().min(1).max(256).describe("The user's id.") }

function addTool(server: McpServer, name: string, tool: McpTool, { client, user }: McpAccess): void {
  const { title, description, readOnly = false, destructive = false, input, output } = tool
  server.registerTool(
    name,
    {
      ...{ title, description, outputSchema: output },
      // The user is the connection's: a model that was talked into it cannot name another one.
      inputSchema: z.strictObject(tool.ofUser && user === undefined ? { ...userInput, ...input } : input),
      annotations: { readOnlyHint: readOnly, destructiveHint: destructive, openWorldHint: false },
    },
    async ({ user: named, ...rest }: Record<string, unknown>): Promise<CallToolResult> => {
      try {
        const answer = await tool.run(client, user ?? String(named ?? ''), rest as never)
        const text = tool.text?.(answer as never) ?? JSON.stringify(answer)
        return { content: [{ type: 'text', text }], structuredContent: answer as Record<string, unknown> }
      } catch (error) {
        if (!(error instanceof BumpProblem)) throw error
        return { isError: true, content: [{ type: 'text', text: `${error.code}: ${error.message}` }] }
      }
    },
  )
}

/** The profile for what a person chooses by hand: a resource, and a prompt. */
function addProfile(server: McpServer, { client, user, role }: McpAccess): void {
  if (role !== undefined && !mayAs(role, 'read')) return
  const about = { title: 'The profile', description: 'What is known of the user, for a system message.' }
  const resource = { ...about, mimeType: 'text/plain' }
  const contents = async (uri: URL, of: string) => ({
    contents: [{ uri: uri.href, text: await client.profileBlock(of) }],
  })
  const prompt = async (of: string) => ({
    messages: [{ role: 'user' as const, content: { type: 'text' as const, text: await client.profileBlock(of) } }],
  })
  const personalise = { title: 'Personalise', description: 'Begin a conversation with what is known of the user.' }
  if (user !== undefined) {
    server.registerResource('profile', 'bump://profile', resource, (uri) => contents(uri, user))
    server.registerPrompt('personalise', personalise, () => prompt(user))
    return
  }
  const template = new ResourceTemplate('bump://users/{user}/profile', { list: undefined })
  server.registerResource('profile', template, resource, (uri, { user: of }) =>
    contents(uri, decodeURIComponent(String(of))),
  )
  const argsSchema = z.strictObject(userInput)
  server.registerPrompt('personalise', { ...personalise, argsSchema }, ({ user: of }) => prompt(of))
}
