// How the times of a whole column are meant: one unit of numbers and one order of day and month, decided from all of its
// values, since single ones can be taken in several ways.
import type { DuckDBConnection } from '@duckdb/node-api'
import { query } from './database.ts'
import { excerpt } from './issues.ts'
import { EPOCH_UNITS, type EpochUnit, MAX_TIME, numericTimeOf, type TimeReading } from './time.ts'

const UNITS = Object.keys(EPOCH_UNITS) as EpochUnit[]
/** Milliseconds: times in between are likely, so a unit that gives most of them is likely. 1900 and 2100. */
const LIKELY = { from: Date.UTC(1900, 0), to: Date.UTC(2100, 0) }
/** Numbers that all lie before it are days, months or something else rather than a time. */
const EARLY = Date.UTC(1971, 0)
/** A unit whose size fewer numbers have than this share is that of stray values, not of the column. */
const STRAY = 0.01

const count = (value: unknown) => Number(value ?? 0)

/**
 * Reads the column `time` (SQL text over the view `rows`, called `name`) and decides. What was not plain is said in
 * `notes`.
 */
export async function timeReading(
  connection: DuckDBConnection,
  time: string,
  name: string,
  notes: string[],
): Promise<TimeReading> {
  const [{ texts }] = await query(
    connection,
    `SELECT count(*) AS texts FROM (SELECT ${time} AS w FROM rows) WHERE w IS NOT NULL AND TRY_CAST(w AS DOUBLE) IS NULL`,
  )
  return {
    ...(await numbers(connection, time, name, notes)),
    ...(count(texts) > 0 ? await dayFirst(connection, time, name, notes) : {}),
  }
}

async function numbers(
  connection: DuckDBConnection,
  time: string,
  name: string,
  notes: string[],
): Promise<Omit<TimeReading, 'dayFirst'>> {
  const perUnit = UNITS.flatMap((unit, i) => {
    const { length, below } = EPOCH_UNITS[unit]
    const from = i === 0 ? 0 : EPOCH_UNITS[UNITS[i - 1]].below
    const own = `FILTER (abs(n) >= ${from} AND abs(n) < ${below})`
    const likely = `FILTER (n * ${length} BETWEEN ${LIKELY.from} AND ${LIKELY.to})`
    return [
      `count(*) ${own} AS own_${unit}, min(n) ${own} AS low_${unit}, max(n) ${own} AS high_${unit}`,
      `count(*) ${likely} AS likely_${unit}`,
    ]
  })
  const [row] = await query(
    connection,
    `SELECT count(*) AS all_numbers, min(n) AS low, max(n) AS high, ${perUnit.join(', ')}
     FROM (SELECT TRY_CAST(${time} AS DOUBLE) AS n FROM rows) WHERE isfinite(n)`,
  )
  if (row.low === null) return {}
  const numeric = numericTimeOf(Number(row.low), Number(row.high))
  if (numeric !== 'epoch') return { numeric }
  const share = STRAY * count(row.all_numbers)
  const found = UNITS.filter((unit) => count(row[`own_${unit}`]) > 0)
  const likely = (unit: EpochUnit) => count(row[`likely_${unit}`])
  const candidates = found.filter((unit) => count(row[`own_${unit}`]) >= share)
  // All of a column may be of its unit's first years: by size, most of it then lies beyond 2100.
  const finer = UNITS[UNITS.indexOf(candidates[0]) + 1]
  if (candidates.length === 1 && finer !== undefined && likely(candidates[0]) * 2 <= count(row.all_numbers))
    candidates.push(finer)
  if (found.length < 2 && candidates.length < 2) {
    const [from, to] = [row.low, row.high].map((n) => Number(n) * EPOCH_UNITS[found[0]].length)
    if (to < EARLY || from > LIKELY.to) {
      const [first, last] = [from, to].map((at) => (Math.abs(at) <= MAX_TIME ? new Date(at).toISOString() : `${at} ms`))
      notes.push(
        `time ${excerpt(name)}: as ${found[0]} since 1970, numbers are times from ${first} to ${last}; their order counts, ` +
          'but if they are meant otherwise, give `time` as an expression',
      )
    }
    return { numeric }
  }
  const unit = candidates.reduce((best, next) => (likely(next) > likely(best) ? next : best))
  const { length } = EPOCH_UNITS[unit]
  const span = { from: Number(row[`low_${unit}`]) * length, to: Number(row[`high_${unit}`]) * length }
  const others = found.filter((other) => other !== unit).map((other) => `${count(row[`own_${other}`])} by ${other}`)
  notes.push(
    `time ${excerpt(name)}: numbers are ${unit} since 1970, for all of the column (by size alone, ${others.join(', ')}); ` +
      'only those that fall among its other times in a unit of their own are read in that',
  )
  return { numeric, unit, span }
}

const DAY_ONLY = '(1[3-9]|2[0-9]|3[01])'
const MONTH = '(0?[1-9]|1[0-2])'
const date = (first: string, second: string) => String.raw`^\s*${first}[./-]${second}[./-]\d{4}`
/** Days like 03/03/2024 are the same in either order. */
const SAME = String.raw`(regexp_extract(w, '^\s*0?(\d+)', 1) = regexp_extract(w, '^\s*\d+[./-]0?(\d+)', 1))`

async function dayFirst(
  connection: DuckDBConnection,
  time: string,
  name: string,
  notes: string[],
): Promise<Pick<TimeReading, 'dayFirst'>> {
  const proofs = {
    ...{ day: date(DAY_ONLY, MONTH), month: date(MONTH, DAY_ONLY), open: date(MONTH, MONTH) },
    short: String.raw`^\s*\d{1,2}[./-]\d{1,2}[./-]\d{2}\b`,
    swapped: String.raw`^\s*\d{4}[./-]${DAY_ONLY}[./-]${MONTH}\b`,
  }
  const selected = Object.entries(proofs).map(([key, pattern]) => {
    const filter = `FILTER (regexp_matches(w, '${pattern}')${key === 'open' ? ` AND NOT ${SAME}` : ''})`
    return `count(*) ${filter} AS ${key}, first(w) ${filter} AS ${key}_example`
  })
  const [row] = await query(connection, `SELECT ${selected.join(', ')} FROM (SELECT ${time} AS w FROM rows)`)
  const [days, months, open] = [count(row.day), count(row.month), count(row.open)]
  const example = (key: string) => excerpt(String(row[`${key}_example`]).trim(), 20)
  const part = `time ${excerpt(name)}`
  for (const [key, what, format] of [
    ['short', 'years of two digits are not read', '%d/%m/%y'],
    ['swapped', 'some dates have the day before the month, others may be read wrongly', '%Y-%d-%m'],
  ])
    if (count(row[key]) > 0)
      notes.push(
        `${part}: ${what} (${count(row[key])} such as ${example(key)}): give \`time\` as "strptime(${name}, '${format}')"`,
      )
  if (days + months + open === 0) return {}
  const order = (first: boolean) => (first ? 'day/month/year' : 'month/day/year')
  const cure = (first: boolean) => `give \`time\` as "strptime(${name}, '${first ? '%d/%m/%Y' : '%m/%d/%Y'}')"`
  if (days + months === 0) {
    const dots = /^\d+\./.test(example('open'))
    notes.push(
      `${part}: dates such as ${example('open')} are read as ${order(dots)}, but no date shows whether the day or the ` +
        `month comes first; if it is the other, ${cure(!dots)}`,
    )
    return {}
  }
  const first = days >= months
  if (days > 0 && months > 0) {
    notes.push(
      `${part}: some dates have the day first (${days} such as ${example('day')}) and some the month (${months} such as ` +
        `${example('month')}); the ${open} that could be either are read as ${order(first)}: read the sources apart`,
    )
  } else notes.push(`${part}: dates are read as ${order(first)}, as ${example(first ? 'day' : 'month')} shows`)
  return { dayFirst: first }
}
