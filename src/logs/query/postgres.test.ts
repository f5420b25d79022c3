import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { testFolder } from '../testing/files.ts'
import { postgresServer } from '../testing/postgres.ts'
import { PG_USER, postgresPrograms } from '../testing/postgres-server.ts'
import { reader } from '../testing/read.ts'
import { postgresRows } from './postgres.ts'

const { read, readFrom } = reader(testFolder())
afterEach(() => vi.unstubAllEnvs())

if (postgresPrograms === undefined) console.warn('Postgres is not installed: its tests are skipped')

describe.skipIf(postgresPrograms === undefined)('a Postgres database', () => {
  const server = postgresServer(`
    CREATE TABLE posts (uid bigint, body text, at timestamptz, big numeric, mark float8, ok boolean, raw bytea, extra jsonb, note json);
    INSERT INTO posts VALUES
      (9007199254740993, 'one', '2024-01-02 03:04:05.678+02', 123456789012345678901234, 'NaN', true, '\\xc3a9', '{"a": [1, 9007199254740993]}', E'{\\n"b": 1}'),
      (9007199254740992, 'two', '2024-01-01', 7.50, 1.5, false, '\\xff00', NULL, NULL),
      (NULL, 'nobody', NULL, NULL, NULL, NULL, NULL, NULL, NULL),
      (7, '', NULL, 'NaN', NULL, NULL, NULL, NULL, NULL);
    CREATE TABLE items AS SELECT 7 AS id, 'Alien' AS title;
    ALTER DATABASE postgres SET TimeZone = 'Asia/Tehran'`)
  const address = () => `postgres://${server().host}:${server().port}/postgres`
  const login = () => {
    vi.stubEnv('PGUSER', PG_USER.name)
    vi.stubEnv('PGPASSWORD', PG_USER.password)
  }
  const from = (query: string) => readFrom({ paths: [address()], query, user: 'uid', time: 'at', text: 'body' })

  it('is read by a query, with credentials from the environment', async () => {
    login()
    const log = await from('SELECT * FROM posts ORDER BY uid;')
    expect(log.texts).toEqual([
      ['9007199254740992', 'two'],
      ['9007199254740993', 'one'],
    ])
    expect(log.users[1].interactions[0]).toMatchObject({
      time: Date.UTC(2024, 0, 2, 1, 4, 5, 678),
      metadata: { mark: null, ok: true, raw: 'é', note: { b: 1 } },
    })
    expect(log.users[0].interactions[0].metadata).toMatchObject({ big: 7.5, mark: 1.5, ok: false, raw: 'ff00' })
    expect([log.count('missing-user'), log.count('empty-text')]).toEqual([1, 1])
    expect(log.report.files).toEqual([{ name: address(), format: 'query', records: 4, reading: undefined }])
    const ids = await readFrom({
      paths: [address()],
      query: 'SELECT * FROM posts',
      user: 'big',
      text: "extra->'a'->>1",
    })
    expect(ids.texts).toEqual([['123456789012345678901234', '9007199254740993']])
  })

  it('takes credentials of the address, which no message holds', async () => {
    const { name, password } = PG_USER
    const secret = address().replace('//', `//${name}:${encodeURIComponent(password)}@`)
    expect((await readFrom({ paths: [secret], query: "SELECT 'a' AS user, 'b' AS text" })).texts).toEqual([['a', 'b']])
    const refused = readFrom({ paths: [secret.replace(':p', ':wrong')], query: 'SELECT 1' })
    await expect(refused).rejects.toThrow(
      /^postgres:\/\/127.* could not be opened: password authentication failed.*PGPASSWORD/,
    )
    await expect(refused).rejects.not.toThrow('wrong')
  })

  it('gives many rows, in their order', async () => {
    login()
    const { texts } = await readFrom({
      paths: [address()],
      query: "SELECT 'u' AS user, 'text ' || i AS text FROM generate_series(1, 2500) t(i) ORDER BY i DESC",
    })
    expect(texts).toHaveLength(2500)
    expect([texts[0], texts[2499]]).toEqual([
      ['u', 'text 2500'],
      ['u', 'text 1'],
    ])
  })

  it('may hold a catalogue', async () => {
    login()
    const text = '(select title from items where items.id = rows.movie)'
    const { texts } = await read('log.csv', 'user,movie\nann,7\n', { text, with: { items: address() } })
    expect(texts).toEqual([['ann', 'Alien']])
  })

  it.each([
    [
      'a table that is not there',
      'SELECT * FROM post',
      /relation "post" does not exist. There are public\.items, public\.posts/,
    ],
    ['a mistake', 'SELEC 1', /the query failed: syntax error at or near "SELEC"/],
    ['what writes', 'WITH w AS (INSERT INTO items VALUES (8) RETURNING id) SELECT * FROM w', /data-modifying/],
    ['what deletes', 'DELETE FROM posts', /syntax error at or near "DELETE"/],
    ['a second statement', 'SELECT 1; DELETE FROM posts', /multiple commands/],
    ['two columns of one name', 'SELECT 1 AS a, 2 AS a', /two columns called a: name them apart/],
    ['a setting that writes', "SELECT set_config('transaction_read_only', 'off', true)", /transaction read-write mode/],
    ['no rows', 'SELECT * FROM posts WHERE uid = 1', /no row could be read from postgres:/],
  ])('refuses %s', async (_, query, message) => {
    login()
    await expect(from(query)).rejects.toThrow(message)
  })

  it('says which database is not there, or who may not enter', async () => {
    await expect(readFrom({ paths: [address()], query: 'SELECT 1' })).rejects.toThrow(
      /could not be opened.*PGUSER and PGPASSWORD/,
    )
    login()
    await expect(readFrom({ paths: [`${address()}x`], query: 'SELECT 1' })).rejects.toThrow(
      /database "postgresx" does not exist; check host, port and database/,
    )
  })
})

it('is not waited for where it is not there or silent', async () => {
  await expect(readFrom({ paths: ['postgres://u:secret@127.0.0.1:1/db'], query: 'SELECT 1' })).rejects.toThrow(
    /^postgres:\/\/127\.0\.0\.1:1\/db could not be opened: connect ECONNREFUSED.*check host, port/,
  )
  const silent = createServer()
  await new Promise<void>((listening) => silent.listen(0, '127.0.0.1', listening))
  const rows = postgresRows(`postgres://u@127.0.0.1:${(silent.address() as AddressInfo).port}/db`, 'SELECT 1', 0.1)
  await expect(rows.next()).rejects.toThrow(/could not be opened: timeout expired/)
  silent.close()
})

it('needs a query', async () => {
  await expect(readFrom({ paths: ['postgresql://me:secret@host/db'] })).rejects.toThrow(
    /^postgresql:\/\/host\/db is a Postgres database: say by `query`/,
  )
})
