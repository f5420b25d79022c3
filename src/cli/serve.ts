// `bump serve`: the API and the proxy over a store of profiles. What it needs is loaded when it runs: it starts nothing
// else of bump later.
import { Command } from 'commander'
import { BumpError } from '../util/errors.ts'
import { serveImportCommand } from './serve-import.ts'
import { serveKeysCommand } from './serve-keys.ts'
import { naturalNumber, positiveInteger } from './shared/flag-values.ts'
import { interruptible } from './shared/process.ts'
import { print, say } from './shared/terminal.ts'

interface ServeFlags {
  db?: string
  host: string
  port: number
  auth: boolean
  project: string
  rateLimit?: number
  upstream?: string
  upstreamContext?: number
}

const HELP = `
The database is a file, made where there is none, or a server of Postgres. bump serve import fills it from logs.

Examples:
  bump serve keys create --db bump.sqlite --role admin
  bump serve --db bump.sqlite --upstream https://api.openai.com/v1
  bump serve --db postgres://bump@db.firm/bump --host 0.0.0.0 --rate-limit 6000
`

/** `bump serve` and what belongs to it. */
export function serveCommand(): Command {
  return new Command('serve')
    .description('serve profiles: HTTP API and OpenAI-compatible proxy')
    .enablePositionalOptions()
    .option('--db <where>', 'the database: a file, or a postgres:// address')
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--port <number>', 'port to listen on; 0 takes a free one', naturalNumber, 8080)
    .option('--no-auth', 'take requests without a key, for --project, from this machine alone')
    .option('--project <id>', 'the project of requests without a key', 'default')
    .option('--rate-limit <requests>', 'requests a minute that one key may make (default: no limit)', positiveInteger)
    .option(
      '--upstream <address>',
      'an OpenAI-compatible API: requests to /openai/v1 go there with the profile of their user (key in OPENAI_API_KEY)',
    )
    .option('--upstream-context <tokens>', 'tokens that its models read: longer requests go without', positiveInteger)
    .addHelpText('after', HELP)
    .action(serve)
    .addCommand(serveKeysCommand())
    .addCommand(serveImportCommand())
}

async function serve(flags: ServeFlags): Promise<void> {
  const { db, host, port, auth, project, rateLimit, upstream, upstreamContext } = flags
  if (db === undefined) throw new BumpError('invalid-options', '--db is required: where are the profiles?')
  if (upstream === undefined && upstreamContext !== undefined)
    throw new BumpError('invalid-options', '--upstream-context belongs to --upstream: give the address of the server')
  const [{ default: pino }, { openStore }, { ensureProject }, { startServer }] = await Promise.all([
    import('pino'),
    import('../store/open.ts'),
    import('../store/projects.ts'),
    import('../serve/server.ts'),
  ])
  const store = await openStore(db)
  try {
    if (!auth) await ensureProject(store, project)
    const server = await startServer({
      ...{ store, host, port, requestsPerMinute: rateLimit, contextTokens: upstreamContext },
      log: pino(pino.destination(2)),
      openProject: auth ? undefined : project,
      upstream: upstream === undefined ? undefined : { baseUrl: upstream, apiKey: process.env.OPENAI_API_KEY },
    })
    await interruptible(
      () => say('ending when the requests in progress are answered; press Ctrl-C again to stop at once'),
      async (signal) => {
        print(`${server.address}\n`)
        say(`serving ${store.name}; ${server.address}/openapi.json describes the API`)
        await aborted(signal)
        await server.stop()
      },
    )
  } finally {
    await store.close()
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
