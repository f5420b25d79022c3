// The flags that name interaction logs, and the report of what was wrong with them: shared by commands that read logs.
import { type Command, Option } from 'commander'
import { logFormatNames } from '../../logs/formats/formats.ts'
import { issueLines } from '../../logs/issues.ts'
import type { loadUsers } from '../../logs/load.ts'
import type { LogReport } from '../../logs/types.ts'

export interface LogFlags {
  logs?: string[]
  format?: string
  user?: string
  time?: string
  text?: string
}

/** Of commands that read the logs of a run. */
export interface TrustFlags {
  trust?: boolean
}

/** Adds --logs, --format, --user, --time and --text. */
export function addLogFlags(command: Command): Command {
  return command
    .option('--logs <paths...>', 'interaction logs: files, globs or addresses')
    .addOption(
      new Option('--format <format>', 'format of the logs (default: told from name and content)').choices(
        logFormatNames(),
      ),
    )
    .option('--user <column>', 'column or SQL expression of the user')
    .option('--time <column>', 'column or SQL expression of the time')
    .option('--text <column>', 'column or SQL expression of the text')
}

/** Adds --trust. */
export function addTrustFlag(command: Command): Command {
  return command.option('--trust', "run a run's SQL expressions although they were never used on this machine")
}

/** What was read, with every problem found in the logs, as lines. */
export function reportLines(report: LogReport & Partial<Awaited<ReturnType<typeof loadUsers>>['report']>): string[] {
  const skipped = Object.entries(report.skipped ?? {}).filter(([, { count }]) => count > 0)
  return [
    `${report.interactions} interactions of ${report.users} users`,
    ...report.notes.map((note) => `  ${note}`),
    ...issueLines(report.issues),
    ...skipped.map(([reason, { count, examples }]) => `  ${reason}: ${count} users skipped, such as ${examples[0]}`),
    ...(report.droppedHeldOut
      ? [`  ${report.droppedHeldOut} late interactions repeat earlier ones: not held out`]
      : []),
  ]
}
