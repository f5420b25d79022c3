import { expect, it } from 'vitest'
import { byUser, commonItems, questionsOfAllItems } from './histories.ts'
import type { LampQuestion } from './types.ts'

const question = (id: string, user: string, ...titles: string[]): LampQuestion => ({
  id,
  user,
  input: 'Generate a title',
  items: titles.map((title, i) => ({ id: `${id}-${i}`, fields: { title } })),
})
const ids = (questions: readonly LampQuestion[]) => questions.map(({ id }) => id)

it('groups questions by user', () => {
  const found = byUser([question('1', 'a', 'x'), question('2', 'b', 'y'), question('3', 'a', 'z')])
  expect([...found].map(([user, own]) => [user, ids(own)])).toEqual([
    ['a', ['1', '3']],
    ['b', ['2']],
  ])
})

it('knows the items that a profile may be written from, whatever their ids', () => {
  const titles = (...questions: LampQuestion[]) => commonItems(questions).map(({ fields }) => fields.title)
  expect(titles(question('1', 'a', 'x', 'y'), question('2', 'a', 'y', 'x', 'answer of 1'))).toEqual(['x', 'y'])
  expect(titles(question('1', 'a', 'x'))).toEqual(['x'])
  expect(titles(question('1', 'a', 'x'), question('2', 'a', 'y'))).toEqual([])
})

it('knows the questions that may be asked with a profile of all items', () => {
  const growing = [
    question('1', 'a', 'x'),
    question('2', 'a', 'x', 'answer of 1'),
    question('3', 'a', 'answer of 1', 'x'),
  ]
  expect(ids(questionsOfAllItems(growing))).toEqual(['2', '3'])
  expect(ids(questionsOfAllItems([question('1', 'a', 'x', 'y'), question('2', 'a', 'y', 'x')]))).toEqual(['1', '2'])
  expect(ids(questionsOfAllItems([question('1', 'a', 'x'), question('2', 'a', 'y')]))).toEqual([])
  expect(ids(questionsOfAllItems([question('1', 'a')]))).toEqual(['1'])
})
