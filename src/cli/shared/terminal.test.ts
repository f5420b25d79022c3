import { readdirSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { plain } from './terminal.ts'

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
