import { existsSync } from 'node:fs'
import Database from 'libsql'
import { describe, expect, it } from 'vitest'
import { testFolder } from '../testing/files.ts'
import { reader } from '../testing/read.ts'

const folder = testFolder()
const { read, readFrom } = reader(folder)

/** A database that these statements make. */
function database(name: string, ...statements: string[]): string {
  const path = folder.path(name)
  const made = new Database(path)
  for (const sql of statements) made.exec(sql)
  made.close()
  return path
}

const posts = (name: string) =>
  database(
    name,
    'CREATE TABLE posts (uid INTEGER, body TEXT, at TEXT, mark REAL)',
    `INSERT INTO posts VALUES (9007199254740993, 'one', '2024-01-02', 1.5), (9007199254740992, 'two', '2024-01-01', 9e999),
       (NULL, 'nobody', NULL, NULL), (7, '', '2024-01-03', 1)`,
    'CREATE TABLE people (name TEXT)',
  )

describe('a SQLite database', () => {
  it('keeps texts with zero bytes whole', async () => {
    const sql = `INSERT INTO t VALUES ('a' || char(0) || '1', 'h\u00e9'), ('a' || char(0) || '2', 'b')`
    const path = database('zero.db', 'CREATE TABLE t (u TEXT, w TEXT)', sql)
    const log = await readFrom({ paths: [path], query: 'SELECT * FROM t', user: 'u', text: 'w' })
    expect(log.texts.map(([, text]) => text).sort()).toEqual(['b', 'h\u00e9'])
    expect(log.users).toHaveLength(2)
  })

  it.each(['UTF-16le', 'UTF-16be'])('in %s keeps its texts, those with zero characters, too', async (encoding) => {
    const rows = `INSERT INTO t VALUES ('a' || char(0) || '1', 'h\u00e9\u{1f600}', 1), ('b', 'x' || char(0) || 'y', 2.5)`
    const path = database(
      `${encoding}.db`,
      `PRAGMA encoding = '${encoding}'`,
      'CREATE TABLE t (u TEXT, w TEXT, n)',
      rows,
    )
    const log = await readFrom({ paths: [path], query: 'SELECT * FROM t', user: 'u', text: 'w' })
    expect(log.texts.map(([, text]) => text).sort()).toEqual(['h\u00e9\u{1f600}', 'x\ufffdy'])
    expect(log.users.map(({ interactions }) => interactions[0].metadata.n)).toEqual([1, 2.5])
  })

  it('takes texts that are not UTF-8 as those of Windows-1252', async () => {
    const path = database(
      'old.db',
      'CREATE TABLE t (user, text, raw)',
      `INSERT INTO t VALUES ('ann', CAST(x'636166e9' AS TEXT), x'ff00'), ('bob', 'caf\u00e9', x'c3a9'), (7, 8, NULL)`,
    )
    const log = await readFrom({ paths: [path], query: 'SELECT * FROM t' })
    expect(log.texts).toEqual([
      ['7', '8'],
      ['ann', 'caf\u00e9'],
      ['bob', 'caf\u00e9'],
    ])
    expect(log.users.map(({ interactions }) => interactions[0].metadata.raw)).toEqual([null, 'ff00', '\u00e9'])
  })

  it.each(['', 'sqlite:', 'sqlite://'])('is read by a query (%s)', async (prefix) => {
    const path = posts(`posts${prefix.length}.db`)
    const log = await readFrom({
      paths: [prefix + path],
      query: 'select *, at as time from posts;\n',
      user: 'uid',
      text: 'body',
    })
    expect(log.texts).toEqual([
      ['9007199254740992', 'two'],
      ['9007199254740993', 'one'],
    ])
    expect(log.users[1].interactions[0]).toEqual({
      text: 'one',
      time: Date.UTC(2024, 0, 2),
      metadata: { at: '2024-01-02', mark: 1.5 },
    })
    expect([log.count('missing-user'), log.count('empty-text'), log.count('not-finite')]).toEqual([1, 1, 1])
    expect(log.report.files).toEqual([{ name: path, format: 'query', records: 4, reading: undefined }])
    expect(log.report.issues[1].examples[0]).toContain(`${path}:3: uid is empty`)
  })

  it('gives BLOBs as text, or as digits where they are none', async () => {
    const path = database('blobs.db', "CREATE TABLE b AS SELECT x'c3a9' AS user, x'ff00' AS text")
    expect((await readFrom({ paths: [path], query: 'select * from b' })).texts).toEqual([['é', 'ff00']])
  })

  it('may have more rows than are held at once, in their order', async () => {
    const path = database(
      'many.db',
      "CREATE TABLE m AS WITH RECURSIVE t(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM t WHERE i < 2500) SELECT 'u' AS user, 'text ' || i AS text, i FROM t",
    )
    const { texts } = await readFrom({ paths: [path], query: 'select user, text from m order by i desc' })
    expect(texts).toHaveLength(2500)
    expect([texts[0], texts[2499]]).toEqual([
      ['u', 'text 2500'],
      ['u', 'text 1'],
    ])
  })

  it('may hold a catalogue', async () => {
    const items = database('items.db', "CREATE TABLE items AS SELECT 7 AS id, 'Alien' AS title")
    const text = '(select title from items where items.id = rows.movie)'
    expect((await read('log.csv', 'user,movie\nann,7\n', { text, with: { items } })).texts).toEqual([['ann', 'Alien']])
    await expect(read('log.csv', 'user,movie\nann,7\n', { text, with: { films: items } })).rejects.toThrow(
      /^with\.films: .*no such table: films\. Its tables: items \(id, title\)/,
    )
  })
})

const file = () => folder.path('refused.db')
it.each<[string, string | undefined, RegExp]>([
  [
    'no query',
    undefined,
    /is a SQLite database: say by `query`.*Its tables: people \(name\); posts \(uid, body, at, mark\)/,
  ],
  ['a table that is not there', 'select * from post', /no such table: post\. Its tables: people/],
  ['what is no SELECT', 'delete from posts', /near "delete": syntax error/],
  ['a second statement', 'select * from posts; delete from posts', /near ";": syntax error/],
  ['one that closes the first', 'select 1); delete from posts; select (2', /no such table: bump_rows/],
  ['a file of this machine', "select readfile('/etc/passwd') as user", /a query that names readfile is refused/],
  ['a file that is written', `select "writefile"('x', 'y')`, /a query that names writefile is refused/],
  ['no rows', 'select * from posts where uid = 1', /no row could be read from .*refused\.db/],
])('%s is refused', async (_, query, message) => {
  if (!existsSync(file())) posts('refused.db')
  await expect(readFrom({ paths: [file()], query })).rejects.toThrow(message)
  const left = await readFrom({ paths: [file()], query: 'select * from posts', user: 'body', text: 'body' })
  expect(left.report.records).toBe(4)
})

it('is refused where it is none, is missing or damaged', async () => {
  const csv = folder.write('log.csv', 'user,text\na,b\n')
  await expect(readFrom({ paths: [`sqlite:${csv}`], query: 'select 1' })).rejects.toThrow(
    'log.csv is no SQLite database',
  )
  await expect(readFrom({ paths: [csv], query: 'select 1' })).rejects.toThrow(/query: .*log\.csv is no database/)
  await expect(readFrom({ paths: ['sqlite:none.db'], query: 'select 1' })).rejects.toThrow('none.db: no such file')
  const damaged = folder.write('damaged.db', `SQLite format 3\0${'x'.repeat(5000)}`)
  await expect(readFrom({ paths: [damaged], query: 'select * from t' })).rejects.toThrow(
    /damaged\.db: the query failed: file is not a database/,
  )
})
