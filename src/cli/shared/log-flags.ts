// The flags that name interaction logs, and the report of what was wrong with them: shared by commands that read logs.
import { type Command, Option } from 'commander'
import { logFormatNames } from '../../logs/formats/formats.ts'
import { issueLines } from '../../logs/issues.ts'
import type { loadUsers } from '../../logs/load.ts'
import type { LogReport, LogSource } from '../../logs/types.ts'
import { BumpError } from '../../util/errors.ts'
import { collectNamed } from './flag-values.ts'

export interface LogFlags {
  logs?: string[]
  query?: string
  format?: string
  user?: string
  time?: string
  text?: string
  delimiter?: string
  quote?: string
  escape?: string
  headerLine?: string
  columns?: string[]
  with?: Record<string, string>
}

/** Of commands that read the logs of a run. */
export interface TrustFlags {
  trust?: boolean
}

/** What the flags say about the logs but for where they are. */
export function sourceOptions(flags: LogFlags): Omit<LogSource, 'paths'> {
  return {
    query: flags.query,
    format: flags.format,
    user: flags.user,
    time: flags.time,
    text: flags.text,
    delimiter: flags.delimiter,
    quote: flags.quote,
    escape: flags.escape,
    headerLine: flags.headerLine === undefined ? undefined : Number(flags.headerLine),
    columns: flags.columns,
    with: flags.with,
  }
}

/** The logs that the flags name. Throws BumpError (`invalid-options`) where flags say how logs are read that are not named. */
export function logsOf(flags: LogFlags): LogSource | undefined {
  if (flags.logs) return { paths: flags.logs, ...sourceOptions(flags) }
  const [idle] = Object.entries(sourceOptions(flags)).find(([, value]) => value !== undefined) ?? []
  if (idle === undefined) return undefined
  const flag = idle.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
  throw new BumpError(
    'invalid-options',
    `--${flag} does nothing here: it says how --logs are read. Name the logs, or leave it out for those of the run`,
  )
}

/** Adds --logs, and the flags that say how logs are read. */
export function addLogFlags(command: Command): Command {
  return addReadingFlags(
    command.option('--logs <paths...>', 'interaction logs: files, globs, addresses or databases (--query)'),
  )
}

/** Adds --format, --user, --time, --text, and how CSV and TSV are written. */
export function addReadingFlags(command: Command): Command {
  return command
    .option('--query <select>', 'of databases (SQLite files, postgres:// addresses): the rows that are the log')
    .addOption(
      new Option('--format <format>', 'format of the logs (default: told from name and content)').choices(
        logFormatNames(),
      ),
    )
    .option('--user <column>', 'column or SQL expression of the user')
    .option('--time <column>', 'column or SQL expression of the time')
    .option('--text <column>', 'column or SQL expression of the text')
    .option(
      '--with <table=file>',
      'a file, glob or address that the expressions may join as a table (repeatable)',
      collectNamed,
    )
    .option(
      '--delimiter <characters>',
      'of CSV: between fields (\\t is a tab; default: told from the file, as those below)',
    )
    .option('--quote <character>', "of CSV and TSV: around fields; '' where quotes are letters")
    .option('--escape <character>', "of CSV and TSV: before a quote that is a letter; '' where such quotes are doubled")
    .option('--header-line <n>', 'of CSV and TSV: line of the header; 0: none, the columns are column0, column1, ...')
    .option(
      '--columns <names>',
      'of CSV and TSV without a header: a name for each field, with commas between',
      (text) => text.split(','),
    )
}

/** Adds --trust. */
export function addTrustFlag(command: Command): Command {
  return command.option('--trust', "run a run's SQL although it was never used on this machine")
}

/** Notes that are shown: logs of many files may have one for each. */
const MAX_NOTES = 10

/** What was read, with every problem found in the logs, as lines. */
export function reportLines(report: LogReport & Partial<Awaited<ReturnType<typeof loadUsers>>['report']>): string[] {
  const skipped = Object.entries(report.skipped ?? {}).filter(([, { count }]) => count > 0)
  return [
    `${report.interactions} interactions of ${report.users} users`,
    ...report.notes.slice(0, MAX_NOTES).map((note) => `  ${note}`),
    ...(report.notes.length > MAX_NOTES ? [`  and ${report.notes.length - MAX_NOTES} more decisions`] : []),
    ...issueLines(report.issues),
    ...skipped.map(([reason, { count, examples }]) => `  ${reason}: ${count} users skipped, such as ${examples[0]}`),
    ...(report.droppedHeldOut
      ? [`  ${report.droppedHeldOut} late interactions repeat earlier ones: not held out`]
      : []),
  ]
}
