// `bump serve import`: a store filled from any log that bump reads.
import { Command } from 'commander'
import { openLogs } from '../logs/open.ts'
import { BumpError } from '../util/errors.ts'
import { addLogFlags, type LogFlags, reportLines, sourceOptions } from './shared/log-flags.ts'
import { interruptible } from './shared/process.ts'
import { print, say } from './shared/terminal.ts'

interface ImportFlags extends LogFlags {
  db: string
  project: string
  logs: string[]
}

const HELP = `
Users, times and texts are stored; other columns stay where they are. A log that is imported again adds what is new.

Examples:
  bump serve import --db bump.sqlite --logs posts.jsonl
  bump serve import --db bump.sqlite --project shop --logs 'reviews-*.csv' --user customer --text "title || ': ' || body"
`

/** `bump serve import`. */
export function serveImportCommand(): Command {
  const command = new Command('import')
    .description('store the interactions of a log')
    .requiredOption('--db <where>', 'the database: a file, or a postgres:// address')
    .option('--project <id>', 'project that they belong to; it is made where there is none', 'default')
  return addLogFlags(command).addHelpText('after', HELP).action(importLogs)
}

async function importLogs(flags: ImportFlags): Promise<void> {
  if (flags.logs === undefined) throw new BumpError('invalid-options', '--logs is required: what is imported?')
  const { openStore } = await import('../store/open.ts')
  const { ensureProject } = await import('../store/projects.ts')
  const { importUsers } = await import('../serve/import.ts')
  await interruptible(
    () => say('ending; what was stored stays, and the same command goes on'),
    async (signal) => {
      const logs = await openLogs(flags.logs, { ...sourceOptions(flags), signal })
      try {
        for (const line of reportLines(logs.report)) say(line)
        const store = await openStore(flags.db)
        try {
          await ensureProject(store, flags.project)
          const scope = { project: flags.project, actor: 'cli' }
          const { accepted, duplicates, rejected } = await importUsers(store, scope, logs.users(), {
            signal,
            onProgress: (done) => say(`stored ${done} of ${logs.report.interactions} interactions`, true),
          })
          print(`${accepted} interactions stored, ${duplicates} there before\n`)
          for (const [reason, count] of rejected) say(`  not stored: ${count}, as ${reason}`)
        } finally {
          await store.close()
        }
      } finally {
        logs.close()
      }
    },
  )
}
