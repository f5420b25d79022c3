import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { shuffled } from '../util/random.ts'
import { normaliseText } from './normalise.ts'
import { chronological, splitUser, splitUsers } from './split.ts'
import type { Interaction, User } from './types.ts'

const at = (time: number | undefined, text: string): Interaction => ({ time, text, metadata: {} })
const texts = (interactions: Interaction[]) => interactions.map(({ text }) => text)

function split(interactions: Interaction[], options: Parameters<typeof splitUser>[2]): User {
  const result = splitUser('u', interactions, options)
  if (!('user' in result)) throw new Error(result.skipped)
  return result.user
}

describe('chronological', () => {
  it('keeps the order of equal times and puts a record without time after the one before it', () => {
    const ordered = chronological([at(3, 'a'), at(undefined, 'b'), at(1, 'c'), at(1, 'd'), at(undefined, 'e')])
    expect(texts(ordered)).toEqual(['c', 'd', 'e', 'a', 'b'])
  })

  it('keeps file order where there are no times', () => {
    expect(texts(chronological([at(undefined, 'z'), at(undefined, 'a')]))).toEqual(['z', 'a'])
  })
})

describe('splitUser', () => {
  const five = [at(1, 'a'), at(2, 'b'), at(3, 'c'), at(4, 'd'), at(5, 'e')]

  it('holds out the latest and keeps the latest history', () => {
    const user = split(shuffled(five, 1), { heldOut: 2, minInteractions: 3, maxHistory: 2 })
    expect(texts(user.history)).toEqual(['b', 'c'])
    expect(texts(user.heldOut)).toEqual(['d', 'e'])
  })

  it('drops a late interaction that repeats the history and holds out an earlier one in its place', () => {
    const result = splitUser('u', [...five, at(6, ' B! ')], { heldOut: 2, minInteractions: 3 })
    expect(result).toMatchObject({ dropped: 1 })
    if ('user' in result) {
      expect(texts(result.user.history)).toEqual(['a', 'b', 'c'])
      expect(texts(result.user.heldOut)).toEqual(['d', 'e'])
    }
  })

  it('drops a repeat inside the held-out set', () => {
    const user = split([...five, at(6, 'E.')], { heldOut: 2, minInteractions: 3 })
    expect(texts(user.heldOut)).toEqual(['d', 'e'])
    expect(texts(user.history)).toEqual(['a', 'b', 'c'])
  })

  it('looks for repeats also in the history that maxHistory leaves out', () => {
    const user = split([...five, at(6, 'a')], { heldOut: 1, minInteractions: 3, maxHistory: 1 })
    expect(texts(user.heldOut)).toEqual(['e'])
  })

  it('skips users with too few interactions and users who only repeat themselves', () => {
    expect(splitUser('u', five, { heldOut: 1, minInteractions: 6 })).toMatchObject({ skipped: 'too-few-interactions' })
    expect(splitUser('u', five.slice(0, 1), { heldOut: 1, minInteractions: 1 })).toMatchObject({
      skipped: 'too-few-interactions',
    })
    const same = five.map(({ time }) => at(time, 'again'))
    expect(splitUser('u', same, { heldOut: 1, minInteractions: 3 })).toMatchObject({
      skipped: 'held-out-repeats-history',
    })
  })

  const log = fc.array(
    fc.record({
      time: fc.option(fc.integer({ min: 0, max: 30 }), { nil: undefined }),
      text: fc.oneof(fc.constantFrom('a', 'A!', 'b', 'c d', 'C  d.', 'e'), fc.string({ minLength: 1 })),
      metadata: fc.constant({}),
    }),
    { maxLength: 30 },
  )

  it('never leaks a held-out text, keeps time order, and takes everything from the user', () => {
    fc.assert(
      fc.property(log, fc.integer({ min: 1, max: 4 }), (interactions, heldOut) => {
        const result = splitUser('u', interactions, { heldOut, minInteractions: 2 })
        if (!('user' in result)) return
        const { history, heldOut: held } = result.user
        const seen = new Set(history.map(({ text }) => normaliseText(text)))
        expect(held.some(({ text }) => seen.has(normaliseText(text)))).toBe(false)
        expect(new Set(held.map(({ text }) => normaliseText(text))).size).toBe(held.length)
        expect(held.length).toBeGreaterThan(0)
        expect(held.length).toBeLessThanOrEqual(heldOut)
        expect(history.length).toBeGreaterThan(0)
        expect(history.length + held.length + result.dropped).toBe(interactions.length)
        const ordered = chronological(interactions)
        expect(history).toEqual(ordered.slice(0, history.length))
        expect(ordered.slice(history.length).filter((one) => held.includes(one))).toEqual(held)
      }),
    )
  })

  it('does not depend on the order of the rows where times differ', () => {
    fc.assert(
      fc.property(log, fc.integer(), (interactions, seed) => {
        const timed = interactions.map((one, i) => ({ ...one, time: i }))
        const options = { heldOut: 2, minInteractions: 3 }
        expect(splitUser('u', shuffled(timed, seed), options)).toEqual(splitUser('u', timed, options))
      }),
    )
  })
})

describe('splitUsers', () => {
  const people = (ids: string[]): User[] => ids.map((id) => ({ id, history: [], heldOut: [] }))
  const ids = (users: User[]) => users.map(({ id }) => id)
  const share = fc.oneof(fc.double({ min: 0, max: 0.6, noNaN: true }), fc.integer({ min: 1, max: 20 }))

  it('puts every user into exactly one part, whatever the order of the input', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.string(), { maxLength: 60 }),
        share,
        share,
        fc.integer({ min: 0, max: 9 }),
        (names, validation, test, seed) => {
          const parts = splitUsers(people(names), { validation, test, seed })
          const all = [...ids(parts.train), ...ids(parts.validation), ...ids(parts.test)]
          expect(all.sort()).toEqual([...names].sort())
          expect(splitUsers(people(shuffled(names, 7)), { validation, test, seed })).toEqual(parts)
        },
      ),
    )
  })

  it('takes shares and counts', () => {
    const users = people(Array.from({ length: 50 }, (_, i) => `u${i}`))
    const parts = splitUsers(users, { validation: 0.1, test: 7, seed: 3 })
    expect([parts.train.length, parts.validation.length, parts.test.length]).toEqual([38, 5, 7])
    const other = splitUsers(users, { validation: 0.1, test: 7, seed: 4 })
    expect(ids(other.test)).not.toEqual(ids(parts.test))
  })

  it('moves few users when one is added', () => {
    const names = Array.from({ length: 200 }, (_, i) => `u${i}`)
    const before = splitUsers(people(names), { validation: 0.1, test: 0.1, seed: 1 })
    const after = splitUsers(people([...names, 'new']), { validation: 0.1, test: 0.1, seed: 1 })
    for (const part of ['train', 'validation', 'test'] as const) {
      const left = ids(before[part]).filter((id) => !ids(after[part]).includes(id))
      expect(left.length).toBeLessThanOrEqual(2)
    }
  })
})
