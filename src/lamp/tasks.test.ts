import { describe, expect, it } from 'vitest'
import { TASK_2_VARIANTS, TASKS, taskOf } from './tasks.ts'
import type { LampItem, LampQuestion, LampTaskNumber } from './types.ts'

const fields = {
  title: 'TITLE',
  abstract: 'ABSTRACT',
  text: 'TEXT',
  tag: 'TAG',
  description: 'DESCRIPTION',
  score: '4.0',
  category: 'CATEGORY',
}
const item: LampItem = { id: '1', fields }
const question = (input: string): LampQuestion => ({ id: '1', user: '1', input, items: [] })
const whole = (task: (typeof TASKS)[LampTaskNumber]) => {
  const { before, text, after } = task.phrase(item)
  return before + text + after
}
const NEWS = TASK_2_VARIANTS[1]

describe('tasks', () => {
  it('has the phrases of the benchmark', () => {
    expect(whole(TASKS[1])).toBe('"TITLE"')
    expect(whole(TASKS[2])).toBe('the tag for the movie: "DESCRIPTION" is "TAG"')
    expect(whole(NEWS)).toBe('the category for the article: "TEXT" is "CATEGORY"')
    expect(whole(TASKS[3])).toBe('4 is the score for "TEXT"')
    expect(whole(TASKS[4])).toBe('"TITLE" is the title for "TEXT"')
    expect(whole(TASKS[5])).toBe('"TITLE" is the title for "ABSTRACT"')
    expect(whole(TASKS[6])).toBe('"TITLE" is the title for "TEXT"')
    expect(whole(TASKS[7])).toBe('"TEXT"')
  })

  it('joins the phrases to the input as the benchmark does', () => {
    expect(TASKS[1].join('"A", and "B"', 'the paper with the title "X", which title')).toBe(
      'the paper with the title, and "A", and "B" "X", which title',
    )
    expect(TASKS[1].join('"A"', 'no such word')).toBe('no such word')
    for (const number of [2, 3, 4, 6] as const) expect(TASKS[number].join('P', 'INPUT')).toBe('P. INPUT')
    expect(TASKS[5].join('P', 'INPUT')).toBe('P. Following the given patterns INPUT')
    expect(TASKS[7].join('P', 'INPUT')).toBe('P are written by a person. Following the given patterns INPUT')
  })

  it('searches for the part of the input that is no template', () => {
    const query = (number: LampTaskNumber, input: string) => TASKS[number].query(question(input))
    expect(
      query(
        1,
        'For an author who has written the paper with the title "X", which reference is related? Just answer with [1] or [2] without explanation. [1]: "The "big" A" [2]: "B: b"',
      ),
    ).toBe('The "big" A B: b')
    expect(query(2, 'tags: [a, b] description: A man. description: x')).toBe('A man. description: x')
    expect(NEWS.query(question('categories: [a] article: News.'))).toBe('News.')
    expect(query(3, 'without further explanation. review: Nice: yes')).toBe('Nice: yes')
    expect(query(4, 'Generate a headline for the following article: It is.')).toBe('It is.')
    expect(query(5, 'Generate a title for the following abstract of a paper: We: do')).toBe('We: do')
    expect(query(7, 'Paraphrase the following tweet without any explanation before or after it: hi')).toBe('hi')
    expect(query(7, 'no template')).toBe('no template')
  })

  it('searches in the words that the benchmark searches in', () => {
    const documents = ([1, 2, 3, 4, 5, 6, 7] as const).map((number) => TASKS[number].document(item))
    expect(documents).toEqual([
      ...['TITLE ABSTRACT', 'DESCRIPTION', 'TEXT', 'TITLE TEXT', 'TITLE ABSTRACT', 'TEXT', 'TEXT'],
    ])
    expect(NEWS.document(item)).toBe('TITLE TEXT')
  })

  it('tells items as interactions of a log', () => {
    const texts = ([1, 2, 3, 4, 5, 6, 7] as const).map((number) => TASKS[number].interactionText(item))
    expect(texts).toEqual([
      ...['TITLE', 'TAG: DESCRIPTION', '4: TEXT', 'TITLE: TEXT', 'TITLE: ABSTRACT', 'TITLE: TEXT', 'TEXT'],
    ])
    expect(NEWS.interactionText(item)).toBe('CATEGORY: TEXT')
  })

  it('leaves scores that are no whole number as written', () => {
    expect(TASKS[3].interactionText({ id: '1', fields: { text: 'T', score: '4.5' } })).toBe('4.5: T')
  })

  it('knows the labels of both publications of task 2', () => {
    expect(taskOf({ task: 2, variant: 'LaMP-2M' }).labels).toContain('twist ending')
    expect(taskOf({ task: 2, variant: 'LaMP-2N' }).labels).toContain('healthy living')
    expect(TASK_2_VARIANTS.map((task) => task.labels?.length)).toEqual([15, 15])
    expect(taskOf({ task: 5, variant: 'LaMP-5' }).labels).toBeUndefined()
    expect(taskOf({ task: 4, variant: 'LaMP-4' })).toBe(TASKS[4])
    for (const [number, task] of Object.entries(TASKS)) expect(task.number).toBe(Number(number))
  })
})
