// `bump serve import`: a store filled from any log that bump reads.
import { Command } from 'commander'
import { openLogs } from '../logs/open.ts'
import type { Store } from '../store/open.ts'
import { BumpError } from '../util/errors.ts'
import { addLogFlags, type LogFlags, reportLines, sourceOptions } from './shared/log-flags.ts'
import { interruptible } from './shared/process.ts'
import { print, say } from './shared/terminal.ts'

type ImportFlags = LogFlags & {
  db: string
  project: string
  logs?: string[]
  profiles?: string
}

const HELP = `
Users, times and texts are stored; other columns stay where they are. A log that is imported again adds what is new.
--profiles takes a file of bump profile: its texts become the first versions of users who have interactions here, once
what no profile may say is taken out. Until a user's next refresh that text is served.

Examples:
  bump serve import --db bump.sqlite --logs posts.jsonl
  bump serve import --db bump.sqlite --logs posts.jsonl --profiles profiles.jsonl
  bump serve import --db bump.sqlite --project shop --logs 'reviews-*.csv' --user customer --text "title || ': ' || body"
`

/** `bump serve import`. */
export function serveImportCommand(): Command {
  const command = new Command('import')
    .description('store the interactions of a log')
    .requiredOption('--db <where>', 'the database: a file, or a postgres:// address')
    .option('--project <id>', 'project that they belong to; it is made where there is none', 'default')
  return addLogFlags(command)
    .option('--profiles <file>', 'profiles of bump profile, published as first versions')
    .addHelpText('after', HELP)
    .action(importLogs)
}

async function importLogs(flags: ImportFlags): Promise<void> {
  const { logs: paths, profiles } = flags
  if (paths === undefined && profiles === undefined)
    throw new BumpError('invalid-options', '--logs is required, or --profiles: what is imported?')
  const { openStore } = await import('../store/open.ts')
  const { ensureProject } = await import('../store/projects.ts')
  await interruptible(
    () => say('ending; what was stored stays, and the same command goes on'),
    async (signal) => {
      const store = await openStore(flags.db)
      try {
        await ensureProject(store, flags.project)
        if (paths !== undefined) await importInteractions(store, { ...flags, logs: paths }, signal)
        if (profiles !== undefined) await importFile(store, flags.project, profiles, signal)
      } finally {
        await store.close()
      }
    },
  )
}

async function importInteractions(
  store: Store,
  flags: ImportFlags & { logs: string[] },
  signal: AbortSignal,
): Promise<void> {
  const { importUsers } = await import('../serve/import.ts')
  const logs = await openLogs(flags.logs, { ...sourceOptions(flags), signal })
  try {
    for (const line of reportLines(logs.report)) say(line)
    const scope = { project: flags.project, actor: 'cli' }
    const { accepted, duplicates, rejected } = await importUsers(store, scope, logs.users(), {
      signal,
      onProgress: (done) => say(`stored ${done} of ${logs.report.interactions} interactions`, true),
    })
    print(`${accepted} interactions stored, ${duplicates} there before\n`)
    for (const [reason, count] of rejected) say(`  not stored: ${count}, as ${reason}`)
  } finally {
    logs.close()
  }
}

async function importFile(store: Store, project: string, file: string, signal: AbortSignal): Promise<void> {
  const { importProfiles } = await import('../serve/import-profiles.ts')
  const found = await importProfiles(store, { project, actor: 'cli' }, file, signal)
  print(`${found.published} profiles published, ${found.there} users had one\n`)
  if (found.unknown > 0)
    say(`  not published: ${found.unknown}, as the users have no interactions here, or profiling is off`)
  if (found.refused > 0) say(`  not published: ${found.refused}, as nothing is left of the text that may be said`)
}
