// `bump serve`: the API and the proxy over a store of profiles. What it needs is loaded when it runs: it starts nothing
// else of bump later.
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import type { ServerPrice } from '../model/served.ts'
import { BumpError } from '../util/errors.ts'
import { serveCalibrateCommand } from './serve-calibrate.ts'
import { serveImportCommand } from './serve-import.ts'
import { serveKeysCommand } from './serve-keys.ts'
import { serveSettingsCommand } from './serve-settings.ts'
import { naturalNumber, positiveInteger } from './shared/flag-values.ts'
import { addGeneratorFlags, checkGeneratorFlags, type GeneratorFlags, namesGenerator } from './shared/generator.ts'
import { interruptible } from './shared/process.ts'
import { print, say } from './shared/terminal.ts'

interface ServeFlags extends GeneratorFlags {
  demo?: boolean
  encoder?: string
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
The database is a file, made where there is none, or a server of Postgres. bump serve import fills it from logs. With
--run, --model or --server the profiles are written by a process beside the server; without, bump worker writes them.

Examples:
  bump serve --demo
  bump serve keys create --db bump.sqlite --role admin
  bump serve --db bump.sqlite --run runs/reviews --upstream https://api.openai.com/v1
  bump serve --db postgres://bump@db.firm/bump --host 0.0.0.0 --rate-limit 6000
`

/** `bump serve` and what belongs to it. */
export function serveCommand(): Command {
  const command = new Command('serve')
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
    .option('--demo', 'the bundled log and the nano model, in a database that goes at the end; prints a key')
  return addGeneratorFlags(command)
    .option('--encoder <where>', 'sentence encoder that judges texts before they are published')
    .addHelpText('after', HELP)
    .action(serve)
    .addCommand(serveKeysCommand())
    .addCommand(serveSettingsCommand())
    .addCommand(serveCalibrateCommand())
    .addCommand(serveImportCommand())
}

async function serve(flags: ServeFlags): Promise<void> {
  if (flags.demo) {
    const { withDemo } = await import('../serve/demo.ts')
    if (flags.db !== undefined || namesGenerator(flags))
      throw new BumpError(
        'invalid-options',
        '--demo brings its own database and model: leave out --db, --run, --model and --server',
      )
    return await withDemo(async ({ db, key, user, ...generator }) => {
      await serveStore({ ...flags, db, ...generator }, (address) => {
        say(`Profiles are there within a minute. Key: ${key}`)
        say(`  pages  ${address}/ui`)
        say(`  API    curl -H 'authorization: Bearer ${key}' ${address}/v1/users/${user}/profile`)
      })
    })
  }
  const { db } = flags
  if (db === undefined) throw new BumpError('invalid-options', '--db is required: where are the profiles?')
  if (namesGenerator(flags)) checkGeneratorFlags(flags)
  await serveStore({ ...flags, db })
}

async function serveStore(flags: ServeFlags & { db: string }, onReady?: (address: string) => void): Promise<void> {
  const { db, host, port, auth, project, rateLimit, upstream, upstreamContext } = flags
  if (upstream === undefined && upstreamContext !== undefined)
    throw new BumpError('invalid-options', '--upstream-context belongs to --upstream: give the address of the server')
  const [{ default: pino }, { openStore }, { ensureProject }, { logPrinted }, { startServer }] = await Promise.all([
    import('pino'),
    import('../store/open.ts'),
    import('../store/projects.ts'),
    import('../serve/printed.ts'),
    import('../serve/server.ts'),
  ])
  const store = await openStore(db)
  const log = pino(pino.destination(2))
  logPrinted(log)
  try {
    if (!auth) await ensureProject(store, project)
    const server = await startServer({
      ...{ store, log, host, port, requestsPerMinute: rateLimit, contextTokens: upstreamContext },
      openProject: auth ? undefined : project,
      upstream: upstream === undefined ? undefined : { baseUrl: upstream, apiKey: process.env.OPENAI_API_KEY },
      worker: !namesGenerator(flags) ? undefined : { program: BUMP, args: workerArguments(flags) },
    })
    await interruptible(
      () => say('ending when the requests in progress are answered; press Ctrl-C again to stop at once'),
      async (signal) => {
        print(`${server.address}\n`)
        say(`serving ${store.name}; ${server.address}/openapi.json describes the API`)
        onReady?.(server.address)
        const failed = await Promise.race([aborted(signal), server.workerFailed.then(() => true)])
        await server.stop()
        if (failed) throw new BumpError('model-unusable', 'the worker could not begin: see what it said above')
      },
    )
  } finally {
    await store.close()
  }
}

/** The program of `bump` itself. */
const BUMP = fileURLToPath(new URL('../../bin/bump.mjs', import.meta.url))

/** The command line of the worker that belongs to these flags. */
function workerArguments(flags: ServeFlags & { db: string }): string[] {
  const values = flags as unknown as Record<string, unknown>
  const given = addGeneratorFlags(new Command()).options.flatMap((option) => {
    const value = values[option.attributeName()]
    if (value === undefined) return []
    return [option.long!, asGiven(option.long!, value)]
  })
  return ['worker', '--db', flags.db, ...given, ...(flags.encoder === undefined ? [] : ['--encoder', flags.encoder])]
}

/** A flag's value in the words of the command line. */
function asGiven(flag: string, value: unknown): string {
  if (flag === '--memory') return `${Number(value) / 1e6}MB`
  if (flag !== '--server-price') return String(value)
  const { read, written } = value as ServerPrice
  return `${read},${written}`
}

function aborted(signal: AbortSignal): Promise<false> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(false)
    else signal.addEventListener('abort', () => resolve(false), { once: true })
  })
}
