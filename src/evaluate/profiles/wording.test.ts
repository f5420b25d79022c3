import { describe, expect, it } from 'vitest'
import type { User } from '../../logs/types.ts'
import { wordingTable } from './wording.ts'

const user = (id: string, ...texts: string[]): User => ({
  id,
  history: texts.map((text) => ({ text, time: undefined, metadata: {} })),
  heldOut: [],
})
const users = [user('a', 'Boats on the cold river'), user('b', 'Cats'), user('c', 'A walk by the cold river')]
const condition = (key: string, ...profiles: string[]) => ({ key, label: key.toUpperCase(), profiles })

describe('what profiles look like', () => {
  const table = wordingTable(
    users,
    [
      condition('history', 'Boats', 'Cats', 'A walk'),
      condition('run', 'Likes boats on the cold river.', 'LIKES: boats!', 'likes boats'),
      condition('run2', 'x', '', 'The walk by the cold river'),
      { ...condition('mismatched', 'b', 'c', 'a'), mismatched: true },
    ],
    { limit: 4, seed: 1 },
  )!
  const of = (key: string) =>
    Object.fromEntries(
      Object.entries(table.rows.find(({ condition }) => condition === key)!.values).map(([metric, { mean }]) => [
        metric,
        mean,
      ]),
    )

  it('is told of written profiles alone', () => {
    expect(table.rows.map(({ condition }) => condition)).toEqual(['run', 'run2'])
    expect(wordingTable(users, [condition('none', 'x', 'x', 'x')], { limit: 4, seed: 1 })).toBeUndefined()
  })

  it('counts words, copies of their own user’s history, openings and equal texts', () => {
    // "boats on the cold river" is five words of a's history; b and c say the same but for signs and case.
    expect(of('run')).toEqual({
      words: expect.closeTo((6 + 2 + 2) / 3, 12),
      beyond: expect.closeTo(1 / 3, 12),
      opening: 1,
      shared: expect.closeTo(2 / 3, 12),
    })
    // "walk by the cold river" is five words of c's.
    expect(of('run2')).toMatchObject({ beyond: expect.closeTo(1 / 3, 12), shared: 0 })
    expect(table.notes).toContain('RUN: 3 of 3 begin with "likes boats".')
  })

  it('pairs the differences by user', () => {
    expect(table.differences.map(({ a, b }) => `${a} - ${b}`)).toEqual(['run2 - run'])
    expect(table.differences[0].values.words.mean).toBeCloseTo((1 + 0 + 6 - 10) / 3, 12)
  })
})
