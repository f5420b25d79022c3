// Which records are plain: those whose user, time, text and metadata SQL gives as careful.ts would, byte for byte. All
// others are left to it. The expressions here are subsets of its rules, and a test holds each to them.
import { sqlString } from './database.ts'
import { EPOCH_UNITS, type TimeReading } from './time.ts'
import { MISSING_WORDS } from './user-id.ts'

/** All characters that `trim` takes off. */
const SPACES = Array.from({ length: 0x10000 }, (_, code) => String.fromCharCode(code))
  .filter((character) => character.trim() === '')
  .join('')

/** The value of a part, and whether it is plain; neither counts where the other says so. */
export interface PlainSql {
  value: string
  plain: string
}

const matches = (sql: string, pattern: string) => `regexp_full_match(${sql}, ${sqlString(pattern)})`

/** A text without white space at its ends. The characters there mostly show that there is none. */
export function trimmedSql(sql: string): string {
  const visible = (end: string) => `ord(${end}) BETWEEN 33 AND 126`
  return `CASE WHEN ${visible(sql)} AND ${visible(`${sql}[-1]`)} THEN ${sql} ELSE trim(${sql}, ${sqlString(SPACES)}) END`
}

/**
 * `id`: SQL of the trimmed id; `isNumber`: whether it came as a number that may have a fraction or an exponent;
 * `untyped`: whether its file writes all values as text; `type`: the column's type.
 */
export function plainUser(id: string, isNumber: string, untyped: string, type: string): PlainSql {
  // So many digits are exact in a column of this type.
  const converted = matches(id, String.raw`(?:0|-?[1-9]\d{0,${type === 'FLOAT' ? 6 : 14}})\.0+`)
  const whole = matches(id, String.raw`0|-?[1-9]\d*`)
  const mayBeConverted = matches(id, String.raw`-?\d+(?:\.\d+)?(?:[eE]\+\d{2})?`)
  return {
    value: `CASE WHEN (${isNumber} OR ${untyped}) AND ${converted} THEN split_part(${id}, '.', 1) ELSE ${id} END`,
    plain: `${id} <> '' AND ${id} NOT IN (${MISSING_WORDS.map(sqlString).join(', ')})
      AND (NOT ${isNumber} OR ${whole} OR ${converted})
      AND (NOT ${untyped} OR NOT ${mayBeConverted} OR ${whole} OR ${converted})`,
  }
}

/** `text`: SQL of the trimmed text. */
export const plainText = (text: string): string => String.raw`${text} <> '' AND ${text} <> '\N'`

/** `metadata`: SQL of JSON that the database has written or that was read as such. NaN can follow certain signs only. */
export const plainMetadata = (metadata: string): string =>
  String.raw`NOT regexp_matches(${metadata}, '[:,\[]\s*[+-]?(?i:nan|inf)')`

const DAY = String.raw`[12]\d{3}-\d{2}-\d{2}`
const CLOCK = String.raw`(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?`
const OFFSET = String.raw`[+-](?:0\d|1[0-4]):[0-5]\d`

/** `time`: SQL of a time as text, trimmed. Gives SQL of milliseconds since 1970, null where the text is not plain. */
export function plainTime(time: string, reading: TimeReading): string {
  const local = millisecondsSql(`TRY_CAST(${time} AS TIMESTAMP)`)
  const minutes = `(CAST(${time}[-5:-4] AS INTEGER) * 60 + CAST(${time}[-2:] AS INTEGER))`
  const ahead = `CASE WHEN ${time}[-6] = '-' THEN -${minutes} ELSE ${minutes} END`
  return `CASE WHEN ${matches(time, `${DAY}(?:[T ]${CLOCK}Z?)?`)} THEN ${local}
    WHEN ${matches(time, `${DAY}[T ]${CLOCK}${OFFSET}`)} THEN ${local} - ${ahead} * 60000
    ${numberCases(time, reading)} END`
}

/** `time`: SQL of a TIMESTAMP; null where its year has not four digits. */
export const plainNativeTime = (time: string): string =>
  `CASE WHEN ${time} BETWEEN TIMESTAMP '1000-01-01' AND TIMESTAMP '9999-12-31' THEN ${millisecondsSql(time)} END`

/** Alone, `epoch_ms` would round times before 1970 up. */
const millisecondsSql = (timestamp: string) => `epoch_ms(date_trunc('millisecond', ${timestamp}))`

/** Cases of bare numbers. Those whose size does not tell the unit of the column are not plain. */
function numberCases(time: string, { numeric = 'epoch', unit }: TimeReading): string {
  if (numeric === 'year')
    return `WHEN ${matches(time, String.raw`[12]\d{3}`)} THEN epoch_ms(TRY_STRPTIME(${time}, '%Y'))`
  if (numeric === 'yyyymmdd')
    return `WHEN ${matches(time, String.raw`[12]\d{7}`)} THEN epoch_ms(TRY_STRPTIME(${time}, '%Y%m%d'))`
  if (numeric === 'yyyymmddhhmmss')
    return `WHEN ${matches(time, String.raw`[12]\d{13}`)} THEN epoch_ms(TRY_STRPTIME(${time}, '%Y%m%d%H%M%S'))`
  const number = `CAST(${time} AS DOUBLE)`
  const cases = Object.entries(EPOCH_UNITS).map(([name, { length, below }], i, units) => {
    const from = i === 0 ? 1 : units[i - 1][1].below
    const scaled = length >= 1 ? `${number} * ${length}` : `${number} / ${Math.round(1 / length)}`
    const value = unit === undefined || unit === name ? `floor(${scaled} + 0.5)` : 'NULL'
    return `WHEN ${number} >= ${from} AND ${number} < ${below} THEN ${value}`
  })
  return `WHEN ${matches(time, String.raw`\d{1,19}(?:\.\d{1,9})?`)} THEN CASE ${cases.join(' ')} END`
}
