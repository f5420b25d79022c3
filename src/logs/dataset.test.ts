import { existsSync, readdirSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sha256 } from '../util/files.ts'
import { shuffled } from '../util/random.ts'
import { openLogs } from './dataset.ts'
import { loadUsers } from './load.ts'
import { gzipped, jsonLines, testFolder } from './testing/files.ts'
import { writeParquet } from './testing/written.ts'
import type { LogReport, LogSource, UserLog } from './types.ts'

const folder = testFolder()

async function read(source: LogSource): Promise<{ users: UserLog[]; report: LogReport; digest: string }> {
  const dataset = await openLogs(source)
  try {
    const users: UserLog[] = []
    for await (const user of dataset.users()) users.push(user)
    return { users, report: dataset.report, digest: await dataset.digest() }
  } finally {
    dataset.close()
  }
}

const flat = (users: UserLog[]) =>
  users.flatMap(({ id, interactions }) => interactions.map(({ time, text }) => [id, time, text]))

const ROWS = [
  { user_id: 'bob', text: 'second "quoted", with\nbreak', time: '2024-01-02', stars: 4 },
  { user_id: 'ann', text: 'größe 👍', time: '2024-01-03', stars: 5 },
  { user_id: 'bob', text: '#1, in C#', time: '2024-01-01', stars: 3 },
]
const EXPECTED = [
  ['ann', Date.UTC(2024, 0, 3), 'größe 👍'],
  ['bob', Date.UTC(2024, 0, 1), '#1, in C#'],
  ['bob', Date.UTC(2024, 0, 2), 'second "quoted", with\nbreak'],
]
const quote = (value: unknown) => `"${String(value).replaceAll('"', '""')}"`
const separated = (delimiter: string) =>
  [Object.keys(ROWS[0]).join(delimiter), ...ROWS.map((row) => Object.values(row).map(quote).join(delimiter))].join(
    '\r\n',
  )
const SQL = ROWS.map(
  (row) =>
    `SELECT '${row.user_id}' AS user_id, '${row.text}' AS text, TIMESTAMP '${row.time}' AS time, ${row.stars} AS stars`,
).join(' UNION ALL ')

describe('openLogs', () => {
  const written: [string, string | Uint8Array][] = [
    ['log.jsonl', jsonLines(ROWS)],
    ['log.ndjson.gz', gzipped(jsonLines(ROWS))],
    ['no-extension', jsonLines(ROWS)],
    ['log.json', JSON.stringify(ROWS, null, 2)],
    ['log.json.gz', gzipped(JSON.stringify(ROWS))],
    ['log.csv', separated(',')],
    ['semicolon.csv', separated(';')],
    ['log.csv.gz', gzipped(separated(','))],
    ['log.tsv', separated('\t')],
    ['bom.csv', `\uFEFF${separated(',')}`],
    ['utf16.jsonl', Buffer.from(`\uFEFF${jsonLines(ROWS)}`, 'utf16le')],
    ['utf16.csv', Buffer.from(separated(','), 'utf16le')],
    ['utf16be.json', Buffer.from(`\uFEFF${JSON.stringify(ROWS)}`, 'utf16le').swap16()],
  ]
  it.each(written)('reads %s, with the digest that all formats share', async (name, content) => {
    const { users, report, digest } = await read({ paths: [folder.write(name, content)] })
    expect(flat(users)).toEqual(EXPECTED)
    expect(report).toMatchObject({ interactions: 3, users: 2, records: 3, issues: [] })
    expect(report.mapping).toEqual({ user: 'user_id', time: 'time', text: 'text' })
    expect(String(users[0].interactions[0].metadata.stars)).toBe('5')
    expect(Object.keys(users[0].interactions[0].metadata)).toEqual(['stars'])
    expect(digest).toBe(sha256(EXPECTED.map((row) => `${JSON.stringify(row)}\n`).join('')))
  })

  it('reads Parquet with its own types', async () => {
    const path = await writeParquet(folder.path('log.parquet'), SQL)
    const { users, report, digest } = await read({ paths: [path] })
    expect(flat(users)).toEqual(EXPECTED)
    expect(users[0].interactions[0].metadata).toEqual({ stars: 5 })
    expect(report.issues).toEqual([])
    expect(digest).toBe((await read({ paths: [folder.write('again.jsonl', jsonLines(ROWS))] })).digest)
  })

  it('reads globs in order, and a file named twice once', async () => {
    folder.write('many/b.jsonl', jsonLines([{ user: 'u', text: 'two' }]))
    folder.write('many/a.jsonl', jsonLines([{ user: 'u', text: 'one' }]))
    const { users, report } = await read({ paths: [folder.path('many/*.jsonl'), folder.path('many/a.jsonl')] })
    expect(flat(users)).toEqual([
      ['u', undefined, 'one'],
      ['u', undefined, 'two'],
    ])
    expect(report.mapping.time).toBeUndefined()
  })

  it('fetches http addresses', async () => {
    const server = createServer((request, response) => {
      response.statusCode = request.url?.startsWith('/log.jsonl.gz') ? 200 : 404
      response.end(gzipped(jsonLines(ROWS)))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    try {
      const { users, report } = await read({ paths: [`${address}/log.jsonl.gz?key=secret`] })
      expect(flat(users)).toEqual(EXPECTED)
      expect(report.files[0].name).toBe(`${address}/log.jsonl.gz`)
      await expect(openLogs({ paths: [`${address}/none.jsonl`] })).rejects.toThrow(/could not be fetched.*404/)
    } finally {
      server.close()
    }
  })

  it('evaluates SQL expressions over typed columns', async () => {
    const rows = [
      { id: 7, title: 'Soup', body: 'salty', stars: 2, when: { day: '2024-05-06' } },
      { id: 7, title: 'Bread', body: null, stars: 5, when: { day: '2024-05-07' } },
      { id: 8, title: 'Tea', body: 'green', stars: 5, when: { day: '2024-05-08' } },
    ]
    const { users, report } = await read({
      paths: [folder.write('expressions.jsonl', jsonLines(rows))],
      user: "'u' || id",
      time: '"when"->>\'day\'',
      text: "title || ': ' || body || CASE WHEN stars > 3 THEN ' (liked)' ELSE '' END",
    })
    expect(flat(users)).toEqual([
      ['u7', Date.UTC(2024, 4, 6), 'Soup: salty'],
      ['u8', Date.UTC(2024, 4, 8), 'Tea: green (liked)'],
    ])
    expect(report.issues).toMatchObject([{ kind: 'empty-text', count: 1 }])
    expect(report.issues[0].examples[0]).toContain('expressions.jsonl:2')
    expect(users[0].interactions[0].metadata).toEqual(rows[0])
  })

  it('takes column names as they are, whatever characters they have', async () => {
    const name = `a"b/c~d 'e'`
    const { users } = await read({
      paths: [folder.write('names.jsonl', jsonLines([{ User: '007', [name]: 'hello' }]))],
      text: name,
    })
    expect(flat(users)).toEqual([['007', undefined, 'hello']])
  })

  it('keeps user ids as written: leading zeros, and numbers beyond 2^53', async () => {
    const lines = '{"user": 9007199254740993, "text": "a"}\n{"user": 9007199254740992, "text": "b"}\n'
    const { users } = await read({ paths: [folder.write('big.jsonl', lines)] })
    expect(users.map(({ id }) => id)).toEqual(['9007199254740992', '9007199254740993'])
    const csv = folder.write('zeros.csv', 'user,text\n007,a\n7,b\n')
    expect((await read({ paths: [csv] })).users.map(({ id }) => id)).toEqual(['007', '7'])
  })

  it('reads a CSV without a header', async () => {
    const path = folder.write('bare.csv', '1,980730861,fine\n1,980730860,good\n')
    const { users } = await read({ paths: [path], user: 'column0', time: 'column1', text: 'column2' })
    expect(flat(users)).toEqual([
      ['1', 980730860_000, 'good'],
      ['1', 980730861_000, 'fine'],
    ])
  })

  it('reads columns of years as years', async () => {
    const path = folder.write('years.csv', 'user,year,text\nu,2020,b\nu,1999,a\n')
    const { users } = await read({ paths: [path], time: 'year' })
    expect(users[0].interactions.map(({ time }) => time)).toEqual([Date.UTC(1999, 0), Date.UTC(2020, 0)])
  })

  it('repairs bytes of another encoding, and says where', async () => {
    const latin1 = Buffer.concat([Buffer.from('{"user":"u","text":"caf'), Buffer.from([0xe9]), Buffer.from(' ü"}\n')])
    const path = folder.write('mixed.jsonl', Buffer.concat([Buffer.from('{"user":"u","text":"größe"}\n'), latin1]))
    const { users, report } = await read({ paths: [path] })
    expect(flat(users).map(([, , text]) => text)).toEqual(['größe', 'café ü'])
    expect(report.issues).toMatchObject([{ kind: 'encoding', count: 1 }])
    expect(report.issues[0].examples[0]).toContain('mixed.jsonl:2: ')
  })

  it('has a digest of the content alone', async () => {
    const one = await read({ paths: [folder.write('one.jsonl', jsonLines(ROWS))] })
    const moved = await read({ paths: [folder.write('x/moved.jsonl', jsonLines(shuffled(ROWS, 5)))] })
    const changed = await read({
      paths: [folder.write('changed.jsonl', jsonLines([...ROWS.slice(1), { ...ROWS[0], text: 'x' }]))],
    })
    expect(moved.digest).toBe(one.digest)
    expect(changed.digest).not.toBe(one.digest)
  })

  it('gives back any texts and users that were written, through JSON Lines and CSV', async () => {
    const word = fc.string({ unit: 'grapheme', minLength: 1 }).filter((s) => s.trim() !== '' && !/[\0\r]/.test(s))
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ user: word, text: word }), { minLength: 1, maxLength: 20 }),
        async (rows) => {
          const csv = `user,text\n${rows.map(({ user, text }) => `${quote(user)},${quote(text)}\n`).join('')}`
          for (const [name, content] of [
            ['property.jsonl', jsonLines(rows)],
            ['property.csv', csv],
          ]) {
            const { users, report } = await read({ paths: [folder.write(name, content)] })
            const expected = new Map<string, string[]>()
            for (const { user, text } of rows) {
              expected.set(user.trim(), [...(expected.get(user.trim()) ?? []), text.trim()])
            }
            expect(new Map(users.map(({ id, interactions }) => [id, interactions.map(({ text }) => text)]))).toEqual(
              expected,
            )
            expect(report.issues).toEqual([])
          }
        },
      ),
      { numRuns: 10 },
    )
  })

  it('leaves nothing behind', async () => {
    await read({ paths: [folder.write('tidy.jsonl', jsonLines(ROWS))] })
    await expect(openLogs({ paths: [folder.path('none.jsonl')] })).rejects.toThrow('no such file')
    expect(existsSync(folder.path('cache/logs'))).toBe(true)
    expect(readdirSync(folder.path('cache/logs'))).toEqual([])
  })
})

describe('loadUsers', () => {
  const rows = Array.from({ length: 20 }, (_, user) =>
    Array.from({ length: user < 3 ? 2 : 6 }, (_, i) => ({
      user: `u${user}`,
      text: `text ${user} ${i}`,
      ts: 1.7e9 + i,
    })),
  ).flat()
  const options = { heldOut: 2, minInteractions: 4, validation: 3, test: 2, seed: 1 }

  it('splits and reports', async () => {
    const path = folder.write('load.jsonl', jsonLines(rows))
    const { split, report } = await loadUsers({ paths: [path] }, options)
    expect([split.train.length, split.validation.length, split.test.length]).toEqual([12, 3, 2])
    expect(split.train[0].history).toHaveLength(4)
    expect(split.train[0].heldOut.map(({ time }) => time)).toEqual([1700000004_000, 1700000005_000])
    expect(report.skipped['too-few-interactions'].count).toBe(3)
    expect(report.skipped['too-few-interactions'].examples).toContain('user u0: 2 of at least 4')
  })

  it('gives the same split whatever the order of the rows', async () => {
    const one = await loadUsers({ paths: [folder.write('order.jsonl', jsonLines(rows))] }, options)
    const other = await loadUsers({ paths: [folder.write('order2.jsonl', jsonLines(shuffled(rows, 2)))] }, options)
    expect(other.split).toEqual(one.split)
    expect(other.digest).toBe(one.digest)
  })

  it('says why no user is left', async () => {
    const path = folder.write('few.jsonl', jsonLines(rows))
    await expect(loadUsers({ paths: [path] }, { ...options, minInteractions: 100 })).rejects.toMatchObject({
      code: 'logs-unusable',
      message: expect.stringMatching(
        /split\.minInteractions or split\.heldOut[\s\S]*too-few-interactions: 20 users, such as user u0: 2 of at least 100/,
      ),
    })
  })

  it.each([{ heldOut: 0 }, { minInteractions: 1.5 }, { validation: -1 }, { test: 2.5 }, { maxHistory: 0 }])(
    'refuses %j',
    async (wrong) => {
      await expect(loadUsers({ paths: ['x'] }, { ...options, ...wrong })).rejects.toMatchObject({
        code: 'invalid-options',
      })
    },
  )
})
