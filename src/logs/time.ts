// Times as logs write them -> milliseconds since 1970, without guessing from the machine's locale or time zone.

/**
 * How bare numbers of a time column are meant: calendar years, dates like 20240131, those with a clock like
 * 20240131235959, or time since 1970.
 */
export type NumericTime = 'year' | 'yyyymmdd' | 'yyyymmddhhmmss' | 'epoch'

/** Decides from the smallest and largest bare number of the column; a whole column is meant one way. */
export function numericTimeOf(min: number, max: number): NumericTime {
  if (Number.isInteger(min) && Number.isInteger(max)) {
    if (min >= 1000 && max <= 2999) return 'year'
    const areDates = dateFromDigits(min) !== undefined && dateFromDigits(max) !== undefined
    if (areDates && min >= 1800_01_01 && max <= 2999_12_31) return 'yyyymmdd'
    if (areDates && min >= 1800_01_01_00_00_00 && max <= 2999_12_31_23_59_59) return 'yyyymmddhhmmss'
  }
  return 'epoch'
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const CLOCK = String.raw`(?:[T\s,]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s*([ap]\.?m\b\.?)?)?`
const OFFSET = String.raw`(?:UTC|GMT)?[+-]\d{1,2}(?::?\d{2})?`
const REGION = String.raw`[a-z]+(?:/[a-z_+-]+\d*){1,2}`
/** An offset, a name or a region; after an offset a name, mostly in brackets, repeats it. */
const ZONE = String.raw`\s*(?:(${OFFSET}|${REGION}|[a-z]{1,5})(?:\s*(?:\([^)]*\)|\[[^\]]*\]|(?<=\d)\s[A-Z]{3,5}))?)?`
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
  String.raw`^${WEEKDAY}([a-z]{3})\s+(\d{1,2})\s+(\d{1,2}):(\d{2}):(\d{2})\s*(?:(${OFFSET}|[a-z]{3,5})\s+)?(\d{4})$`,
  'i',
)
/** ISO 8601 without its separators. */
const COMPACT = new RegExp(String.raw`^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})?(?:[.,](\d{1,9}))?${ZONE}$`, 'i')
const MONTH_YEAR = /^([a-z]{3,9})\.?,?\s+(\d{4})$/i

/** How the times of a column are meant, where single ones can be taken in several ways. */
export interface TimeReading {
  /** What bare numbers are; time since 1970 where left out. */
  numeric?: NumericTime
  /** Unit of numbers since 1970; each number's own size tells where left out. */
  unit?: EpochUnit
  /**
   * Milliseconds between which the numbers lie whose size is that of `unit`: one of another size that falls in between
   * by its own size is of another unit.
   */
  span?: { from: number; to: number }
  /** Whether `03/02/2024` is the third of February; where left out, month first with slashes, day first with dots. */
  dayFirst?: boolean
}

/** Units of time since 1970, coarsest first: their length in milliseconds, and the size that numbers of it stay below. */
export const EPOCH_UNITS = {
  seconds: { length: 1e3, below: 1e11 },
  milliseconds: { length: 1, below: 1e14 },
  microseconds: { length: 1e-3, below: 1e17 },
  nanoseconds: { length: 1e-6, below: 1e20 },
} as const
export type EpochUnit = keyof typeof EPOCH_UNITS

/** The last and first moment of a `Date`. */
export const MAX_TIME = 8.64e15

/**
 * Milliseconds since 1970 of a written time, or undefined where it is none. Accepts ISO 8601 (also `2024-01`, a space
 * for T, slashes), numbers (see `TimeReading`), `31.12.2024`, `12/31/2024` (a number above 12 is the day, whatever the
 * reading), `Dec 31, 2024`, RFC 2822 and ctime; with offsets, the usual names of zones and regions such as
 * Europe/Berlin. Without a zone, UTC.
 */
export function parseTime(written: string, reading: TimeReading = {}): number | undefined {
  const text = written.trim()
  if (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) return fromNumber(Number(text), reading)
  let m = ISO.exec(text)
  if (m) return build(m[1], m[2], m[3] ?? '1', m.slice(4, 9), m[9])
  m = DAY_MONTH_YEAR.exec(text)
  if (m) {
    const [first, second] = [Number(m[1]), Number(m[3])]
    const dayFirst = first > 12 || (second <= 12 && (reading.dayFirst ?? m[2] === '.'))
    return build(m[4], dayFirst ? m[3] : m[1], dayFirst ? m[1] : m[3], m.slice(5, 10), m[10])
  }
  m = COMPACT.exec(text)
  if (m) return build(m[1], m[2], m[3], m.slice(4, 8), m[8])
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

function fromNumber(value: number, { numeric, unit, span }: TimeReading): number | undefined {
  if (numeric === 'year') return build(String(value), '1', '1', [], undefined)
  if (numeric === 'yyyymmdd' || numeric === 'yyyymmddhhmmss') return dateFromDigits(value)
  const own = unitOfSize(value)
  const bySize = own && inUnit(value, own)
  if (unit === undefined || unit === own || bySize === undefined) return bySize
  if (span !== undefined && bySize >= span.from && bySize <= span.to) return bySize
  const time = inUnit(value, unit)
  return Math.abs(time) <= MAX_TIME ? time : undefined
}

/** The unit in which a number is a time of the last or next three thousand years. */
function unitOfSize(value: number): EpochUnit | undefined {
  const units = Object.entries(EPOCH_UNITS) as [EpochUnit, { below: number }][]
  return units.find(([, { below }]) => Math.abs(value) < below)?.[0]
}

/** Division keeps the digits that multiplication with a fraction would lose. */
function inUnit(value: number, unit: EpochUnit): number {
  const { length } = EPOCH_UNITS[unit]
  return Math.round(length >= 1 ? value * length : value / Math.round(1 / length))
}

function dateFromDigits(value: number): number | undefined {
  const digits = String(value)
  const clock = [digits.slice(8, 10), digits.slice(10, 12), digits.slice(12)]
  return build(digits.slice(0, 4), digits.slice(4, 6), digits.slice(6, 8), digits.length > 8 ? clock : [], undefined)
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
    hour = (hour % 12) + (/^p/i.test(half) ? 12 : 0)
  }
  const minute = Number(minuteText ?? 0)
  // A leap second counts as the last second of its minute.
  const second = Math.min(59, Number(secondText ?? 0) === 60 ? 59 : Number(secondText ?? 0))
  if (hour > 23 || minute > 59 || Number(secondText ?? 0) > 60) return undefined
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  if (date.getUTCFullYear() !== year || date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined
  const milliseconds = Math.floor(Number(`0.${fraction ?? '0'}`) * 1000)
  const local = date.getTime() + ((hour * 60 + minute) * 60 + second) * 1000 + milliseconds
  const time = local - zoneOffset(zone, local)
  return Number.isFinite(time) ? time : undefined
}

/** Hours that zones are ahead of UTC, by the names that logs write; names of several zones (IST) are left out. */
const ZONES: Record<string, number> = {
  ...{
    z: 0,
    ut: 0,
    utc: 0,
    gmt: 0,
    wet: 0,
    west: 1,
    bst: 1,
    cet: 1,
    cest: 2,
    met: 1,
    mest: 2,
    eet: 2,
    eest: 3,
    msk: 3,
  },
  ...{
    sast: 2,
    hkt: 8,
    sgt: 8,
    awst: 8,
    jst: 9,
    kst: 9,
    aest: 10,
    aedt: 11,
    acst: 9.5,
    acdt: 10.5,
    nzst: 12,
    nzdt: 13,
  },
  ...{ est: -5, edt: -4, cst: -6, cdt: -5, mst: -7, mdt: -6, pst: -8, pdt: -7, akst: -9, akdt: -8, hst: -10, brt: -3 },
}

/** Milliseconds that a zone is ahead of UTC at this local time; NaN for an unknown one. */
function zoneOffset(zone: string | undefined, local: number): number {
  if (zone === undefined) return 0
  const m = /^(?:UTC|GMT)?([+-])(\d{1,2}):?(\d{2})?$/i.exec(zone)
  if (m) return (m[1] === '-' ? -1 : 1) * (Number(m[2]) * 60 + Number(m[3] ?? 0)) * 60_000
  if (!zone.includes('/')) return (ZONES[zone.toLowerCase()] ?? Number.NaN) * 3600_000
  // The zone's clock at the moment that UTC's clock shows this time, then at the moment so found.
  const first = regionOffset(zone, local)
  return regionOffset(zone, local - first)
}

const regions = new Map<string, Intl.DateTimeFormat | undefined>()

function regionOffset(region: string, time: number): number {
  if (!regions.has(region)) {
    try {
      const parts = { year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric' } as const
      regions.set(region, new Intl.DateTimeFormat('en-US', { timeZone: region, hourCycle: 'h23', ...parts }))
    } catch {
      regions.set(region, undefined)
    }
  }
  const format = regions.get(region)
  if (format === undefined || !Number.isFinite(time)) return Number.NaN
  const part = Object.fromEntries(format.formatToParts(time).map(({ type, value }) => [type, Number(value)]))
  return Date.UTC(part.year, part.month - 1, part.day, part.hour, part.minute) - Math.floor(time / 60_000) * 60_000
}
