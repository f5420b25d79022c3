// `bump logs inspect`: what is in a log, how it would be read, and what would be left out, before any training.
import { Command } from 'commander'
import { logFormats } from '../logs/formats/formats.ts'
import { inspectLogs, type LogInspection, type Spread } from '../logs/inspect.ts'
import { excerpt } from '../logs/issues.ts'
import { DEFAULT_MIN_INTERACTIONS } from '../logs/split.ts'
import type { LogReport } from '../logs/types.ts'
import { positiveInteger } from './shared/flag-values.ts'
import { addReadingFlags, type LogFlags, sourceOptions } from './shared/log-flags.ts'
import { print } from './shared/terminal.ts'

const EXAMPLES = `
Each of --user, --time and --text is a column name or an SQL expression (DuckDB) over the columns of the log. Without
them, columns of usual names are taken: user, user_id, userId; time, ts, timestamp, date; text. Logs without a time
keep the order of the file.

Examples:
  bump logs inspect reviews.jsonl
  bump logs inspect reviews.parquet --user user_id --time ts --text "title || ': ' || body"
  bump logs inspect "exports/2024-*.csv.gz" --user "lower(email)" --min-interactions 10
  bump logs inspect https://example.org/posts.jsonl.gz --text "coalesce(text, title)"
  bump logs inspect train_questions.json --text title        LaMP: the items of each user's profile
  bump logs inspect ratings.csv --with items=movies.csv --text "(select title from items where items.id = rows.movie_id)"
  bump logs inspect app.db --query "select author as user, posted as time, body as text from posts"
  bump logs inspect postgres://db.example.org/app --query "select * from posts" --user author --text body
  bump logs inspect reviews.jsonl --json > inspection.json`

interface InspectOptions extends LogFlags {
  minInteractions: number
  heldOut: number
  json?: boolean
}

/** The command `logs` with its one subcommand; errors are `BumpError`s for the caller to print. */
export function logsCommand(): Command {
  const logs = new Command('logs').description('Look at interaction logs')
  const inspect = logs
    .command('inspect')
    .description('Show what is in logs, how they are read, and what would be skipped and why')
    .argument(
      '<logs...>',
      `files, globs, addresses or databases, plain, gzip or zstd (${logFormats()
        .map(({ title }) => title)
        .join(', ')})`,
    )
  addReadingFlags(inspect)
    .option('--min-interactions <n>', 'users with fewer are skipped', positiveInteger, DEFAULT_MIN_INTERACTIONS)
    .option('--held-out <n>', 'latest interactions held out per user', positiveInteger, 1)
    .option('--json', 'print one JSON object')
    .addHelpText('after', EXAMPLES)
    .action(async (paths: string[], options: InspectOptions) => {
      const { minInteractions, heldOut, json } = options
      const inspection = await inspectLogs({ paths, ...sourceOptions(options) }, { minInteractions, heldOut })
      print(json ? `${JSON.stringify(inspection, null, 2)}\n` : describeInspection(inspection))
    })
  return logs
}

/** The inspection as text for a terminal. */
function describeInspection(inspection: LogInspection): string {
  const { report, split, timeSpan } = inspection
  const { mapping } = report
  const lines = [
    ...fileLines(report.files),
    '',
    ...report.tables.flatMap(tableLines),
    `columns        ${excerpt(report.columns.join(', '), 200)}`,
    `read as        user: ${mapping.user}   time: ${mapping.time ?? 'none (file order)'}   text: ${mapping.text}`,
    `users          ${number(report.users)}`,
    `interactions   ${number(report.interactions)}${report.merged > 0 ? ` (${number(report.merged)} further copies merged)` : ''}`,
    `per user       ${spread(inspection.interactionsPerUser)}`,
    `text length    ${spread(inspection.textLength)} characters`,
    `time span      ${timeSpan === undefined ? 'no times' : `${written(timeSpan.from)} to ${written(timeSpan.to)}`}`,
    `duplicates     ${number(inspection.duplicates)} repeat an earlier text of the same user`,
    `digest         ${inspection.digest}`,
    ...(report.notes.length === 0 ? [] : ['', 'Decided from the logs:', ...report.notes.map((note) => `  ${note}`)]),
    '',
    report.issues.length === 0 ? 'Problems: none' : 'Problems:',
    ...report.issues.flatMap((issue) => [
      `  ${issue.kind}: ${number(issue.count)} (${issue.effect})`,
      ...issue.examples.map((example) => `    ${example}`),
    ]),
    '',
    `A split with at least ${count(split.options.minInteractions, 'interaction')} a user and ${split.options.heldOut} held out keeps ` +
      `${number(split.users)} of ${count(report.users, 'user')}:`,
    ...Object.entries(split.skipped).flatMap(([reason, skipped]) =>
      skipped.count === 0
        ? []
        : [
            `  skipped, ${reason.replaceAll('-', ' ')}: ${number(skipped.count)}`,
            ...skipped.examples.map((example) => `    ${example}`),
          ],
    ),
    `  late interactions dropped because they repeat an earlier text: ${number(split.droppedHeldOut)}`,
    '',
    'Samples:',
    ...inspection.samples.flatMap((sample) => [
      `  user ${excerpt(sample.user, 40)}  ${sample.time === undefined ? 'no time' : written(sample.time)}`,
      `    ${excerpt(sample.text, 300)}`,
    ]),
  ]
  return `${lines.join('\n')}\n`
}

/** A catalogue: its columns with their types, and how its files were read. */
function tableLines({ name, columns, rows, files }: LogReport['tables'][number]): string[] {
  const list = columns.map((column) => `${column.name} ${column.type}`).join(', ')
  return [
    `table          ${name}: ${count(rows, 'row')} (${excerpt(list, 200)})`,
    ...fileLines(files).map((line) => `  ${line}`),
  ]
}

/** The first files, a line each, and how many more there are. */
function fileLines(files: LogReport['files']): string[] {
  const shown = files
    .slice(0, 20)
    .map(
      ({ name, format, records, reading }) =>
        `${name}  ${format}, ${count(records, 'row')}${reading === undefined ? '' : ` (${reading})`}`,
    )
  return files.length > shown.length ? [...shown, `and ${files.length - shown.length} more files`] : shown
}

const number = (value: number) => value.toLocaleString('en-US')
const count = (value: number, noun: string) => `${number(value)} ${noun}${value === 1 ? '' : 's'}`
const spread = ({ min, median, p90, max }: Spread) =>
  `min ${number(min)}, median ${number(median)}, p90 ${number(p90)}, max ${number(max)}`

function written(time: number): string {
  const date = new Date(time)
  if (Number.isNaN(date.getTime())) return `${time} ms`
  return date
    .toISOString()
    .replace(/T00:00:00\.000Z$/, '')
    .replace(/\.000Z$/, 'Z')
}
