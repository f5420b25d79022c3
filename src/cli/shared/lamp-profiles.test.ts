import { describe, expect, it } from 'vitest'
import type { LampItem, LampQuestion, LampSplit } from '../../lamp/types.ts'
import type { LogSource } from '../../logs/types.ts'
import { profiledUsers, profileKindOf } from './lamp-profiles.ts'

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

describe('the records that a profile is written from', () => {
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
      profiledUsers(split, { paths: ['posts.jsonl'], ...logs }).users[0].history.map((record) => record.text)
    expect(text({ text: 'title' })).toEqual(['On hills'])
    expect(text({})).toEqual(['On hills: About hills.'])
    expect(text({ text: "title || '!'" })).toEqual(['On hills: About hills.'])
    // Of LaMP files the logs take the title by themselves where items have no text.
    expect(text({ format: 'lamp' })).toEqual(['On hills'])
    expect(text({ paths: ['data/train_questions.json.gz'] })).toEqual(['On hills'])
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
