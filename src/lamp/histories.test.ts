import { describe, expect, it } from 'vitest'
import type { LogSource } from '../logs/types.ts'
import { commonItems, itemText, profiledUsers, questionsOfAllItems } from './histories.ts'
import { splitOf as memorySplit } from './testing/lamp-folder.ts'
import type { LampItem, LampQuestion, LampSplit } from './types.ts'

const item = (id: string): LampItem => ({ id, fields: { title: `On ${id}`, abstract: `About ${id}.` } })
const question = (id: string, user: string, ...items: string[]): LampQuestion => ({
  id,
  user,
  input: 'Generate a title',
  items: items.map(item),
})
const splitOf = (...questions: LampQuestion[]): LampSplit => ({
  task: 5,
  variant: 'LaMP-5',
  file: 'train_questions.json',
  questions,
  golds: questions.map(() => 'gold'),
  rebuilt: true,
})

/** A question whose items have these titles, under ids of their own. */
const about = (id: string, user: string, ...titles: string[]): LampQuestion => ({
  ...question(id, user),
  items: titles.map((title, i) => ({ id: `${id}-${i}`, fields: { title } })),
})
const ids = (questions: readonly LampQuestion[]) => questions.map(({ id }) => id)

describe('the history that a profile is written from', () => {
  it('are those of all questions of a user: what only a later question lists may be the answer of an earlier one', () => {
    const split = splitOf(question('q1', 'ada', 'hills', 'rivers'), question('q2', 'bo', 'owls'))
    const later = {
      ...split,
      questions: [...split.questions, question('q3', 'ada', 'hills', 'rivers', 'answer-of-q1')],
    }
    const { users, empty } = profiledUsers(later, { paths: [], text: 'title' })
    expect(users.map(({ id, history }) => [id, history.map(({ text }) => text)])).toEqual([
      ['ada', ['On hills', 'On rivers']],
      ['bo', ['On owls']],
    ])
    expect(empty).toEqual([])
  })

  it('are none where the questions of a user share none', () => {
    const split = splitOf(question('q1', 'ada', 'hills'), question('q2', 'ada', 'rivers'), question('q3', 'bo', 'owls'))
    const { users, empty } = profiledUsers(split)
    expect(users.map(({ id }) => id)).toEqual(['bo'])
    expect(empty).toEqual(['ada'])
  })

  it('read as in the training of the generator where that was one field, else as the task has them', () => {
    const split = splitOf(question('q1', 'ada', 'hills'))
    const text = (logs: Partial<LogSource>) =>
      profiledUsers(split, { paths: ['posts.jsonl'], ...logs }).users[0].history.map((read) => read.text)
    expect(text({ text: 'title' })).toEqual(['On hills'])
    expect(text({})).toEqual(['On hills: About hills.'])
    expect(text({ text: "title || '!'" })).toEqual(['On hills: About hills.'])
    // Of LaMP files the logs take the title by themselves where items have no text.
    expect(text({ format: 'lamp' })).toEqual(['On hills'])
    expect(text({ paths: ['data/train_questions.json.gz'] })).toEqual(['On hills'])
  })
})

it('knows the items that a profile may be written from, whatever their ids', () => {
  const titles = (...questions: LampQuestion[]) => commonItems(questions).map(({ fields }) => fields.title)
  expect(titles(about('1', 'a', 'x', 'y'), about('2', 'a', 'y', 'x', 'answer of 1'))).toEqual(['x', 'y'])
  expect(titles(about('1', 'a', 'x'))).toEqual(['x'])
  expect(titles(about('1', 'a', 'x'), about('2', 'a', 'y'))).toEqual([])
})

it('knows the questions that may be asked with a profile of all items', () => {
  const growing = [about('1', 'a', 'x'), about('2', 'a', 'x', 'answer of 1'), about('3', 'a', 'answer of 1', 'x')]
  expect(ids(questionsOfAllItems(growing))).toEqual(['2', '3'])
  expect(ids(questionsOfAllItems([about('1', 'a', 'x', 'y'), about('2', 'a', 'y', 'x')]))).toEqual(['1', '2'])
  expect(ids(questionsOfAllItems([about('1', 'a', 'x'), about('2', 'a', 'y')]))).toEqual([])
  expect(ids(questionsOfAllItems([about('1', 'a')]))).toEqual(['1'])
})

const ITEM = { id: 'i', fields: { title: 'On $& rivers', abstract: 'They flow.' } }
const base = memorySplit(5, ['gold'])
const rivers = { ...base, questions: base.questions.map((question) => ({ ...question, items: [ITEM] })) }

describe('the text of an item under a template', () => {
  it.each([
    ['title', 'On $& rivers'],
    [' title ', 'On $& rivers'],
    ['{title}: {abstract}', 'On $& rivers: They flow.'],
    ['{abstract} ({title}, {title})', 'They flow. (On $& rivers, On $& rivers)'],
  ])('%j', (template, text) => expect(itemText(template, rivers)(ITEM)).toBe(text))

  it.each([
    ['body', /text "body": question q0 of dev_questions.json has an item without "body" \(fields: title, abstract\)/],
    ['{title} {toString}', /without "toString"/],
    ["title || ': ' || abstract", /name a field of the items, or several as in "\{title\}: \{abstract\}"/],
    ['', /name a field/],
  ])('%j is refused', (template, message) => expect(() => itemText(template, rivers)).toThrow(message))
})
