import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { byUser, goldsOf, questionsWhere, sampleQuestions, usersOf } from './split.ts'
import { splitOf } from './testing/lamp-folder.ts'

const split = splitOf(5, ['x', 'y', 'z'], ['a', 'b', 'a'])

it('groups questions by user', () => {
  expect([...byUser(split.questions)].map(([user, own]) => [user, own.map(({ id }) => id)])).toEqual([
    ['a', ['q0', 'q2']],
    ['b', ['q1']],
  ])
  expect(usersOf(split)).toEqual(['a', 'b'])
})

it('keeps questions with their golds', () => {
  const part = questionsWhere(split, ({ user }) => user === 'a')
  expect(part.questions.map(({ id }) => id)).toEqual(['q0', 'q2'])
  expect(part.golds).toEqual(['x', 'z'])
  const withheld = { ...split, golds: undefined }
  expect(questionsWhere(withheld, () => true).golds).toBeUndefined()
  expect(() => goldsOf(withheld, 'no')).toThrow(expect.objectContaining({ code: 'lamp-unusable' }))
})

describe('a sample of questions', () => {
  it('holds whole users, no more than are needed, in the order of the file', () => {
    const users = fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), { minLength: 1, maxLength: 30 })
    fc.assert(
      fc.property(users, fc.integer({ min: 1, max: 30 }), fc.nat(), (asked, count, seed) => {
        const asking = splitOf(
          5,
          asked.map((_, i) => `gold ${i}`),
          asked,
        )
        const sample = sampleQuestions(asking, count, seed)
        expect(sampleQuestions(asking, count, seed)).toEqual(sample)
        const kept = new Set(sample.questions.map(({ user }) => user))
        const own = asking.questions.filter(({ user }) => kept.has(user))
        expect(sample.questions).toEqual(own)
        expect(sample.golds).toEqual(own.map(({ id }) => `gold ${id.slice(1)}`))
        expect(own.length).toBeGreaterThanOrEqual(Math.min(count, asked.length))
        const largest = Math.max(...[...kept].map((user) => own.filter((question) => question.user === user).length))
        expect(own.length - largest).toBeLessThan(count)
      }),
    )
  })

  it('is another one by another seed', () => {
    const golds = Array.from({ length: 40 }, (_, i) => String(i))
    const ids = (seed: number) => sampleQuestions(splitOf(5, golds), 10, seed).questions.map(({ id }) => id)
    expect(ids(1)).toHaveLength(10)
    expect(ids(1)).not.toEqual(ids(2))
  })
})
