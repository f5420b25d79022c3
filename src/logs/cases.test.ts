// Faults that people met with logs: every input is read right, or named with its place and the cure.
import { describe, expect, it } from 'vitest'
import { testFolder } from './testing/files.ts'
import { type Read, reader } from './testing/read.ts'
import { writeParquet } from './testing/written.ts'

const folder = testFolder()
const { read, readFrom } = reader(folder)

describe('ids of many digits', () => {
  const big = '98765432109876543210'
  it.each([
    ['a lone surrogate', '"bad \\ud83d"'],
    ['a low half alone', '"bad \\uDE00"'],
    ['a NUL', '"bad \\u0000"'],
    ['a pair that is written in two ways, and a NUL', '"\\u0000\ud83d\\ude00"'],
    ['NaN', '"bad","n":NaN'],
  ])('keep their digits beside %s', async (_, bad) => {
    const { users, report } = await read('big.jsonl', `{"user":${big},"text":${bad}}\n{"user":${big},"text":"good"}\n`)
    expect(users.map(({ id, interactions }) => [id, interactions.length])).toEqual([[big, 2]])
    expect(report.issues).toHaveLength(1)
  })

  it('of 64 and 128 bits keep their digits in JSON, CSV and Parquet; digits in quotes keep their zeros', async () => {
    const ids = ['18446744073709551615', '277447099861456945273576150847928801582', '9007199254740993']
    const expected = ids.map((id) => [id, 'x']).sort()
    expect((await read('i.jsonl', ids.map((id) => `{"user":${id},"text":"x"}\n`).join(''))).texts).toEqual(expected)
    expect((await read('i.csv', `user,text\n${ids.map((id) => `${id},x\n`).join('')}`)).texts).toEqual(expected)
    const sql = ids.map((id) => `SELECT ${id}::UHUGEINT::DECIMAL(38,0) AS "user", 'x' AS text`).slice(0, 1)
    const parquet = await writeParquet(folder.path('i.parquet'), [...sql, `SELECT ${ids[2]}, 'x'`].join(' UNION ALL '))
    expect((await readFrom({ paths: [parquet] })).texts).toEqual([expected[0], expected[2]])
    const zeros = '{"user":"007","text":"x"}\n{"user":"7","text":"x"}\n{"user":"7.0","text":"x"}\n'
    expect((await read('z.jsonl', zeros)).users.map(({ id }) => id)).toEqual(['007', '7', '7.0'])
    expect((await read('z.csv', 'user,text\n007,x\n7,x\n')).users.map(({ id }) => id)).toEqual(['007', '7'])
  })
})

it('whole numbers of any length keep their digits in the metadata', async () => {
  const ids =
    '{"user":"u","text":"x","item":9007199254740993,"deep":{"ids":[-12345678901234567890]},"n":1234567890123456.5'
  const [user] = (await read('m.jsonl', `${ids},"said":"9007199254740993","time":null}\n`)).users
  expect(user.interactions[0].metadata).toEqual({
    item: '9007199254740993',
    deep: { ids: ['-12345678901234567890'] },
    n: 1234567890123456.5,
    said: '9007199254740993',
  })
})

describe('values that are objects', () => {
  it('are no users, and said where some are texts', async () => {
    const twitter = '{"user":{"id":1,"followers":5},"text":"a"}\n{"user":{"id":1,"followers":6},"text":"b"}\n'
    await expect(read('t.jsonl', twitter)).rejects.toThrow(/user "user" holds objects.*"user->>'id'"/)
    expect((await read('t.jsonl', twitter, { user: "user->>'id'" })).users).toMatchObject([{ id: '1' }])
    const columns = '{"user":{"0":"a","1":"b"},"text":{"0":"hi","1":"yo"}}'
    await expect(read('pandas.json', columns)).rejects.toThrow('orient="records"')
    const chat = await read('c.jsonl', '{"user":"a","text":"hi"}\n{"user":"a","text":["see ",{"text":"x"}]}\n')
    expect(chat.report.notes).toEqual([expect.stringContaining('text text: some values are objects or lists')])
  })
})

describe('NaN and Infinity in JSON', () => {
  it.each(['NaN', '-NaN', '-nan', 'Infinity', '-Infinity', 'inf', '-inf', '-nan(ind)', '1.#QNAN', '-1.#INF00'])(
    '%s is no value, counted',
    async (word) => {
      const lines = `{"user":"u","text":"is ${word}, \\"NaN\\"","rating":${word},"more":[${word}]}\n{"user":"u","text":"b"}\n`
      const { users, count, report } = await read('nan.jsonl', lines)
      expect(users[0].interactions.map(({ text }) => text)).toEqual([`is ${word}, "NaN"`, 'b'])
      expect(users[0].interactions[0].metadata).toEqual({ rating: null, more: [null] })
      expect(count('not-finite')).toBe(1)
      expect(report.issues[0].examples[0]).toContain('nan.jsonl:1')
      const array = await read('nan.json', `[${lines.trim().replace('\n', ',')}]`)
      expect(array.texts).toHaveLength(2)
    },
  )
})

describe('users who are none', () => {
  const words = [
    'nan',
    'NaN',
    '\\N',
    'NULL',
    'null',
    'None',
    'N/A',
    '<NA>',
    'undefined',
    '[deleted]',
    '-',
    '#REF!',
    '<na>',
  ]
  it('are missing in every format, and counted with the word', async () => {
    const csv = await read(
      'null.csv',
      `user,text,time\n${words.map((word) => `${word},x,2024\n`).join('')}ana,ok,\\N\n`,
    )
    expect(csv.texts).toEqual([['ana', 'ok']])
    expect([csv.count('missing-user'), csv.count('missing-time'), csv.count('bad-time')]).toEqual([13, 1, 0])
    expect(csv.report.issues[0].examples[2]).toMatch(/null\.csv:4: user is \\N$/)
    const rows = [...words, 'ana'].map((user) => `${JSON.stringify({ user, text: 'x' })}\n`).join('')
    expect((await read('null.jsonl', rows)).texts).toEqual([['ana', 'x']])
    const sql = `SELECT 'inf'::DOUBLE AS "user", 'a' AS text UNION ALL SELECT 6, 'b' UNION ALL SELECT '-inf'::DOUBLE, 'c'`
    const numbers = await readFrom({ paths: [await writeParquet(folder.path('inf.parquet'), sql)] })
    expect([numbers.texts, numbers.count('missing-user')]).toEqual([[['6', 'b']], 2])
    expect((await read('names.csv', 'user,text\nNan Li,x\nnone1,y\ninf,z\n')).users).toHaveLength(3)
  })
})

describe('ids that are numbers', () => {
  it('are one user where they are equal as numbers', async () => {
    const json =
      '{"user":123,"text":"a"}\n{"user":123.0,"text":"b"}\n{"user":1.23e2,"text":"c"}\n{"user":1.5,"text":"d"}\n'
    expect((await read('n.jsonl', json)).texts.map(([id]) => id)).toEqual(['1.5', '123', '123', '123'])
    const csv = await read('n.csv', 'user,text\n123,a\n123.0,b\n1.10,c\nv2.0,d\n')
    expect(csv.texts.map(([id]) => id)).toEqual(['1.10', '123', '123', 'v2.0'])
  })

  it('above 2^53 in a column of floating-point numbers are warned of', async () => {
    const sql = `SELECT 123.0::DOUBLE AS user_id, 'a' AS text UNION ALL SELECT 143349558619761320.0::DOUBLE, 'b'
      UNION ALL SELECT NULL, 'c' UNION ALL SELECT 'nan'::DOUBLE, 'd'`
    const { users, count, report } = await readFrom({ paths: [await writeParquet(folder.path('f.parquet'), sql)] })
    expect(users.map(({ id }) => id)).toEqual(['123', '143349558619761310'])
    expect([count('missing-user'), count('rounded-user')]).toEqual([2, 1])
    expect(report.issues.at(-1)?.examples[0]).toMatch(/f\.parquet:2: user_id is 1\.43/)
    const excel = await read('e.csv', 'user,text\n1.43E+17,a\n12345678901234567890,b\n')
    expect(excel.users.map(({ id }) => id)).toEqual(['12345678901234567890', '143000000000000000'])
    expect(excel.count('rounded-user')).toBe(1)
    const long = await read(
      'e.jsonl',
      '{"user":12345678901234567890.0,"text":"a"}\n{"user":12345678901234567890,"text":"b"}\n',
    )
    expect([long.users.length, long.count('rounded-user')]).toEqual([2, 1])
    const both = ['9007199254740993::BIGINT', '1::DOUBLE'].map((id, i) =>
      writeParquet(folder.path(`${i}.parquet`), `SELECT ${id} AS "user", 'a' AS text`),
    )
    expect((await readFrom({ paths: await Promise.all(both) })).count('rounded-user')).toBe(1)
    const exact = await read('e.jsonl', '{"user":12345678901234567890,"text":"a"}\n{"user":1,"text":"b"}\n')
    expect(exact.report.issues).toEqual([])
  })
})

it('NaN in a Parquet column, also a nested one, is no value in the metadata', async () => {
  const sql = `SELECT 'u' AS "user", 'is NaN' AS text, 'nan'::DOUBLE AS rating, '-inf'::FLOAT AS low, ['inf'::DOUBLE] AS more`
  const { users, count } = await readFrom({ paths: [await writeParquet(folder.path('nan.parquet'), sql)] })
  expect(users[0].interactions).toMatchObject([{ metadata: { rating: null, low: null, more: [null] } }])
  expect(count('not-finite')).toBe(1)
})

describe('the times of a column', () => {
  const timesOf = ({ users }: Read) => users.flatMap(({ interactions }) => interactions.map(({ time }) => time))
  const dates = (...written: string[]) => `user,text,date\n${written.map((date, i) => `a,t${i},${date}\n`).join('')}`

  it('have one unit: milliseconds of the first years are no seconds', async () => {
    for (const early of [86400000, 172800000, -86400000, 98765432100]) {
      const numbers = [early, 1717171717000]
      const rows = numbers.map((ts, i) => `{"user":"a","text":"t${i}","ts":${ts}}\n`).join('')
      const log = await read('ms.jsonl', rows)
      expect(timesOf(log)).toEqual(numbers)
      expect(log.report.notes[0]).toMatch(/time ts: numbers are milliseconds since 1970/)
    }
  })

  it('are not moved by a stray number, and a unit of their own is kept where it fits among the others', async () => {
    const rows = (numbers: number[]) => numbers.map((ts, i) => `{"user":"a","text":"t${i}","ts":${ts}}\n`).join('')
    const seconds = [1700000000, 1600000000, 1650000000]
    const strayed = await read('stray.jsonl', rows([...seconds, 9999999999999]))
    expect(timesOf(strayed).filter(Number.isFinite)).toEqual(seconds.map((second) => second * 1000).sort())
    expect(strayed.count('bad-time')).toBe(1)
    const mixed = await read('mixed.jsonl', rows([1600000000000, 1650000000, 1700000000000]))
    expect(timesOf(mixed)).toEqual([1600000000000, 1650000000000, 1700000000000])
  })

  it('of which most lie beyond 2100 by their size are of a finer unit', async () => {
    const rows = (numbers: number[]) => numbers.map((ts, i) => `{"user":"a","text":"t${i}","ts":${ts}}\n`).join('')
    for (const numbers of [
      [86400000, 31536000000],
      [20000000000, 63072000000, 94608000000],
    ])
      expect(timesOf(await read('old.jsonl', rows(numbers)))).toEqual(numbers)
    const sentinel = await read('sentinel.jsonl', rows([1600000000, 1700000000, 9999999999]))
    expect(timesOf(sentinel)).toEqual([1600000000000, 1700000000000, 9999999999000])
  })

  it('may be digits with a clock', async () => {
    const log = await read('digits.csv', dates('19991231235959', '20240229102030'))
    expect(timesOf(log)).toEqual([Date.UTC(1999, 11, 31, 23, 59, 59), Date.UTC(2024, 1, 29, 10, 20, 30)])
  })

  it('are said where they are none of our days, and so are dates that are not read', async () => {
    const note = async (...written: string[]) => (await read('d.csv', dates(...written))).report.notes[0]
    expect(await note('45292', '45300.5')).toContain('from 1970-01-01T12:34:52.000Z to')
    expect(await note('1700000000', '1600000000')).toBeUndefined()
    expect(await note('03/02/24', '13/02/24')).toMatch(/years of two digits .*2 such as 03\/02\/24.*%d\/%m\/%y/)
    expect(await note('2024-03-02', '2024-13-02')).toMatch(/day before the month.*2024-13-02.*%Y-%d-%m/)
    const days = await read('d.csv', dates('2024-03-02', '2024-13-02'), { time: "strptime(date, '%Y-%d-%m')" })
    expect(timesOf(days)).toEqual([Date.UTC(2024, 1, 3), Date.UTC(2024, 1, 13)])
  })

  it('have one order of day and month, which a single date proves', async () => {
    const [feb3, feb13, mar1] = [Date.UTC(2024, 1, 3), Date.UTC(2024, 1, 13), Date.UTC(2024, 2, 1)]
    const european = await read('d.csv', dates('01/03/2024', '03/02/2024', '13/02/2024'))
    expect(timesOf(european)).toEqual([feb3, feb13, mar1])
    expect(european.texts.map(([, text]) => text)).toEqual(['t1', 't2', 't0'])
    expect(european.report.notes).toEqual(['time date: dates are read as day/month/year, as 13/02/2024 shows'])
    const american = await read('d.csv', dates('02/13/2024 10:00', '03/01/2024 10:00', '02-03-2024'))
    expect(timesOf(american)).toEqual([feb3, feb13 + 36e6, mar1 + 36e6])
  })

  it('say which order was taken where no date shows it, and how to set the other', async () => {
    const open = await read('d.csv', dates('03/02/2024', '05/05/2024'))
    expect(timesOf(open)[0]).toBe(Date.UTC(2024, 2, 2))
    expect(open.report.notes[0]).toContain('03/02/2024 are read as month/day/year')
    const [, expression] = /"(strptime.*)"$/.exec(open.report.notes[0])!
    expect(timesOf(await read('d.csv', dates('03/02/2024'), { time: expression }))).toEqual([Date.UTC(2024, 1, 3)])
    expect((await read('d.csv', dates('05/05/2024'))).report.notes).toEqual([])
    const both = await read('d.csv', dates('13/02/2024', '14/02/2024', '02/15/2024', '03/02/2024'))
    expect(timesOf(both)).toEqual([3, 13, 14, 15].map((day) => Date.UTC(2024, 1, day)))
    expect(both.report.notes[0]).toMatch(/some dates have the day first .* and some the month/)
  })
})
