// Times as logs write them -> milliseconds since 1970, without guessing from the machine's locale or time zone.

/** How bare numbers of a time column are meant: calendar years, dates like 20240131, or time since 1970. */
export type NumericTime = 'year' | 'yyyymmdd' | 'epoch'

/** Decides from the smallest and largest bare number of the column; a whole column is meant one way. */
export function numericTimeOf(min: number, max: number): NumericTime {
  if (Number.isInteger(min) && Number.isInteger(max)) {
    if (min >= 1000 && max <= 2999) return 'year'
    if (
      min >= 1800_01_01 &&
      max <= 2999_12_31 &&
      dateFromDigits(min) !== undefined &&
      dateFromDigits(max) !== undefined
    )
      return 'yyyymmdd'
  }
  return 'epoch'
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const CLOCK = String.raw`(?:[T\s,]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s*(am|pm)?)?`
const ZONE = String.raw`\s*(Z|UTC|GMT|[+-]\d{2}:?\d{2}|[+-]\d{2})?(?:\s*\([A-Za-z ]+\))?`
const WEEKDAY = String.raw`(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,?\s+)?`

const ISO = new RegExp(String.raw`^([+-]?\d{4,6})[-/.](\d{1,2})(?:[-/.](\d{1,2})${CLOCK}${ZONE})?$`, 'i')
const DAY_MONTH_YEAR = new RegExp(String.raw`^(\d{1,2})([./-])(\d{1,2})\2(\d{4})${CLOCK}${ZONE}$`, 'i')
const AMAZON = /^(\d{1,2}) (\d{1,2}), (\d{4})$/
const DAY_NAME_YEAR = new RegExp(
  String.raw`^${WEEKDAY}(\d{1,2})(?:st|nd|rd|th)?[\s-]+([a-z]{3,9})\.?,?[\s-]+(\d{4})${CLOCK}${ZONE}$`,
  'i',
)
const NAME_DAY_YEAR = new RegExp(
  String.raw`^${WEEKDAY}([a-z]{3,9})\.?\s+(\d{1,2})(?:st|nd|rd|th)?,?\s+(\d{4})${CLOCK}${ZONE}$`,
  'i',
)
/** `Wed Oct 10 20:19:24 +0000 2018`, as social networks and `ctime` write it. */
const CTIME = new RegExp(
  String.raw`^${WEEKDAY}([a-z]{3})\s+(\d{1,2})\s+(\d{1,2}):(\d{2}):(\d{2})\s*(?:(UTC|GMT|[+-]\d{4})\s+)?(\d{4})$`,
  'i',
)
const MONTH_YEAR = /^([a-z]{3,9})\.?,?\s+(\d{4})$/i

/**
 * Milliseconds since 1970 of a written time, or undefined where it is none. Accepts ISO 8601 (also `2024-01`, a space
 * for T, slashes), numbers (seconds, milli-, micro- or nanoseconds since 1970 by size; years or yyyymmdd where
 * `numeric` says so), `31.12.2024`, `12/31/2024` (month first unless that cannot be), `Dec 31, 2024`, RFC 2822 and
 * ctime. Without a zone, UTC.
 */
export function parseTime(written: string, numeric: NumericTime = 'epoch'): number | undefined {
  const text = written.trim()
  if (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) return fromNumber(Number(text), numeric)
  let m = ISO.exec(text)
  if (m) return build(m[1], m[2], m[3] ?? '1', m.slice(4, 9), m[9])
  m = DAY_MONTH_YEAR.exec(text)
  if (m) {
    const dayFirst = m[2] === '.' || Number(m[1]) > 12
    return build(m[4], dayFirst ? m[3] : m[1], dayFirst ? m[1] : m[3], m.slice(5, 10), m[10])
  }
  m = AMAZON.exec(text)
  if (m) return build(m[3], m[1], m[2], [], undefined)
  m = DAY_NAME_YEAR.exec(text)
  if (m) return build(m[3], monthOf(m[2]), m[1], m.slice(4, 9), m[9])
  m = NAME_DAY_YEAR.exec(text)
  if (m) return build(m[3], monthOf(m[1]), m[2], m.slice(4, 9), m[9])
  m = CTIME.exec(text)
  if (m) return build(m[7], monthOf(m[1]), m[2], [m[3], m[4], m[5]], m[6])
  m = MONTH_YEAR.exec(text)
  if (m) return build(m[2], monthOf(m[1]), '1', [], undefined)
  return undefined
}

function fromNumber(value: number, numeric: NumericTime): number | undefined {
  if (numeric === 'year') return build(String(value), '1', '1', [], undefined)
  if (numeric === 'yyyymmdd') return dateFromDigits(value)
  const size = Math.abs(value)
  if (size < 1e11) return Math.round(value * 1e3)
  if (size < 1e14) return Math.round(value)
  if (size < 1e17) return Math.round(value / 1e3)
  if (size < 1e20) return Math.round(value / 1e6)
  return undefined
}

function dateFromDigits(value: number): number | undefined {
  const digits = String(value)
  return build(digits.slice(0, 4), digits.slice(4, 6), digits.slice(6), [], undefined)
}

function monthOf(name: string): string {
  const lower = name.toLowerCase()
  const index = MONTHS.indexOf(lower.slice(0, 3))
  const full = ['january', 'february', 'march', 'april', 'may', 'june', 'july', 'august', 'september', 'october']
  const known = [...full, 'november', 'december'][index]
  return index >= 0 && (lower === 'sept' || known.startsWith(lower)) ? String(index + 1) : '0'
}

/** `clock`: hour, minute, second, fraction, am/pm, each possibly undefined. */
function build(
  yearText: string,
  monthText: string,
  dayText: string,
  clock: (string | undefined)[],
  zone: string | undefined,
): number | undefined {
  const [year, month, day] = [Number(yearText), Number(monthText), Number(dayText)]
  const [hourText, minuteText, secondText, fraction, half] = clock
  let hour = Number(hourText ?? 0)
  if (half !== undefined) {
    if (hour < 1 || hour > 12) return undefined
    hour = (hour % 12) + (half.toLowerCase() === 'pm' ? 12 : 0)
  }
  const minute = Number(minuteText ?? 0)
  // A leap second counts as the last second of its minute.
  const second = Math.min(59, Number(secondText ?? 0) === 60 ? 59 : Number(secondText ?? 0))
  if (hour > 23 || minute > 59 || Number(secondText ?? 0) > 60) return undefined
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  if (date.getUTCFullYear() !== year || date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined
  const milliseconds = Math.floor(Number(`0.${fraction ?? '0'}`) * 1000)
  const time = date.getTime() + ((hour * 60 + minute) * 60 + second) * 1000 + milliseconds - zoneOffset(zone)
  return Number.isFinite(time) ? time : undefined
}

/** Milliseconds that a zone like `+02:00` is ahead of UTC. */
function zoneOffset(zone: string | undefined): number {
  const m = zone === undefined ? null : /^([+-])(\d{2}):?(\d{2})?$/.exec(zone)
  return m ? (m[1] === '-' ? -1 : 1) * (Number(m[2]) * 60 + Number(m[3] ?? 0)) * 60_000 : 0
}
