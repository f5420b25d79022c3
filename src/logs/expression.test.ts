// A mapping expression computes over the records and does nothing else (SECURITY.md).
import { existsSync, readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { describe, expect, it } from 'vitest'
import { lockDatabase, openDatabase } from './database.ts'
import { openLogs } from './dataset.ts'
import { jsonLines, testFolder } from './testing/files.ts'
import { writeParquet } from './testing/written.ts'

const folder = testFolder()
const records = [
  { user: 'ann', title: 'roses', tags: ['a', 'b'] },
  { user: 'bob', title: 'beans', tags: ['c'] },
]

const logs = () => folder.write('log.jsonl', jsonLines(records))

async function texts(text: string, path = logs()): Promise<string[]> {
  const dataset = await openLogs({ paths: [path], user: 'user', text })
  try {
    return (await dataset.query('SELECT text FROM interactions ORDER BY text')).map((row) => String(row.text))
  } finally {
    dataset.close()
  }
}

const refused: [what: string, expression: (out: string, secret: string) => string, reason: RegExp][] = [
  ['a second statement', (out) => `1); COPY (SELECT 42) TO '${out}'; SELECT (1`, /more than one expression/],
  [
    'one that fits the query around it',
    (out) => `1)) AS v FROM rows; COPY (SELECT 42) TO '${out}'; SELECT ((1`,
    /syntax error/,
  ],
  ['a second SELECT', () => '1); SELECT (2', /more than one expression/],
  ['an extension', () => '1); INSTALL spatial FROM community; LOAD spatial; SELECT (1', /more than one expression/],
  ['a setting', () => "1); SET memory_limit = '1TB'; SELECT (1", /more than one expression/],
  ['a second value', () => 'title), (user', /more than one expression/],
  ['all columns', () => 'COLUMNS(*)', /more than one (value|expression)/],
  ['a FROM of its own', () => 'title) FROM rows WHERE (true', /more than one expression/],
  ['a UNION', () => 'title) UNION ALL SELECT (title', /more than one expression/],
  ['another name', () => 'title) AS v --', /syntax error|more than one expression/],
  ['a file', (_, secret) => `(SELECT content FROM read_text('${secret}'))`, /read_text\(\) is not allowed/],
  ['a file by its name', (_, secret) => `(SELECT a FROM '${secret}')`, /is no table here/],
  [
    'a file within a WITH',
    (_, secret) => `(WITH f AS (FROM read_text('${secret}')) SELECT content FROM f)`,
    /read_text/,
  ],
  ['a file in an argument', (_, secret) => `title || (SELECT max(content) FROM read_text('${secret}'))`, /read_text/],
  [
    'a file by another table function',
    (_, secret) => `(SELECT * FROM query('FROM read_text(''${secret}'')'))`,
    /query\(\)/,
  ],
  ['a list of files', () => "(SELECT max(file) FROM glob('/etc/*'))", /glob\(\) is not allowed/],
  ['the settings of the database', () => '(SELECT max(value) FROM duckdb_settings())', /duckdb_settings/],
]

describe('a mapping expression', () => {
  it.each(refused)('is not %s', async (_, expression, reason) => {
    const secret = folder.write('secret.csv', 'a\nsecret\n')
    const out = `${secret}.out`
    await expect(texts(expression(out, secret))).rejects.toMatchObject({
      code: 'invalid-options',
      message: expect.stringMatching(reason),
    })
    expect(existsSync(out)).toBe(false)
  })

  it.each([
    ['functions and operators', "upper(title) || ': ' || user", ['BEANS: bob', 'ROSES: ann']],
    ['brackets that close and open', "(title) || ('!')", ['beans!', 'roses!']],
    ['a comment', 'title -- the words', ['beans', 'roses']],
    ['a semicolon and brackets in a text', "title || '); SELECT (1'", ['beans); SELECT (1', 'roses); SELECT (1']],
    ['a query over the records', '(SELECT max(r.title) FROM rows r)', ['roses', 'roses']],
    ['a query over a list', "(SELECT string_agg(t, '+') FROM unnest(tags::VARCHAR[]) x(t))", ['a+b', 'c']],
    ['a WITH of its own', '(WITH t AS (SELECT title AS q) SELECT q FROM t)', ['beans', 'roses']],
  ])('may have %s', async (_, expression, expected) => {
    expect(await texts(expression)).toEqual(expected)
  })

  it('reads Parquet by a relative path, after everything else is shut off', async () => {
    const path = await writeParquet(folder.path('log.parquet'), "SELECT 'ann' AS user, 'roses' AS title")
    expect(await texts("title || '!'", relative(process.cwd(), path))).toEqual(['roses!'])
  })
})

describe('a locked database', () => {
  it('reads and writes the files named, and nothing else', async () => {
    const allowed = folder.write('allowed.txt', 'words')
    const secret = folder.write('secret.txt', 'secret')
    const out = `${secret}.out`
    folder.write('db/x', '')
    const database = await openDatabase(folder.path('db'), true)
    try {
      await lockDatabase(database, [allowed])
      const run = (sql: string) => database.connection.runAndReadAll(sql)
      expect((await run(`SELECT content FROM read_text('${allowed}')`)).getRows()).toEqual([['words']])
      await expect(run(`SELECT content FROM read_text('${secret}')`)).rejects.toThrow('disabled by configuration')
      await expect(run(`COPY (SELECT 42) TO '${out}'`)).rejects.toThrow('disabled by configuration')
      await expect(run('LOAD httpfs')).rejects.toThrow('disabled')
      await expect(run('SET enable_external_access = true')).rejects.toThrow()
      const second = await database.connect()
      await expect(second.run(`SET allowed_paths = ['${secret}']`)).rejects.toThrow()
      expect(String((await second.runAndReadAll("SELECT current_setting('TimeZone')")).getRows())).toBe('UTC')
    } finally {
      database.close()
    }
    expect(existsSync(out)).toBe(false)
    expect(readFileSync(secret, 'utf8')).toBe('secret')
  })
})
