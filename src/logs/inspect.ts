// A look at logs before anything is trained on them: what is there, what would be skipped, and why.
import { requireOptions } from '../util/required.ts'
import { checkSource } from './check-source.ts'
import { openLogs } from './dataset.ts'
import { parseExact } from './json-record.ts'
import { SkipCounter, type SkipReport } from './load.ts'
import { normaliseText } from './normalise.ts'
import { neededInteractions, splitUser, type UserSplitOptions } from './split.ts'
import type { LogReport, LogSource } from './types.ts'
import { UserFile } from './user-file.ts'

/** Smallest, middle and high values of a count over interactions or users. */
export interface Spread {
  min: number
  median: number
  p90: number
  max: number
}

export interface LogInspection {
  report: LogReport
  digest: string
  /** Characters per text. */
  textLength: Spread
  interactionsPerUser: Spread
  /** Milliseconds since 1970; undefined where no record has a time. */
  timeSpan: { from: number; to: number } | undefined
  /** Interactions whose normalised text the same user has earlier. */
  duplicates: number
  /** What the split with the given options would leave out, and how many users it would keep. */
  split: SkipReport & { users: number; options: UserSplitOptions }
  /** Five records of five users where there are so many, the same ones each time. */
  samples: { user: string; time: number | undefined; text: string; metadata: Record<string, unknown> }[]
}

/**
 * Reads logs as training does and describes them; a path alone takes columns of usual names. `options`: the split that
 * is tried, by default a run's. Throws `BumpError` where the logs cannot be used at all.
 */
export async function inspectLogs(
  logs: LogSource | string,
  options: UserSplitOptions = { heldOut: 1, minInteractions: 4 },
): Promise<LogInspection> {
  requireOptions('inspectLogs()', { logs }, ['logs'])
  const source = typeof logs === 'string' ? { paths: [logs] } : logs
  checkSource('inspectLogs()', source)
  requireOptions('inspectLogs()', source, ['paths'])
  const dataset = await openLogs(source)
  try {
    const [lengths] = await dataset.query(`SELECT ${spreadSql('length(text)')} FROM interactions`)
    const [perUser] = await dataset.query(
      `SELECT ${spreadSql('n')} FROM (SELECT count(*) AS n FROM interactions GROUP BY user_id)`,
    )
    const [span] = await dataset.query('SELECT min(time) AS low, max(time) AS high FROM interactions')
    const samples = await dataset.query(
      `SELECT user_id, time, text, metadata FROM (
         SELECT *, row_number() OVER (PARTITION BY user_id ORDER BY md5(text), position) AS nth FROM interactions
         WHERE user_id IN (SELECT user_id FROM (SELECT DISTINCT user_id FROM interactions) ORDER BY md5(user_id) LIMIT 5))
       ORDER BY nth, md5(user_id), user_id LIMIT 5`,
    )
    const skips = new SkipCounter()
    let kept = 0
    let duplicates = 0
    const needed = neededInteractions(options)
    const file = await UserFile.write(dataset)
    try {
      for await (const user of file.users()) {
        if (!user.mayRepeat && user.count >= needed) {
          kept++
          continue
        }
        const interactions = file.interactions(user)
        duplicates += interactions.length - new Set(interactions.map(({ text }) => normaliseText(text))).size
        if (skips.take(user.id, splitUser(user.id, interactions, options)) !== undefined) kept++
      }
    } finally {
      file.close()
    }
    return {
      report: dataset.report,
      digest: await dataset.digest(),
      textLength: spreadOf(lengths),
      interactionsPerUser: spreadOf(perUser),
      timeSpan: span.low === null ? undefined : { from: Number(span.low), to: Number(span.high) },
      duplicates,
      split: { ...skips.report, users: kept, options },
      samples: samples.map((row) => ({
        user: String(row.user_id),
        time: row.time === null ? undefined : Number(row.time),
        text: String(row.text),
        metadata: parseExact(String(row.metadata)) as Record<string, unknown>,
      })),
    }
  } finally {
    dataset.close()
  }
}

const spreadSql = (value: string) =>
  `min(${value}) AS low, quantile_disc(${value}, 0.5) AS middle, quantile_disc(${value}, 0.9) AS high, max(${value}) AS top`

function spreadOf(row: Record<string, unknown>): Spread {
  return { min: Number(row.low), median: Number(row.middle), p90: Number(row.high), max: Number(row.top) }
}
