import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Command } from 'commander'
import Database from 'libsql'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { trainConfigSchema } from '../train/config.ts'
import { judgeCommand } from './judge.ts'
import { logsCommand } from './logs.ts'
import { capturedOutput } from './testing/captured.ts'

const captured = capturedOutput()
let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bump-cli-logs-'))
  vi.stubEnv('BUMP_CACHE', folder)
})
afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(folder, { recursive: true, force: true })
})

function log(): string {
  const rows = [
    ...['a', 'b', 'c', 'd', 'D!'].map((text, i) => ({ who: 'ann', text, ts: 1700000000 + i })),
    { who: 'bob', text: 'only\u001b[31m one', ts: 1700000000 },
    { who: '', text: 'lost', ts: 1700000000 },
  ]
  const path = join(folder, 'log.jsonl')
  writeFileSync(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
  return path
}

it('prints what is in the log and what would be skipped', async () => {
  const path = log()
  await logsCommand().parseAsync(['inspect', path, '--user', 'who', '--min-interactions', '3'], { from: 'user' })
  for (const line of [
    `${path}  jsonl, 7 rows`,
    'Problems:\n  missing-user: 1 (',
    'read as        user: who   time: ts   text: text',
    'users          2',
    'interactions   6',
    'per user       min 1, median 1, p90 5, max 5',
    'time span      2023-11-14T22:13:20Z to 2023-11-14T22:13:24Z',
    'duplicates     1 repeat an earlier text of the same user',
    `    ${path}:7: who is empty`,
    'keeps 1 of 2 users:',
    '    user bob: 1 of at least 3',
    'dropped because they repeat an earlier text: 1',
  ])
    expect(captured.stdout).toContain(line)
  expect(captured.stdout).not.toContain('\u001b')
})

it('prints the same as JSON', async () => {
  await logsCommand().parseAsync(['inspect', log(), '--user', 'who', '--json', '--held-out', '2'], { from: 'user' })
  const inspection = JSON.parse(captured.stdout)
  expect(inspection.report).toMatchObject({ users: 2, interactions: 6, records: 7 })
  expect(inspection.textLength).toMatchObject({ min: 1, median: 1 })
  expect(inspection.split).toMatchObject({ users: 1, droppedHeldOut: 1, options: { heldOut: 2, minInteractions: 4 } })
  expect(inspection.samples.map((sample: { user: string }) => sample.user).sort()).toEqual([
    'ann',
    'ann',
    'ann',
    'ann',
    'bob',
  ])
})

it('refuses a number that is none', async () => {
  const command = logsCommand()
  const inspect = command.commands[0].exitOverride().configureOutput({ writeErr: () => undefined })
  await expect(inspect.parseAsync(['x.jsonl', '--held-out', '0'], { from: 'user' })).rejects.toThrow('whole number')
})

it('shows how CSV was read, what was decided, and reads it as the flags say', async () => {
  const path = join(folder, 'log.tsv')
  writeFileSync(path, 'user\ttext\na\t"One" word\nb\t"opened\n')
  await logsCommand().parseAsync(['inspect', path], { from: 'user' })
  expect(captured.stdout).toContain('tsv, 2 rows (tabs between fields, quotes are letters, header on line 1)')
  expect(captured.stdout).toContain(`Decided from the logs:\n  ${path}: quotes are letters`)
  writeFileSync(path, 'a title\nuser:text\na:%it~%s: so%\n')
  const flags = ['--delimiter', ':', '--quote', '%', '--escape', '~', '--header-line', '2']
  await logsCommand().parseAsync(['inspect', path, ...flags], { from: 'user' })
  expect(captured.stdout).toContain('it%s: so')
  writeFileSync(path, 'a;so\n')
  await logsCommand().parseAsync(['inspect', path, '--format', 'csv', '--columns', 'user,text'], { from: 'user' })
  expect(captured.stdout).toContain('no header)\n\ncolumns        user, text')
  const wrong = logsCommand().parseAsync(['inspect', path, '--header-line', 'x'], { from: 'user' })
  await expect(wrong).rejects.toThrow('`headerLine` is the number of a line')
})

it('reads the rows of a query', async () => {
  const path = join(folder, 'app.db')
  const database = new Database(path)
  database.exec("CREATE TABLE posts AS SELECT 'ann' AS who, 'hello' AS body")
  database.close()
  const query = 'select who as user, body as text from posts'
  await logsCommand().parseAsync(['inspect', path, '--query', query], { from: 'user' })
  expect(captured.stdout).toContain(`${path}  query, 1 row\n`)
  expect(captured.stdout).toContain('    hello')
  const without = logsCommand().parseAsync(['inspect', path], { from: 'user' })
  await expect(without).rejects.toThrow(/say by `query` which of its rows to read\. Its tables: posts \(who, body\)/)
})

it('shows the catalogues that --with names', async () => {
  const [path, items] = [join(folder, 'log.csv'), join(folder, 'films.csv')]
  writeFileSync(path, 'user,movie\na,7\nb,8\n')
  writeFileSync(items, 'id;title\n7;Alien\nx\n')
  const text = '(select title from items where items.id = rows.movie)'
  await logsCommand().parseAsync(['inspect', path, '--with', `items=${items}`, '--text', text], { from: 'user' })
  for (const line of [
    'table          items: 1 row (id BIGINT, title VARCHAR)',
    `  ${items}  csv, 2 rows (semicolons between fields, " around fields, header on line 1)`,
    `    ${items}:3: 1 fields where there should be 2: x`,
    "items has no row for 1 of the logs' rows: none whose id is their movie, such as 8",
    '    Alien',
  ])
    expect(captured.stdout).toContain(line)
  const command = logsCommand()
  const inspect = command.commands[0].exitOverride().configureOutput({ writeErr: () => undefined })
  for (const [given, message] of [
    [['items'], 'Expected <name>=<value>'],
    [['a=x', '--with', 'a=y'], 'a is given twice'],
  ] as const)
    await expect(inspect.parseAsync([path, '--with', ...given], { from: 'user' })).rejects.toThrow(message)
})

it('skips the very users that training and the judge check skip', () => {
  const defaultOf = (command: Command) =>
    command.commands[0].options.find(({ long }) => long === '--min-interactions')?.defaultValue
  const { minInteractions } = trainConfigSchema.shape.split.parse({})
  expect([defaultOf(logsCommand()), defaultOf(judgeCommand())]).toEqual([minInteractions, minInteractions])
})
