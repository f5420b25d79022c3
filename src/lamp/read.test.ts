import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { readLamp } from './read.ts'
import { TASK_2_VARIANTS } from './tasks.ts'
import { folderOf, paperQuestion } from './testing/lamp-folder.ts'

const questions = [paperQuestion('7'), paperQuestion('8')]
const outputs = {
  task: 'LaMP_5',
  golds: [
    { id: '8', output: 'Eight' },
    { id: '7', output: ' Seven ' },
  ],
}
const dev = { task: 5, split: 'dev' } as const
const read = (files: Record<string, unknown>) => readLamp(folderOf(files), dev)

describe('readLamp', () => {
  it('reads official files, with the golds in the order of the questions', () => {
    const split = read({ 'dev_questions.json': questions, 'dev_outputs.json': outputs })
    expect(split).toMatchObject({ task: 5, variant: 'LaMP-5', rebuilt: false, golds: ['Seven', 'Eight'] })
    expect(split.questions[0]).toEqual({
      id: '7',
      user: '7',
      input: 'Generate a title for the following abstract of a paper: We study 7.',
      items: [
        { id: '70', fields: { title: 'On rivers', abstract: 'Rivers flow.' } },
        { id: '71', fields: { title: 'On hills', abstract: 'Hills stay.' } },
      ],
    })
  })

  it('unpacks no file that grows beyond all measure', () => {
    const folder = folderOf({
      'dev_questions.json.gz': gzipSync(`[${' '.repeat(65 * 2 ** 20)}`),
      'dev_outputs.json': outputs,
    })
    expect(() => readLamp(folder, { task: 3, split: 'dev' })).toThrow(/over 200 times as large/)
  })

  it('finds the files in the folders of the benchmark, gzipped too', () => {
    const file = gzipSync(JSON.stringify(questions))
    for (const place of ['', 'dev/', 'LaMP_5/', 'LaMP_5/dev/']) {
      const folder = folderOf({ [`${place}dev_questions.json.gz`]: file, [`${place}dev_outputs.json`]: outputs })
      const split = readLamp(folder, dev)
      expect(split.questions).toHaveLength(2)
      expect(split.file).toBe(join(folder, place, 'dev_questions.json.gz'))
    }
  })

  it('reads a rebuilt set: users, and items in order of time', () => {
    const profile = [
      { id: 1, title: 'c', abstract: '', date: 2021 },
      { id: 2, title: 'a', abstract: '', date: '2019' },
      { id: 3, title: 'b', abstract: '', date: '2021' },
    ]
    const { rebuilt, questions: found } = read({
      'dev_questions.json': [paperQuestion('7', { user_id: 'u', profile }), paperQuestion('8', { user_id: 'u' })],
      'dev_outputs.json': outputs,
    })
    expect(rebuilt).toBe(true)
    expect(found.map(({ user }) => user)).toEqual(['u', 'u'])
    expect(found[0].items.map(({ fields, date }) => [fields.title, date])).toEqual([
      ['a', '2019-01-01'],
      ['c', '2021-01-01'],
      ['b', '2021-01-01'],
    ])
  })

  it('reads days and seconds, and keeps the order of the file where a date is unknown', () => {
    const dated = (...dates: unknown[]) =>
      dates.map((date, i) => ({ id: String(i), title: String(i), abstract: 'x', date }))
    const order = (profile: unknown[]) =>
      read({
        'dev_questions.json': [paperQuestion('7', { profile }), paperQuestion('8')],
        'dev_outputs.json': outputs,
      }).questions[0].items.map(({ id, date }) => `${id} ${date}`)
    expect(order(dated('2020-10-02', '2020-9-30'))).toEqual(['1 2020-09-30', '0 2020-10-02'])
    expect(order(dated('1250190596', '1250190568'))).toEqual([
      '1 2009-08-13T19:09:28.000Z',
      '0 2009-08-13T19:09:56.000Z',
    ])
    expect(order(dated('2020-10-02', 'soon'))).toEqual(['0 2020-10-02', '1 undefined'])
  })

  it('leaves golds out where they are withheld', () => {
    const split = readLamp(folderOf({ 'test_questions.json': questions }), { task: 5, split: 'test' })
    expect(split.golds).toBeUndefined()
    expect(split.questions).toHaveLength(2)
  })

  it('tells movie tags from the old news categories', () => {
    const ask = (what: string, labels: readonly string[], body: string) =>
      `Just answer with the ${what} name. ${what}: [${labels.join(', ')}] ${body}: x`
    const [movies, news] = TASK_2_VARIANTS
    const movie = {
      id: '1',
      input: ask('tags', movies.labels!, 'description'),
      profile: [{ id: '2', tag: 'action', description: 'd' }],
    }
    const article = {
      id: '2',
      input: ask('categories', [...news.labels!].reverse(), 'article'),
      profile: [{ id: '3', text: 't', title: 'h', category: 'crime' }],
    }
    const readTwo = (list: unknown[], golds: unknown[], oldNews = true) =>
      readLamp(folderOf({ 'dev_questions.json': list, 'dev_outputs.json': { task: 'LaMP_2', golds } }), {
        task: 2,
        split: 'dev',
        oldNews,
      })
    expect(() => readTwo([article], [], false)).toThrow(/LaMP-2N.*--old-news/)
    expect(readTwo([movie], [{ id: '1', output: 'comedy' }]).variant).toBe('LaMP-2M')
    expect(readTwo([article], [{ id: '2', output: 'crime' }]).variant).toBe('LaMP-2N')
    expect(() => readTwo([article], [{ id: '2', output: 'comedy' }])).toThrow(/'comedy', which is no answer of LaMP-2N/)
    expect(() => readTwo([movie, article], [])).toThrow(/LaMP-2N in a file that begins with LaMP-2M/)
    expect(() => readTwo([{ ...movie, input: 'tags: [a, b] description: x' }], [])).toThrow(/neither.*LaMP-2M.*LaMP-2N/)
  })

  it('reads ratings as labels', () => {
    const list = [{ id: 1, input: 'review: good', profile: [{ id: 2, text: 'x', score: 4 }] }]
    const readRating = (output: unknown) =>
      readLamp(
        folderOf({ 'dev_questions.json': list, 'dev_outputs.json': { task: 'LaMP_3', golds: [{ id: 1, output }] } }),
        {
          task: 3,
          split: 'dev',
        },
      ).golds
    expect(readRating('4.0')).toEqual(['4'])
    expect(readRating(5)).toEqual(['5'])
    expect(() => readRating('6')).toThrow(/gold of '1' is '6', which is no answer of LaMP-3/)
  })
})

/** With what of the input each message names: files and lines, ids, counts. */
describe('bad LaMP folders', () => {
  const good = { 'dev_questions.json': questions, 'dev_outputs.json': outputs }
  const cases: [string, Record<string, unknown>, ...string[]][] = [
    ['no questions', { 'notes.txt': 'x' }, 'no dev_questions.json', 'dev/'],
    ['another split', { 'train_questions.json': questions }, 'no dev_questions.json', 'train'],
    ['no outputs', { 'dev_questions.json': questions }, 'dev_questions.json: dev_outputs.json'],
    ['HTML', { ...good, 'dev_questions.json': '\n<!doctype html><p>Not found' }, 'dev_questions.json: ', 'HTML'],
    ['HTML golds', { ...good, 'dev_outputs.json': '<html>' }, 'dev_outputs.json: ', 'HTML'],
    ['an empty file', { ...good, 'dev_questions.json': ' \n' }, 'dev_questions.json: ', 'empty'],
    ['no array', { ...good, 'dev_questions.json': outputs }, 'dev_questions.json: ', 'array'],
    ['an empty array', { ...good, 'dev_questions.json': '[ ]' }, 'dev_questions.json: ', 'no questions'],
    [
      'cut short',
      { ...good, 'dev_questions.json': `${JSON.stringify(questions, null, 1).slice(0, -40)}` },
      'dev_questions.json:18: ',
      'cut short',
    ],
    ['cut inside a text', { ...good, 'dev_questions.json': '[{"id": "a\\' }, 'dev_questions.json:1: ', 'cut short'],
    [
      'golds cut short',
      { ...good, 'dev_outputs.json': '{"task": "LaMP_5", "golds": [' },
      'dev_outputs.json: ',
      'cut short',
    ],
    [
      'broken JSON',
      { ...good, 'dev_questions.json': `[\n${JSON.stringify(questions[0])},\n{id: 3}]` },
      'dev_questions.json:3: ',
    ],
    [
      'a damaged gzip',
      { 'dev_questions.json.gz': gzipSync('[]').subarray(0, 9), 'dev_outputs.json': outputs },
      'dev_questions.json.gz: ',
      'gzip',
    ],
    ['no object', { ...good, 'dev_questions.json': [3] }, 'dev_questions.json:1: ', ' 3'],
    ['no id', { ...good, 'dev_questions.json': [paperQuestion('7', { id: null })] }, 'dev_questions.json:1: ', 'id'],
    ['an id twice', { ...good, 'dev_questions.json': [paperQuestion('7'), paperQuestion('7')] }, "'7'", 'line 1'],
    ['no input', { ...good, 'dev_questions.json': [paperQuestion('7', { input: ' ' })] }, "'7'", "'input'"],
    ['no profile', { ...good, 'dev_questions.json': [paperQuestion('7', { profile: 'x' })] }, "'7'", "'profile'"],
    [
      'empty profiles',
      { ...good, 'dev_questions.json': [paperQuestion('7', { profile: [] }), paperQuestion('8')] },
      '1 of 2 questions',
      '(ids 7)',
    ],
    [
      'items of another task',
      { ...good, 'dev_questions.json': [paperQuestion('7', { profile: [{ id: '1', text: 'x', title: 'y' }] })] },
      "question '7', profile item 1: ",
      "'abstract'",
      'found text, title',
    ],
    [
      'golds of another task',
      { ...good, 'dev_outputs.json': { ...outputs, task: 'LaMP_4' } },
      'dev_outputs.json: ',
      'LaMP_4',
      'LaMP_5',
    ],
    ['an unknown task', { ...good, 'dev_outputs.json': { ...outputs, task: 'GLUE' } }, '"GLUE"', '"LaMP_5"'],
    ['no golds', { ...good, 'dev_outputs.json': { task: 'LaMP_5' } }, 'dev_outputs.json: ', "'golds'"],
    [
      'a gold without text',
      { ...good, 'dev_outputs.json': { ...outputs, golds: [{ id: '7' }] } },
      "gold 1: '7'",
      "'output'",
    ],
    [
      'a missing gold',
      { ...good, 'dev_outputs.json': { ...outputs, golds: outputs.golds.slice(1) } },
      '2 questions',
      '1 missing (8)',
    ],
    [
      'extra and repeated golds',
      {
        ...good,
        'dev_outputs.json': { ...outputs, golds: [...outputs.golds, ...outputs.golds, { id: '9', output: '' }] },
      },
      '1 of no question (9)',
      '2 repeated (8, 7)',
    ],
  ]
  it.each(cases)('%s', (_, files, ...named) => {
    for (const part of named)
      expect(() => read(files)).toThrow(
        expect.objectContaining({ code: 'lamp-unusable', message: expect.stringContaining(part) }),
      )
  })

  it('no folder, a file, or no such task', () => {
    expect(() => readLamp('/nowhere/lamp', dev)).toThrow('/nowhere/lamp: no such folder')
    const folder = folderOf({ 'a.json': [] })
    expect(() => readLamp(join(folder, 'a.json'), dev)).toThrow(/a\.json: not a folder/)
    expect(() => readLamp(folder, { task: 8 as 7, split: 'dev' })).toThrow('there is no LaMP task 8: tasks are 1, 2, 3')
  })
})
