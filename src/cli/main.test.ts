// The command line as a whole: help with examples everywhere, and a message with the right exit code for every mistake.
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { parseInteractions } from './generate.ts'
import { main } from './main.ts'
import { capturedOutput } from './testing/captured.ts'

const captured = capturedOutput()
let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bump-main-'))
  mkdirSync(join(folder, 'damaged'))
  writeFileSync(join(folder, 'damaged', 'config.json'), '{"config":')
  const records = ['u1', 'u2', 'u3'].flatMap((user) =>
    [1, 2, 3, 4, 5].map((n) => ({ user, text: `${user} wrote ${n}` })),
  )
  writeFileSync(join(folder, 'log.jsonl'), records.map((record) => `${JSON.stringify(record)}\n`).join(''))
  mkdirSync(join(folder, 'empty'))
  writeFileSync(join(folder, 'empty', 'config.json'), JSON.stringify({ config: { name: 'x' } }))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('help', () => {
  it.each([
    [],
    ['demo'],
    ['logs', 'inspect'],
    ['judge', 'check'],
    ['train'],
    ['ablate'],
    ['profile'],
    ['generate'],
    ['evaluate', 'lamp'],
  ])('of bump %s %s shows examples', async (...command) => {
    expect(await main([...command.filter(Boolean), '--help'])).toBe(0)
    expect(captured.stdout).toMatch(/Examples:\n {2}.*\bbump /)
  })
})

describe('mistakes', () => {
  it.each<[string[], number, RegExp]>([
    [['trian'], 2, /unknown command 'trian'\n\(Did you mean train\?\)/],
    [['train', '--modle', 'x'], 2, /unknown option '--modle'\n\(Did you mean --model\?\)/],
    [['train', 'extra'], 2, /too many arguments/],
    [['train'], 2, /bump train needs logs and a model/],
    [['train', '--logs', 'a.csv', '--model', 'm', '--threads', '0'], 2, /whole number above 0/],
    [['train', '--logs', 'a.csv', '--model', 'm', '--format', 'xml'], 2, /Allowed choices are jsonl/],
    [['train', '--logs', 'none.csv', '--model', 'm'], 1, /none\.csv: no such file/],
    [['train', '--logs', 'a.csv', '--model', 'm', '--set', 'optim.lr=1'], 2, /unknown key optim\.lr/],
    [
      ['train', '--logs', 'DIR/log.jsonl', '--test-logs', 'DIR/log.jsonl', '--model', 'm'],
      1,
      /3 users stand in the logs of training and in those of the test \(u\d/,
    ],
    [['profile'], 2, /give either --run .* or --model/],
    [['profile', '--run', 'a', '--model', 'b'], 2, /give either --run .* or --model/],
    [['profile', '--model', 'b'], 2, /--logs is required with --model/],
    [['profile', '--run', 'nowhere'], 1, /nowhere is no run folder/],
    [['profile', '--run', 'DIR/damaged'], 1, /config\.json is damaged/],
    [['profile', '--run', 'DIR/empty'], 1, /another version of bump/],
    [['profile', '--run', 'a', '--temperature', 'hot'], 2, /a number from 0 to 5/],
    [['profile', '--run', 'a', '--history-tokens', '3'], 2, /at least 8/],
  ])('bump %j', async (argv, code, message) => {
    expect(await main(argv.map((arg) => arg.replace('DIR', folder)))).toBe(code)
    expect(captured.stderr).toMatch(message)
    expect(captured.stderr).not.toMatch(/^ +at /m)
  })

  it('are not bugs, and bugs are named as such', async () => {
    expect(existsSync('none.csv')).toBe(false)
    vi.spyOn(process.stdout, 'once').mockImplementation(() => process.stdout)
    vi.spyOn(process, 'on').mockImplementation(() => {
      throw new TypeError('no such thing')
    })
    expect(await main(['profile', '--model', 'nowhere', '--logs', 'none.csv'])).toBe(1)
    expect(captured.stderr).toContain('no such thing\nThis is a bug in bump.')
  })
})

describe('bump train --dry-run', () => {
  it('prints the resolved configuration', async () => {
    expect(await main(['train', '--logs', 'a.csv', '--model', 'm', '--steps', '7', '--dry-run'])).toBe(0)
    expect(captured.stdout).toContain('\n  steps: 7\n')
  })
})

describe('interactions from stdin', () => {
  const texts = (input: string, field = 'text') => parseInteractions(input, field).map(({ text }) => text)

  it('are lines of text or JSONL', () => {
    expect(texts('one\n\n two \r\n')).toEqual(['one', 'two'])
    expect(texts('{"body":"one"}\n{"body":"two"}\n', 'body')).toEqual(['one', 'two'])
  })

  it.each([
    ['', 'no interactions on stdin'],
    [' \n', 'no interactions on stdin'],
    ['{"text":"a"}\n{"text":', 'stdin:2: not valid JSON'],
    ['{"text":"a"}\n\n{"txt":"b"}', 'stdin:3: no text in field "text" (fields: txt)'],
    ['{"text":5}', 'stdin:1: no text in field "text"'],
    ['{"text":"a"}\n[1]', 'stdin:2: no text in field "text"'],
  ])('%j is refused', (input, message) => expect(() => texts(input)).toThrow(message))
})
