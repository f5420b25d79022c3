// What users really send: every input below gives a BumpError or a counted issue that names file and line, never
// another error and never a silent loss.
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { BumpError, type ErrorCode } from '../util/errors.ts'
import { sha256 } from '../util/files.ts'
import { openLogs } from './dataset.ts'
import { gzipped, jsonLines, testFolder } from './testing/files.ts'
import { writeParquet } from './testing/written.ts'
import type { IssueKind, LogSource } from './types.ts'

const folder = testFolder()

const GOOD = Array.from({ length: 4 }, (_, i) => ({ user: 'u', text: `text ${i}`, time: `2024-01-0${i + 1}` }))
const good = jsonLines(GOOD)
/** The good lines with one more as line 3. */
const withLine = (line: string) => good.split('\n').toSpliced(2, 0, line).join('\n')

type Content = string | Uint8Array
interface Counted {
  kind: IssueKind
  count?: number
  /** Found in the first example; the file's name stands before it. */
  at: string
  interactions: number
}

const COUNTED: [string, string, Content, Counted][] = [
  [
    'a line that is no JSON',
    'a.jsonl',
    withLine('oops'),
    { kind: 'bad-line', at: ':3: not JSON: oops', interactions: 4 },
  ],
  ['a cut line', 'a.jsonl', withLine('{"user":"u","te'), { kind: 'bad-line', at: ':3: not JSON', interactions: 4 }],
  [
    'a line that is an array',
    'a.jsonl',
    withLine('[1,2]'),
    { kind: 'bad-line', at: ':3: not a JSON object', interactions: 4 },
  ],
  [
    'a line that is null',
    'a.jsonl',
    withLine('null'),
    { kind: 'bad-line', at: ':3: not a JSON object', interactions: 4 },
  ],
  ['NaN for a user', 'a.jsonl', withLine('{"user":NaN,"text":"x"}'), { kind: 'not-finite', at: ':3', interactions: 4 }],
  ['single quotes', 'a.jsonl', withLine("{'user':'u'}"), { kind: 'bad-line', at: ':3', interactions: 4 }],
  [
    'nesting built to exhaust the stack',
    'a.jsonl',
    withLine(`{"user":"u","text":${'['.repeat(50_000)}${']'.repeat(50_000)}}`),
    { kind: 'bad-line', at: ':3', interactions: 4 },
  ],
  [
    'a missing user',
    'a.jsonl',
    withLine('{"text":"x","time":"2024"}'),
    { kind: 'missing-user', at: ':3', interactions: 4 },
  ],
  ['a null user', 'a.jsonl', withLine('{"user":null,"text":"x"}'), { kind: 'missing-user', at: ':3', interactions: 4 }],
  [
    'a blank user',
    'a.jsonl',
    withLine('{"user":"  ","text":"x"}'),
    { kind: 'missing-user', at: ':3', interactions: 4 },
  ],
  ['an empty text', 'a.jsonl', withLine('{"user":"u","text":""}'), { kind: 'empty-text', at: ':3', interactions: 4 }],
  [
    'a text of blanks',
    'a.jsonl',
    withLine('{"user":"u","text":" \\n "}'),
    { kind: 'empty-text', at: ':3', interactions: 4 },
  ],
  ['a missing text', 'a.jsonl', withLine('{"user":"u"}'), { kind: 'empty-text', at: ':3', interactions: 4 }],
  [
    'an unparsable time',
    'a.jsonl',
    withLine('{"user":"u","text":"x","time":"some day"}'),
    { kind: 'bad-time', at: ':3: not a time: some day', interactions: 5 },
  ],
  [
    'a day that does not exist',
    'a.jsonl',
    withLine('{"user":"u","text":"x","time":"2023-02-30"}'),
    { kind: 'bad-time', at: ':3', interactions: 5 },
  ],
  [
    'a time that is an object',
    'a.jsonl',
    withLine('{"user":"u","text":"x","time":{}}'),
    { kind: 'bad-time', at: ':3', interactions: 5 },
  ],
  [
    'a missing time',
    'a.jsonl',
    withLine('{"user":"u","text":"x"}'),
    { kind: 'missing-time', at: ':3', interactions: 5 },
  ],
  [
    'a lone surrogate',
    'a.jsonl',
    withLine('{"user":"u","text":"x \\ud800","time":"2024"}'),
    { kind: 'encoding', at: ':3', interactions: 5 },
  ],
  [
    'a lone surrogate in a key',
    'a.jsonl',
    withLine('{"user":"u","text":"x","time":"2024","k\\udc00":1}'),
    { kind: 'encoding', at: ':3', interactions: 5 },
  ],
  [
    'a NUL',
    'a.jsonl',
    withLine('{"user":"u","text":"x\\u0000y","time":"2024"}'),
    { kind: 'encoding', at: ':3', interactions: 5 },
  ],
  [
    'Latin-1 bytes',
    'a.jsonl',
    Buffer.from(withLine('{"user":"u","text":"caf\xe9","time":"2024"}'), 'latin1'),
    { kind: 'encoding', at: ':3', interactions: 5 },
  ],
  [
    'a CSV row that is too short',
    'a.csv',
    'user,text,x\nu,a,1\nu,b\n',
    { kind: 'bad-line', at: ':3: 2 fields', interactions: 1 },
  ],
  [
    'a CSV row that is too long',
    'a.csv',
    'user,text\nu,a\nu,b,c\n',
    { kind: 'bad-line', at: ':3: 3 fields', interactions: 1 },
  ],
  [
    'an open quote',
    'a.csv',
    'user,text\nu,a\nu,"b\nu,c\n',
    { kind: 'bad-line', at: ':3: a quoted field', interactions: 2 },
  ],
  [
    'a NUL in CSV',
    'a.csv',
    'user,text\nu,a\0b\nu,a long enough text that one NUL does not make it binary data\nu,c\n',
    { kind: 'encoding', at: ':2', interactions: 3 },
  ],
  ['an empty CSV field', 'a.tsv', 'user\ttext\nu\ta\n\tb\n', { kind: 'missing-user', at: ':3', interactions: 1 }],
  [
    'an array that breaks off',
    'a.json',
    JSON.stringify(GOOD).slice(0, -20),
    { kind: 'truncated-file', at: ':1', interactions: 3 },
  ],
  [
    'a bad element',
    'a.json',
    '[{"user":"u","text":"a"},\noops,{"user":"u","text":"b"}]',
    { kind: 'bad-line', at: ':2 (element 2)', interactions: 2 },
  ],
  [
    'an array with a tail',
    'a.json',
    `${JSON.stringify(GOOD)}]}`,
    { kind: 'bad-line', at: ':1: text outside', interactions: 4 },
  ],
  [
    'truncated gzip',
    'a.jsonl.gz',
    gzipped(good).subarray(0, -12),
    { kind: 'truncated-file', at: 'damaged here', interactions: 3 },
  ],
]

describe('counted', () => {
  it.each(COUNTED)('%s', async (_, name, content, expected) => {
    const path = folder.write(name, content)
    const dataset = await openLogs({ paths: [path] })
    dataset.close()
    const issue = dataset.report.issues.find(({ kind }) => kind === expected.kind)
    expect(issue?.count).toBe(expected.count ?? 1)
    expect(issue?.examples[0]).toContain(path)
    expect(issue?.examples[0]).toContain(expected.at)
    expect(dataset.report.interactions).toBe(expected.interactions)
  })

  it('reads damaged gzip up to the damage', async () => {
    const rows = Array.from({ length: 5000 }, (_, i) => ({ user: 'u', text: sha256(`${i}`) }))
    const bytes = gzipped(jsonLines(rows))
    const middle = Math.floor(bytes.length / 2)
    bytes.fill(0xff, middle, middle + 500)
    const dataset = await openLogs({ paths: [folder.write('damaged.jsonl.gz', bytes)] })
    dataset.close()
    const damage = dataset.report.issues.find(({ kind }) => kind === 'truncated-file')
    expect(damage?.examples[0]).toMatch(/damaged\.jsonl\.gz:\d{4}: the compressed data end or are damaged here/)
    expect(dataset.report.interactions).toBeGreaterThan(1500)
    expect(dataset.report.interactions).toBeLessThan(3500)
  })

  it('keeps a record without time after the one before it', async () => {
    const dataset = await openLogs({ paths: [folder.write('b.jsonl', withLine('{"user":"u","text":"x","time":"?"}'))] })
    const users = []
    for await (const user of dataset.users()) users.push(user)
    dataset.close()
    expect(users[0].interactions.map(({ text }) => text)).toEqual(['text 0', 'text 1', 'x', 'text 2', 'text 3'])
  })

  it('counts every record that is left out', async () => {
    const lines = [...good.trim().split('\n'), 'bad', '{"text":"x"}', '{"user":"u"}', '', '[]']
    const dataset = await openLogs({ paths: [folder.write('sum.jsonl', lines.join('\n'))] })
    dataset.close()
    const left = dataset.report.issues
      .filter(({ effect }) => effect === 'row left out')
      .reduce((sum, { count }) => sum + count, 0)
    expect(dataset.report.records).toBe(8)
    expect(dataset.report.interactions + left).toBe(8)
  })

  it('leaves out an empty and a damaged file among good ones', async () => {
    const parquet = await writeParquet(folder.path('ok.parquet'), "SELECT 'u' AS user, 'a' AS text")
    const damaged = folder.write('damaged.parquet', 'PAR1 this is not Parquet PAR1')
    for (const paths of [
      [parquet, damaged],
      [folder.write('ok.jsonl', good), folder.write('empty.jsonl', '')],
    ]) {
      const dataset = await openLogs({ paths })
      dataset.close()
      expect(dataset.report.issues).toMatchObject([{ kind: 'unreadable-file', count: 1 }])
      expect(dataset.report.issues[0].examples[0]).toContain(paths[1])
    }
  })
})

/** With the code, and what of the input the message names: places, counts, columns. */
const REFUSED: [string, string, Content, Omit<LogSource, 'paths'>, ErrorCode, ...string[]][] = [
  ['an empty file', 'a.jsonl', '', {}, 'logs-unusable', 'a.jsonl'],
  ['an empty gzip file', 'a.jsonl.gz', gzipped(''), {}, 'logs-unusable', 'a.jsonl.gz'],
  ['UTF-32', 'a.csv', Buffer.from('\uFEFF\0u\0,\0t\0\n\0', 'utf16le'), {}, 'logs-unusable', 'a.csv is binary data'],
  ['blanks only', 'a.jsonl', ' \n\n', {}, 'logs-unusable', 'a.jsonl'],
  ['only bad lines', 'a.jsonl', 'one\ntwo\n', {}, 'logs-unusable', 'bad-line: 2', 'a.jsonl:1'],
  ['an object that breaks off', 'a.json', '{\n "user": 1,\n', {}, 'logs-unusable', 'truncated-file: 1', 'a.json:3'],
  ['a JSON number', 'a.json', '5', {}, 'logs-unusable', 'a.json:1'],
  ['an empty array', 'a.json', '[]', {}, 'logs-unusable', 'a.json'],
  ['a CSV with a header only', 'a.csv', 'user,text\n', {}, 'logs-unusable', 'a.csv'],
  [
    'no usable user',
    'a.jsonl',
    '{"user":"","text":"x"}\n{"user":"u","text":""}',
    {},
    'logs-unusable',
    'missing-user: 1',
    'empty-text: 1',
  ],
  ['no user column', 'a.jsonl', '{"name":"u","text":"x"}', {}, 'invalid-options', '`user`', 'found: name, text'],
  ['no text column', 'a.jsonl', '{"user":"u","words":"x"}', {}, 'invalid-options', '`text`', 'found: user, words'],
  ['a column that is not there', 'a.jsonl', good, { text: 'txt' }, 'invalid-options', 'text "txt"', 'is "text"'],
  [
    'a wrong column in an expression',
    'a.jsonl',
    good,
    { text: "upper(texx) || 'a'" },
    'invalid-options',
    '"texx"',
    'nearest is "text"',
  ],
  [
    'a column that is no name in SQL, almost',
    'k.csv',
    'Kunde Nr.,text\na,b\n',
    { user: 'Kunde Nr' },
    'invalid-options',
    'user "Kunde Nr" is no column of these logs; the nearest is "Kunde Nr."',
  ],
  ['a wrong time column', 'a.jsonl', good, { time: 'tme' }, 'invalid-options', 'time "tme"', 'nearest is "time"'],
  ['an unfinished expression', 'a.jsonl', good, { text: "text || 'a" }, 'invalid-options', "text || 'a"],
  ['an unknown function', 'a.jsonl', good, { text: 'shout(text)' }, 'invalid-options', 'shout does not exist'],
  ['an aggregate', 'a.jsonl', good, { text: 'max(text)' }, 'invalid-options', 'max(text)'],
  ['two expressions', 'a.jsonl', good, { text: 'text, user' }, 'invalid-options', 'text, user'],
  [
    'a statement smuggled in',
    'a.jsonl',
    good,
    { text: 'text) FROM rows; DROP VIEW rows; --' },
    'invalid-options',
    'DROP VIEW',
  ],
  ['a bracket too many', 'a.jsonl', good, { user: 'lower(user))' }, 'invalid-options', 'user "lower(user))"'],
  ['an empty option', 'a.jsonl', good, { user: ' ' }, 'invalid-options', '`user`'],
  [
    'a file of another kind',
    'a.bin',
    Buffer.from(Array.from({ length: 999 }, (_, i) => (i * 7) % 11)),
    {},
    'logs-unusable',
    'a.bin',
    'Parquet',
  ],
  ['a zip archive', 'a.csv', Buffer.from('PK\x03\x04....'), {}, 'logs-unusable', 'zip'],
  ['bzip2', 'a.jsonl.bz2', Buffer.from('BZh91AY'), {}, 'logs-unusable', 'bzip2'],
  [
    'prose',
    'a.txt',
    'Dear reader\n',
    {},
    'invalid-options',
    'a.txt',
    'jsonl, chatgpt, takeout, json, mbox, tsv, csv, parquet',
  ],
  [
    'a format that is none',
    'a.jsonl',
    good,
    { format: 'xml' },
    'invalid-options',
    '"xml"',
    'jsonl, chatgpt, takeout, json, mbox, tsv, csv',
  ],
  ['text that is called Parquet', 'a.parquet', 'user,text\n', {}, 'logs-unusable', 'a.parquet'],
  ['a Parquet head without a tail', 'a.parquet', 'PAR1abc', {}, 'logs-unusable', 'a.parquet'],
  ['CSV taken for JSON Lines', 'a.csv', 'user,text\nu,a\n', { format: 'jsonl' }, 'logs-unusable', 'a.csv:1'],
  [
    'a gzip header and nothing else, of unknown format',
    'a.jsonl.gz',
    Buffer.from([0x1f, 0x8b, 8, 0, 0]),
    {},
    'logs-unusable',
    'unreadable-file: 1',
    'a.jsonl.gz',
  ],
  [
    'a gzip header and nothing else',
    'a.jsonl.gz',
    Buffer.from([0x1f, 0x8b, 8, 0, 0]),
    { format: 'jsonl' },
    'logs-unusable',
    'truncated-file: 1',
    'a.jsonl.gz:1',
  ],
]

async function refusal(source: LogSource): Promise<BumpError> {
  const error: unknown = await openLogs(source).then(
    (dataset) => void dataset.close(),
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(BumpError)
  expect((error as BumpError).message).not.toMatch(/\n\s+at /)
  return error as BumpError
}

describe('refused', () => {
  it.each(REFUSED)('%s', async (_, name, content, options, code, ...named) => {
    const error = await refusal({ paths: [folder.write(name, content)], ...options })
    expect(error.code).toBe(code)
    for (const part of named) expect(error.message).toContain(part)
  })

  it.each([
    ['text', "repeat('x', 20000) AS text"],
    ['list', "'x' AS text, [repeat('y', 20000)] AS list"],
  ])('a few kilobytes of Parquet that hold 100 MB in a column of %s', async (name, columns) => {
    const path = folder.path(`${name}.parquet`)
    await writeParquet(path, `SELECT 'u' AS "user", ${columns} FROM range(5000)`)
    const { message } = await refusal({ paths: [path] })
    expect(message).toMatch(/\.parquet holds over 200 times its size in rows and texts.*write it again without/)
  })

  it('a truncated Parquet file', async () => {
    const whole = readFileSync(await writeParquet(folder.path('whole.parquet'), "SELECT 'u' AS user, 'a' AS text"))
    for (const length of [8, whole.length - 20, whole.length - 4]) {
      const path = folder.write('cut.parquet', whole.subarray(0, length))
      expect((await refusal({ paths: [path] })).message).toMatch(/cut\.parquet: damaged or not Parquet/)
    }
    const lying = Buffer.from(whole)
    lying.writeUInt32LE(0x7fffffff, lying.length - 8)
    expect((await refusal({ paths: [folder.write('lying.parquet', lying)] })).message).toMatch(/damaged or not Parquet/)
  })

  it.each([
    [[], 'invalid-options', 'no logs'],
    [['/nowhere/log.jsonl'], 'logs-unusable', '/nowhere/log.jsonl'],
    [['/nowhere/*.jsonl'], 'logs-unusable', '/nowhere/*.jsonl'],
    [['ftp://example.org/log.jsonl'], 'logs-unusable', 'ftp://example.org/log.jsonl'],
    [['http://127.0.0.1:9/log.jsonl'], 'logs-unusable', 'http://127.0.0.1:9/log.jsonl'],
  ])('%j', async (paths, code, named) => {
    const error = await refusal({ paths })
    expect(error.code).toBe(code)
    expect(error.message).toContain(named)
  })

  it('a folder, and a mixture of Parquet and text', async () => {
    const text = folder.write('mix/a.jsonl', good)
    const parquet = await writeParquet(folder.path('mix/b.parquet'), "SELECT 'u' AS user, 'a' AS text")
    expect((await refusal({ paths: [folder.path('mix')] })).message).toMatch(/is a folder.*\*\.jsonl/)
    expect((await refusal({ paths: [text, parquet] })).message).toMatch(/one kind at a time/)
  })
})
