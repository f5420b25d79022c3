import { readdirSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { Lines, plain } from './terminal.ts'

it('takes what steers a terminal out of a text, and nothing else', () => {
  expect(plain('a\tb\nc größe 👍🏽 日本 שלום')).toBe('a\tb\nc größe 👍🏽 日本 שלום')
  expect(plain('a\r\nb')).toBe('a\nb')
  expect(plain('\u001b]0;owned\u0007\u001b[2Jx\u009b31my\rz\u007f\b\u202egpj.exe')).not.toMatch(/[^\P{Cc}\n\t]|\u202e/u)
})

it('is the only way from a command to the terminal', () => {
  const folder = new URL('../', import.meta.url)
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  const source = files.filter(
    (file) => file.endsWith('.ts') && !file.endsWith('.test.ts') && !file.startsWith('testing'),
  )
  const direct = source.filter((file) =>
    /std(?:out|err)\.write\(|console\./.test(readFileSync(new URL(file, folder), 'utf8')),
  )
  expect(direct).toEqual(['shared/terminal.ts'])
})

/** Lines to a stream, and what it got. */
function linesTo(stream: { isTTY: boolean; columns: number }): {
  written: string[]
  lines: Lines
  at(ms: number): void
} {
  const written: string[] = []
  let now = 0
  const write = (text: string) => written.push(text) > 0
  const lines = new Lines(
    () => ({ ...stream, write }) as never,
    () => now,
  )
  return {
    written,
    lines,
    at(ms) {
      now = ms
    },
  }
}

it('draws passing lines over each other on a terminal', () => {
  const { written, lines } = linesTo({ isTTY: true, columns: 20 })
  lines.say('preparing weights: 1 %', true)
  lines.say('preparing: 2 %\u001b[2J', true)
  lines.say('ready')
  lines.say('next')
  const clear = '\r\u001b[K'
  expect(written).toEqual([`${clear}preparing weights: `, `${clear}preparing: 2 % [2J`, clear, 'ready\n', 'next\n'])
})

it('writes a passing line to a log now and then', () => {
  const { written, lines, at } = linesTo({ isTTY: false, columns: 0 })
  const passing = (ms: number) => {
    at(ms)
    lines.say(`${ms}`, true)
  }
  for (const ms of [1000, 9000, 11_000, 12_000, 20_000, 22_000]) passing(ms)
  lines.say('ready')
  passing(31_000)
  expect(written).toEqual(['11000\n', '22000\n', 'ready\n'])
})
