import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { expressionsOf, type MappingParts, refuseUntrusted, rememberExpressions, withoutNamed } from './trust.ts'

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

it('tells what a mapping has of another where the caller names a part', () => {
  const theirs = {
    paths: ['postgres://host/db'],
    query: 'select 1',
    text: 'upper(a)',
    with: { a: 'a.csv', b: 'b.csv' },
  }
  const [text, query] = [
    ['text', 'upper(a)'],
    ['query', 'select 1 (of postgres://host/db)'],
  ]
  const left = (own: MappingParts) => expressionsOf(withoutNamed(theirs, own))
  expect(left({})).toEqual([text, query, ['with.a', 'a.csv'], ['with.b', 'b.csv']])
  expect(left({ text: 'a', with: { a: 'mine.csv' } })).toEqual([query, ['with.b', 'b.csv']])
  const tables = { text: 'a', with: { a: '', b: '' } }
  expect(left({ ...tables, query: 'mine' })).toEqual([['query', 'mine (of postgres://host/db)']])
  expect(left({ ...tables, paths: ['postgres://me:pw@mine/db'] })).toEqual([
    ['query', 'select 1 (of postgres://mine/db)'],
  ])
  expect(left({ ...tables, query: 'mine', paths: ['mine.db'] })).toEqual([])
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
