// `bump mcp`: profiles for an assistant that starts its tools as programs: MCP on stdin and stdout.
import { Command } from 'commander'
import { BumpError } from '../util/errors.ts'
import { say } from './shared/terminal.ts'

interface McpFlags {
  db?: string
  project: string
  server?: string
  user?: string
  record?: boolean
}

const HELP = `
With --server the key is read from BUMP_KEY, and bounds what the assistant can do; best is one that is for its user
alone. With --db everything about --user can be read, corrected and erased. Without --user the assistant names the user
of every call: for assistants of operators only.

Examples:
  bump mcp --db bump.sqlite --user u7
  BUMP_KEY=bump_… bump mcp --server https://bump.firm --user u7
`

/** `bump mcp`. */
export function mcpCommand(): Command {
  return new Command('mcp')
    .description('profiles for an assistant, by the Model Context Protocol on stdin and stdout')
    .option('--db <where>', 'the database: a file, or a postgres:// address')
    .option('--project <id>', 'the project in the database', 'default')
    .option('--server <address>', 'a running bump serve, instead of a database')
    .option('--user <id>', 'the user whom all is about; the assistant can name no other')
    .option('--record', 'let the assistant store what the user says')
    .addHelpText('after', HELP)
    .action(runMcpCommand)
}

async function runMcpCommand({ db, project, server, user, record = false }: McpFlags): Promise<void> {
  if ((db === undefined) === (server === undefined))
    throw new BumpError('invalid-options', '--db or --server: give one of them')
  if (server !== undefined) {
    const key = process.env.BUMP_KEY
    if (!key) throw new BumpError('invalid-options', '--server: there is no key in BUMP_KEY')
    if (!/^https?:\/\//.test(server) || !URL.canParse(server))
      throw new BumpError('invalid-options', `--server: "${server}" is no http(s) address`)
    const [{ BumpClient }, { serveMcp }] = await Promise.all([
      import('../client/client.ts'),
      import('../serve/mcp/stdio.ts'),
    ])
    say(`MCP for ${server}`)
    return await serveMcp({ client: new BumpClient({ url: server, key }), user, record })
  }
  const [{ openStore }, { accessOfStore, serveMcp }] = await Promise.all([
    import('../store/open.ts'),
    import('../serve/mcp/stdio.ts'),
  ])
  const store = await openStore(db!)
  try {
    say(`MCP for ${store.name}`)
    await serveMcp(accessOfStore(store, { project, user, record }))
  } finally {
    await store.close()
  }
}
