import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { expressionsOf, refuseUntrusted, rememberExpressions } from './trust.ts'

let cache: string
beforeAll(() => {
  cache = mkdtempSync(join(tmpdir(), 'bump-trust-'))
  vi.stubEnv('BUMP_CACHE', join(cache, 'not', 'there', 'yet'))
})
afterAll(() => {
  vi.unstubAllEnvs()
  rmSync(cache, { recursive: true, force: true })
})

it('tells expressions from names of columns', () => {
  const names = ['user', 'review_text', 'größe', 'meta.author', 'user-id', '0', ' body ']
  for (const text of names) expect(expressionsOf({ text })).toEqual([])
  const expressions = [
    'title || body',
    'upper(title)',
    "'x'",
    '"Review Text"',
    '(text)',
    'a+b',
    'x::int',
    'a b',
    't[1]',
  ]
  for (const text of expressions) expect(expressionsOf({ user: 'user', text })).toEqual([['text', text]])
})

it('refuses expressions that were never used here, shows them, and takes them once they were', () => {
  const mapping = { user: 'who', time: 'ts + 1', text: "title || ': ' || body" }
  const refuse = (trust?: boolean) => () => refuseUntrusted(mapping, 'theirs/config.json', trust)
  expect(refuse()).toThrow(
    /^theirs\/config\.json names SQL expressions.*\n {2}time: ts \+ 1\n {2}text: title \|\| ': '/,
  )
  expect(refuse(true)).not.toThrow()
  rememberExpressions({ text: mapping.text })
  expect(refuse()).toThrow(/machine:\n {2}time: ts \+ 1\nRead them/)
  rememberExpressions(mapping)
  rememberExpressions(mapping)
  expect(refuse()).not.toThrow()
})
