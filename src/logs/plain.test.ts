import { DuckDBDataChunk, DuckDBInstance } from '@duckdb/node-api'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { query } from './database.ts'
import { withoutNotFinite } from './json-record.ts'
import { plainMetadata, plainNativeTime, plainText, plainTime, plainUser, trimmedSql } from './plain.ts'
import { parseTime, type TimeReading } from './time.ts'
import { isMissingWord, isRounded, looksConverted, MISSING_WORDS, wholeNumber } from './user-id.ts'

const connection = await (await DuckDBInstance.create(':memory:')).connect()

/** What SQL gives for each text, as the column `t`. */
async function evaluate(texts: string[], sql: Record<string, string>): Promise<Record<string, unknown>[]> {
  await connection.run('CREATE OR REPLACE TEMP TABLE tried (i INTEGER, t VARCHAR)')
  const appender = await connection.createAppender('tried')
  const chunk = DuckDBDataChunk.create([appender.columnType(0), appender.columnType(1)], texts.length)
  chunk.setColumns([texts.map((_, i) => i), texts])
  appender.appendDataChunk(chunk)
  appender.closeSync()
  const values = Object.entries(sql).map(([name, value]) => `${value} AS ${name}`)
  return query(connection, `SELECT ${values.join(', ')} FROM tried ORDER BY i`)
}

const spaces = ['\t', '\n', '\v', '\f', '\r', ' ', '\u00a0', '\u1680', '\u2003', '\u2028', '\u202f', '\u3000', '\ufeff']
const notSpaces = ['\u180e', '\u200b', '\u0085', '\u200d', '\u0301', '\0', 'é', '🙂', 'x', '', '\\', "'", '"']
const textOf = (words: string[]) =>
  fc.array(fc.oneof(fc.constantFrom(...words), fc.string({ unit: 'binary', maxLength: 3 })), { maxLength: 5 })
const joined = (words: string[]) => textOf(words).map((parts) => Buffer.from(parts.join('')).toString())

/** Lists of texts for one query. */
const lists = (text: fc.Arbitrary<string>) => fc.array(text, { minLength: 200, maxLength: 200 })
const RUNS = { numRuns: 5 }

it('takes off the white space that trim takes off', () =>
  fc.assert(
    fc.asyncProperty(lists(joined([...spaces, ...spaces, ...notSpaces])), async (texts) => {
      const rows = await evaluate(texts, { trimmed: trimmedSql('t') })
      expect(rows.map(({ trimmed }) => trimmed)).toEqual(texts.map((text) => text.trim()))
    }),
    RUNS,
  ))

const ids = fc.oneof(
  fc.constantFrom(...MISSING_WORDS, '0', '-0', '-0.0', '00.0', '7.', '.5', '1e5', '1.5e+03', '9.0e+15', '1E+07', '+1'),
  fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }).map(String),
  fc.tuple(fc.maxSafeNat(), fc.constantFrom('.0', '.000', '.5', '.50', 'e+10', 'e3')).map((parts) => parts.join('')),
  joined(['a@b.de', 'u', '1', '.0', 'e+10', '-', '\\N']),
)

it.each([
  ['DOUBLE', true, false],
  ['FLOAT', true, false],
  ['VARCHAR', false, true],
  ['VARCHAR', false, false],
] as const)('reads users as the careful rules do: %s, number %s, untyped %s', (type, isNumber, untyped) =>
  fc.assert(
    fc.asyncProperty(lists(ids), async (texts) => {
      const { value, plain } = plainUser(trimmedSql('t'), String(isNumber), String(untyped), type)
      const rows = await evaluate(texts, { value, plain })
      for (const [i, row] of rows.entries()) {
        if (row.plain !== true) continue
        const id = texts[i].trim()
        const user = isNumber || (untyped && looksConverted(id)) ? wholeNumber(id) : id
        expect([row.value, user, isMissingWord(user)]).toEqual([user, user || 'some', false])
        expect(user !== id && isRounded(id, type)).toBe(false)
      }
    }),
    RUNS,
  ),
)

const digits = (n: number) => fc.integer({ min: 0, max: 10 ** n - 1 }).map((value) => String(value).padStart(n, '0'))
const times = fc.oneof(
  fc
    .tuple(
      fc.tuple(digits(4), digits(2), digits(2)).map((parts) => parts.join('-')),
      fc.constantFrom('T', ' ', '', 't', '  '),
      fc.tuple(digits(2), digits(2), digits(2)).map((parts) => parts.join(':')),
      fc.constantFrom('', '.5', '.289', '.999999', '.9999995', ',5', '.0004'),
      fc.constantFrom('', 'Z', 'z', '+02:00', '-00:30', '-15:59', '+1400', ' UTC', '+14:59', '-03:30'),
    )
    .map((parts) => parts.join('')),
  fc
    .date({ min: new Date('0900-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
    .chain((date) =>
      fc.constantFrom('', 'Z', '+05:30', '-11:00').map((zone) => date.toISOString().slice(0, -1) + zone),
    ),
  fc.tuple(digits(4), fc.constantFrom('0101', '0230', '1231', '1301')).map((parts) => parts.join('')),
  fc.tuple(fc.bigInt({ min: 0n, max: 10n ** 19n }), fc.nat({ max: 19 })).map(([n, d]) => String(n).slice(0, d + 1)),
  fc
    .tuple(fc.nat({ max: 2 ** 31 - 1 }), fc.constantFrom('.0', '.5', '.0005', '.123456789', '.', 'e2', ''))
    .map((parts) => parts.join('')),
  fc.constantFrom(
    '0',
    '0.4999999999',
    '0.00049999999999999994',
    '',
    'NaN',
    '12/31/2024',
    'Dec 31, 2024',
    '-5',
    '1_000',
  ),
)
const readings: TimeReading[] = [
  {},
  { numeric: 'epoch' },
  { numeric: 'epoch', unit: 'seconds', span: { from: 0, to: 1e12 } },
  { numeric: 'epoch', unit: 'microseconds', span: { from: 0, to: 1e12 } },
  { numeric: 'year' },
  { numeric: 'yyyymmdd' },
]

it.each(readings)('reads times as the careful rules do: %o', (reading) =>
  fc.assert(
    fc.asyncProperty(lists(times), async (texts) => {
      const rows = await evaluate(texts, { time: `CAST(${plainTime('t', reading)} AS DOUBLE)` })
      for (const [i, { time }] of rows.entries()) {
        if (time !== null) expect([texts[i], time]).toEqual([texts[i], parseTime(texts[i], reading)])
      }
    }),
    RUNS,
  ),
)

it("reads the database's own times as their text is read", () =>
  fc.assert(
    fc.asyncProperty(lists(fc.bigInt({ min: -(10n ** 17n), max: 3n * 10n ** 17n }).map(String)), async (texts) => {
      const moment = 'make_timestamp(CAST(t AS BIGINT))'
      const written = `strftime(${moment}, '%Y-%m-%dT%H:%M:%S.%gZ')`
      for (const { time, text } of await evaluate(texts, { time: plainNativeTime(moment), text: written }))
        if (time !== null) expect([text, Number(time)]).toEqual([text, parseTime(String(text))])
    }),
    RUNS,
  ))

it('takes no text and no metadata for plain that need care', async () => {
  const texts = ['', '\\N', 'x', '{"a":NaN}', '{"a":[1,-Infinity]}', '{"a": +inf}', '{"n":"nan"}', '{"a":[NaN]}', '{}']
  const rows = await evaluate(texts, { text: plainText('t'), metadata: plainMetadata('t') })
  expect(rows.map(({ text }) => text)).toEqual(texts.map((text) => text !== '' && text !== '\\N'))
  for (const [i, { metadata }] of rows.entries()) if (metadata) expect(withoutNotFinite(texts[i])).toBe(texts[i])
  expect(rows.filter(({ metadata }) => metadata)).toHaveLength(5)
})

it('finds most of what logs hold plain', async () => {
  const plain = [
    '1700000000',
    '1700000000.5',
    '1700000000123',
    '2024-02-29',
    '2024-02-29 12:00:00',
    '2024-02-29T12:00:00Z',
  ]
  const rows = await evaluate([...plain, '2024-02-29T12:00:00.5+02:00'], { time: plainTime('t', {}) })
  expect(rows.every(({ time }) => time !== null)).toBe(true)
})
