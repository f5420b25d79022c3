// Columns that are hard to reach: those of folders, names that differ in case or that the reader has, too, and files
// whose names are patterns.
import { writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { openLogs } from './dataset.ts'
import { testFolder } from './testing/files.ts'
import { reader } from './testing/read.ts'
import { writeParquet } from './testing/written.ts'

const folder = testFolder()
const { read, readFrom } = reader(folder)
const parquet = (name: string, sql: string) => {
  writeFileSync(folder.write(name, ''), '')
  return writeParquet(folder.path(name), sql)
}

describe('folders that are columns', () => {
  it('of Parquet keep their zeros and words, and the default partition is a missing user', async () => {
    for (const user of ['007', '7', 'abc', '__HIVE_DEFAULT_PARTITION__', 'a%20b']) {
      await parquet(`d/user_id=${user}/p.parquet`, `SELECT 'of ${user}' AS text`)
    }
    const log = await readFrom({ paths: [folder.path('d/*/*.parquet')], user: 'user_id' })
    expect(log.texts).toEqual([
      ['007', 'of 007'],
      ['7', 'of 7'],
      ['a b', 'of a%20b'],
      ['abc', 'of abc'],
    ])
    expect(log.count('missing-user')).toBe(1)
    await expect(readFrom({ paths: [folder.path('d')] })).rejects.toThrow('**/*')
  })

  it.each([
    ['texts', "'007'", '007'],
    ['numbers', '7', '7'],
  ])('of Parquet fill in where a file lacks a column that others have (%s)', async (kind, own, filled) => {
    await parquet(`h/${kind}/user=1/own.parquet`, `SELECT ${own} AS user, 'own' AS text`)
    await parquet(`h/${kind}/user=007/lacks.parquet`, `SELECT 'lacks' AS text`)
    const log = await readFrom({ paths: [folder.path(`h/${kind}/*/*.parquet`)] })
    expect(log.texts).toEqual([
      [filled, 'lacks'],
      [filled, 'own'],
    ])
    expect(log.report.issues).toEqual([])
  })

  it('of text files are columns, too, and a column of the file itself comes first', async () => {
    folder.write('t/user=x/year=2024/a.jsonl', '{"text":"one"}\n')
    folder.write('t/user=y/year=2023/a.csv', 'n,text\n1,two\n')
    const log = await readFrom({ paths: [folder.path('t/**/*.*')], time: 'year' })
    expect(log.users.map(({ id, interactions }) => [id, interactions[0].time])).toEqual([
      ['x', Date.UTC(2024, 0)],
      ['y', Date.UTC(2023, 0)],
    ])
    expect((await read('user=z/own.jsonl', '{"user":"own","text":"x"}\n')).texts).toEqual([['own', 'x']])
    const own = await parquet('user=z/own.parquet', `SELECT 'own' AS "User", 'x' AS text`)
    expect((await readFrom({ paths: [own] })).texts).toEqual([['own', 'x']])
  })
})

describe('names', () => {
  it.each(['r[1].parquet', 'r*.parquet', 'r?.parquet'])('of the file %s mean that file', async (name) => {
    await parquet('r1.parquet', `SELECT 'wrong' AS "user", 'x' AS text`)
    const path = await parquet(name, `SELECT 'right' AS "user", 'x' AS text`)
    const log = await readFrom({ paths: [path] })
    expect(log.texts).toEqual([['right', 'x']])
    expect(log.report.files[0].name).toBe(path)
  })

  it('of the view are those of the log where it has such columns', async () => {
    const sql = `SELECT 'ann' AS _line, 'x' AS _file, 'y' AS text UNION ALL SELECT 'bob', 'x', 'z'`
    const path = await parquet('reserved.parquet', sql)
    expect((await readFrom({ paths: [path], user: '_line' })).texts).toEqual([
      ['ann', 'y'],
      ['bob', 'z'],
    ])
    const json = '{"_line":"ann","_File":"x","text":"y"}\n'
    expect((await read('reserved.jsonl', json, { user: '_line' })).texts).toEqual([['ann', 'y']])
    expect((await read('reserved.jsonl', json, { user: '_file' })).texts).toEqual([['x', 'y']])
  })

  it('of the rows of Parquet files may be those of a column, too', async () => {
    const paths = await Promise.all(
      ['a', 'b'].map((user) =>
        parquet(
          `rows-${user}.parquet`,
          `SELECT '${user}' AS "user", 70 AS file_row_number, 'x' AS text UNION ALL FROM (VALUES (NULL, 7, 'y'))`,
        ),
      ),
    )
    const log = await readFrom({ paths, text: 'file_row_number' })
    expect(log.texts).toEqual([
      ['a', '70'],
      ['b', '70'],
    ])
    expect(log.report.issues[0].examples.map((example) => example.slice(-31))).toEqual([
      expect.stringMatching(/rows-a\.parquet:2: user/),
      expect.stringMatching(/rows-b\.parquet:2: user/),
    ])
  })

  it('that are parts of an object give what stands there', async () => {
    const rows =
      '{"u":{"id":"a \\"b\\""},"m":{"text":"x"}}\n{"u":{"id":7},"m":{"text":"y"}}\n{"u":{"id":7.0},"m":{"text":null}}\n'
    const log = await read('parts.jsonl', `${rows}{"u":{"id":7.0},"m":{"text":"z","at":"2024-01-01"}}\n`, {
      ...{ user: 'u.id', text: 'm.text', time: "m->'at'" },
    })
    expect(log.texts).toEqual([
      ['7', 'y'],
      ['7', 'z'],
      ['a "b"', 'x'],
    ])
    expect([log.count('empty-text'), log.users[0].interactions[1].time]).toEqual([1, Date.UTC(2024, 0)])
    await expect(read('k.jsonl', '{"fro":"a","text":"x"}\n', { user: 'from' })).rejects.toThrow('the nearest is "fro"')
  })

  it('that are usual or given are columns, however many there are', async () => {
    const many = Object.fromEntries(Array.from({ length: 1100 }, (_, i) => [`k${i}`, i]))
    const log = await read('many.jsonl', `${JSON.stringify({ ...many, user: 'u', text: 'x', Own: 'y' })}\n`, {
      text: 'own',
    })
    expect(log.texts).toEqual([['u', 'y']])
  })

  it('that differ in case are both reached, and stand in for each other', async () => {
    const rows = '{"user":"u","text":"low","Text":"up"}\n{"user":"u","Text":"only"}\n'
    const texts = async (text: string) => (await read('case.jsonl', rows, { text })).texts.map(([, words]) => words)
    expect(await texts('text')).toEqual(['low', 'only'])
    expect(await texts('Text')).toEqual(['up', 'only'])
    const ids = await read('ids.jsonl', '{"id":1,"text":"a"}\n{"Id":2,"text":"b"}\n', { user: 'Id' })
    expect(ids.users.map(({ id }) => id)).toEqual(['1', '2'])
    const path = await parquet('case.parquet', `SELECT 'u' AS "user", 'low' AS text, 'up' AS "Text"`)
    expect((await readFrom({ paths: [path] })).texts).toEqual([['u', 'low']])
    expect((await readFrom({ paths: [path], text: 'Text_1' })).texts).toEqual([['u', 'up']])
  })
})

it.each(['az://c/f.parquet', 'abfss://c@a.dfs.core.windows.net/f.csv?sig=secret'])(
  '%s is refused with the reason',
  async (path) => {
    const refused = readFrom({ paths: [path] })
    await expect(refused).rejects.toThrow(/Azure's storage is not read.*SAS token/)
    await expect(refused).rejects.not.toThrow('secret')
  },
)

it('times of Parquet do not depend on the zone of this machine', async () => {
  const before = process.env.TZ
  process.env.TZ = 'Asia/Tehran'
  try {
    const sql = `SELECT 'u' AS "user", 'a' AS text, TIMESTAMP '2024-02-03 04:05:06' AS time`
    const zoned = sql.replace(/TIMESTAMP '([^']*)'/, "TIMESTAMPTZ '$1+00'")
    for (const query of [sql, zoned]) {
      const log = await readFrom({ paths: [await parquet('tz.parquet', query)] })
      expect(log.users[0].interactions[0].time).toBe(Date.UTC(2024, 1, 3, 4, 5, 6))
    }
  } finally {
    if (before === undefined) delete process.env.TZ
    else process.env.TZ = before
  }
})

it('times of Parquet before 1678 keep their order', async () => {
  const sql = `SELECT 'u' AS "user", y::VARCHAR AS text, make_timestamp(y, 1, 1, 0, 0, 0.0) AS time
    FROM (VALUES (2020), (1500), (1677), (1900)) t(y)`
  const log = await readFrom({ paths: [await parquet('old.parquet', sql)] })
  expect(log.texts.map(([, text]) => text)).toEqual(['1500', '1677', '1900', '2020'])
})

it('keeps the order of the file under an expression that the database runs as a join', async () => {
  const rows = 250_000
  const path = await writeParquet(
    folder.path('long.parquet'),
    `SELECT 'u' AS user, i::INTEGER AS i FROM range(${rows}) t(i)`,
  )
  const text = `i || (SELECT any_value(' of many') FROM range(9) r(n) WHERE r.n = rows.i % 9)`
  const dataset = await openLogs({ paths: [path], text })
  const [{ ordered }] = await dataset.query(
    `SELECT count(*) FILTER (text = file_row_number || ' of many')::INTEGER AS ordered
     FROM (SELECT text, row_number() OVER () - 1 AS file_row_number FROM interactions)`,
  )
  dataset.close()
  expect(ordered).toBe(rows)
})
