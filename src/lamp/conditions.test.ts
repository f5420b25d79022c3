import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  CONDITION_LABELS,
  CONDITIONS,
  type Condition,
  type ConditionInputs,
  conditionPrompts,
  otherUsers,
  profileKindOf,
} from './conditions.ts'
import { CHARACTERS } from './testing/lamp-folder.ts'
import type { LampSplit } from './types.ts'

const tweets = ['red apple', 'green pear', 'blue plum', 'red plum', 'white fig']
const split: LampSplit = {
  task: 7,
  variant: 'LaMP-7',
  file: 'dev_questions.json',
  questions: ['u1', 'u2', 'u3'].map((user) => ({
    id: `q-${user}`,
    user,
    input: 'Paraphrase the following tweet without any explanation before or after it: my pear',
    items: tweets.map((text, i) => ({ id: `${i}`, fields: { text } })),
  })),
  golds: undefined,
  rebuilt: false,
}
const profiles = (kind: string) => new Map(['u1', 'u2', 'u3'].map((user) => [user, `${kind} of ${user}`]))
const inputs: ConditionInputs = {
  items: 2,
  budget: 1000,
  seed: 1,
  model: CHARACTERS,
  zeroShot: profiles('zero'),
  bump: profiles('bump'),
}
const input = split.questions[0].input
const texts = (condition: Condition, over: Partial<ConditionInputs> = {}) =>
  conditionPrompts(split, condition, { ...inputs, ...over }).map((messages) => {
    expect(messages).toHaveLength(1)
    expect(messages[0].role).toBe('user')
    return messages[0].content
  })
const shown = (prompt: string) => tweets.filter((tweet) => prompt.includes(`"${tweet}"`))

describe('conditionPrompts', () => {
  it('asks the bare question without personalisation', () => {
    expect(texts('none')).toEqual([input, input, input])
  })

  it('shows the newest items, newest first', () => {
    expect(texts('recent')[0]).toBe(
      `"white fig", and "red plum" are written by a person. Following the given patterns ${input}`,
    )
  })

  it('shows what BM25 finds', () => {
    expect(texts('bm25', { items: 1 })[0]).toBe(
      `"green pear" are written by a person. Following the given patterns ${input}`,
    )
  })

  it('draws random items by seed and question', () => {
    const first = texts('random')
    expect(texts('random')).toEqual(first)
    for (const prompt of first) expect(shown(prompt)).toHaveLength(2)
    const draws = [1, 2, 3, 4, 5, 6].flatMap((seed) => texts('random', { seed }))
    expect(new Set(draws).size).toBeGreaterThan(3)
    expect(new Set(first).size).toBeGreaterThan(1)
  })

  it('shows all items where there are fewer than asked for', () => {
    for (const condition of ['recent', 'random', 'bm25'] as const)
      expect(shown(texts(condition, { items: 9 })[0])).toEqual(tweets)
  })

  it('prepends profiles', () => {
    expect(texts('zero-shot')[1]).toBe(`Profile of the user: zero of u2\n\n${input}`)
    expect(texts('bump')[1]).toBe(`Profile of the user: bump of u2\n\n${input}`)
    expect(texts('bump+bm25')[1]).toBe(`Profile of the user: bump of u2\n\n${texts('bm25')[1]}`)
  })

  it('gives everyone the profile of another', () => {
    for (const seed of [1, 2, 3]) {
      const prompts = texts('mismatched', { seed })
      const seen = prompts.map((prompt) => /bump of (u\d)/.exec(prompt)?.[1])
      expect([...seen].sort()).toEqual(['u1', 'u2', 'u3'])
      for (const [i, user] of seen.entries()) expect(user).not.toBe(split.questions[i].user)
    }
  })

  it('names the users without a profile', () => {
    expect(() => texts('bump', { bump: new Map([['u2', 'p']]) })).toThrow(/'bump' needs.*2 of 3 have none \(u1, u3\)/)
    expect(() => texts('zero-shot', { zeroShot: undefined })).toThrow(/'zero-shot'.*3 of 3/)
  })

  it('has a label for every condition', () => {
    expect(Object.keys(CONDITION_LABELS)).toEqual([...CONDITIONS])
  })
})

describe('otherUsers', () => {
  it('is a derangement, determined by the seed', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string(), { minLength: 2, maxLength: 20 }), fc.nat(), (users, seed) => {
        const other = otherUsers(users, seed)
        for (const user of users) expect(other.get(user)).not.toBe(user)
        expect(new Set(other.values())).toEqual(new Set(users))
        expect(otherUsers(users, seed)).toEqual(other)
      }),
    )
  })

  it('needs two users', () => {
    expect(() => otherUsers(['one'], 1)).toThrow(/at least 2 users, and there is 1/)
  })
})

it('tells which conditions show a profile', () => {
  expect(['none', 'bm25', 'zero-shot', 'bump', 'bump+bm25', 'mismatched'].map(profileKindOf)).toEqual([
    undefined,
    undefined,
    'zero-shot',
    'bump',
    'bump',
    'bump',
  ])
})
