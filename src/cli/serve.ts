// `bump serve`: the API and the proxy over a store of profiles, and beside it the worker that writes them. What it
// needs is loaded when it runs: it starts nothing else of bump later.
import { Command } from 'commander'
import { BumpError } from '../util/errors.ts'
import { serveImportCommand } from './serve-import.ts'
import { serveKeysCommand } from './serve-keys.ts'
import { serveSettingsCommand } from './serve-settings.ts'
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
  run?: string
  model?: string
  encoder?: string
}

const HELP = `
The database is a file, made where there is none, or a server of Postgres. bump serve import fills it from logs.
Profiles are written with --run or --model, or by bump worker, here or on other machines.

Examples:
  bump serve keys create --db bump.sqlite --role admin
  bump serve --db bump.sqlite --run runs/reviews
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
    .option(
      '--run <folder>',
      'run folder of bump train: its generator writes the profiles, in a process beside the server',
    )
    .option('--model <where>', 'untrained model that writes them instead: a folder, a .gguf file or a hub name')
    .option('--encoder <where>', 'sentence encoder that judges them (default: the model that writes them)')
    .addHelpText('after', HELP)
    .action(serve)
    .addCommand(serveKeysCommand())
    .addCommand(serveSettingsCommand())
    .addCommand(serveImportCommand())
}

async function serve(flags: ServeFlags): Promise<void> {
  const { db, host, port, auth, project, rateLimit, upstream, upstreamContext } = flags
  if (db === undefined) throw new BumpError('invalid-options', '--db is required: where are the profiles?')
  if (upstream === undefined && upstreamContext !== undefined)
    throw new BumpError('invalid-options', '--upstream-context belongs to --upstream: give the address of the server')
  const writer = workerArguments(db, flags)
  const [{ default: pino }, { startWorkerProcess }, { openStore }, { ensureProject }, { startServer }] =
    await Promise.all([
      import('pino'),
      import('../serve/worker/start.ts'),
      import('../store/open.ts'),
      import('../store/projects.ts'),
      import('../serve/server.ts'),
    ])
  const store = await openStore(db)
  try {
    if (!auth) await ensureProject(store, project)
    const log = pino(pino.destination(2))
    const server = await startServer({
      ...{ store, host, port, requestsPerMinute: rateLimit, contextTokens: upstreamContext },
      log,
      openProject: auth ? undefined : project,
      upstream: upstream === undefined ? undefined : { baseUrl: upstream, apiKey: process.env.OPENAI_API_KEY },
    })
    const worker =
      writer &&
      startWorkerProcess({
        args: writer,
        onEvent: (event) => log.info(event, 'worker'),
        onProblem: (line) => log.warn(line),
      })
    await interruptible(
      () => say('ending when the requests in progress are answered; press Ctrl-C again to stop at once'),
      async (signal) => {
        print(`${server.address}\n`)
        say(`serving ${store.name}; ${server.address}/openapi.json describes the API`)
        await aborted(signal)
        await Promise.all([server.stop(), worker?.stop()])
      },
    )
  } finally {
    await store.close()
  }
}

/** The arguments of the worker beside the server; undefined where none is asked for. */
function workerArguments(db: string, { run, model, encoder }: ServeFlags): string[] | undefined {
  if (run !== undefined && model !== undefined)
    throw new BumpError('invalid-options', 'give either --run (a trained generator) or --model (an untrained one)')
  const generator = run === undefined ? model && ['--model', model] : ['--run', run]
  if (generator) return ['--db', db, ...generator, ...(encoder === undefined ? [] : ['--encoder', encoder])]
  if (encoder !== undefined)
    throw new BumpError('invalid-options', '--encoder judges what --run or --model writes: name one of them')
  return undefined
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
