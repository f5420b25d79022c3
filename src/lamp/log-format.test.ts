import { describe, expect, it } from 'vitest'
import { openLogs } from '../logs/dataset.ts'
import { gzipped, jsonLines, testFolder } from '../logs/testing/files.ts'
import type { LogReport, LogSource, UserLog } from '../logs/types.ts'
import './log-format.ts'

const folder = testFolder()

async function read(source: LogSource): Promise<{ users: UserLog[]; report: LogReport }> {
  const dataset = await openLogs(source)
  try {
    const users: UserLog[] = []
    for await (const user of dataset.users()) users.push(user)
    return { users, report: dataset.report }
  } finally {
    dataset.close()
  }
}

describe('LaMP files as logs', () => {
  it('give users by user_id or id, copies over questions merged, repeats within one kept', async () => {
    const item = (id: string, text: string, date: string) => ({ id, text, date, tag: 't' })
    const questions = [
      {
        id: '10',
        user_id: 'u',
        input: 'q',
        profile: [item('1', 'a', '2020'), item('2', 'b', '2021'), item('3', 'b', '2021')],
      },
      {
        id: '11',
        user_id: 'u',
        input: 'q',
        profile: [item('9', 'b', '2021'), item('8', 'c', '2019'), item('7', 'a', '2020')],
      },
      { id: '12', input: 'q', profile: [item('1', 'a', '2020')] },
    ]
    const path = folder.write('train_questions.json.gz', gzipped(JSON.stringify(questions)))
    const { users, report } = await read({ paths: [path] })
    expect(users.flatMap(({ id, interactions }) => interactions.map(({ time, text }) => [id, time, text]))).toEqual([
      ['12', Date.UTC(2020, 0), 'a'],
      ['u', Date.UTC(2019, 0), 'c'],
      ['u', Date.UTC(2020, 0), 'a'],
      ['u', Date.UTC(2021, 0), 'b'],
      ['u', Date.UTC(2021, 0), 'b'],
    ])
    expect(report).toMatchObject({ merged: 2, records: 7, interactions: 5, files: [{ format: 'lamp' }] })
    expect(users[1].interactions[0].metadata).toEqual({ id: '8', tag: 't', question_id: '11' })
  })

  it('take the text from the field that items have, but only among files of their own kind', async () => {
    const path = folder.write('titles.json', '[{"id":"1","profile":[{"id":"2","title":"On hills","author":"x"}]}]')
    const lamp = await read({ paths: [path] })
    expect(lamp.report.mapping).toEqual({ user: 'user_id', time: undefined, text: 'title' })
    expect(lamp.users.map(({ id }) => id)).toEqual(['1'])
    const posts = folder.write('posts.jsonl', jsonLines([{ user: 'u', content: 'a' }]))
    expect((await read({ paths: [path, posts] })).report.mapping).toMatchObject({ user: 'user', text: 'content' })
  })

  it('whose user has an endless id are counted, since every item would repeat it', async () => {
    const profile = [{ id: '1', text: 'a' }]
    const questions = [
      { id: '1', user_id: 'u', profile },
      { id: '2', profile, user_id: 'x'.repeat(2000) },
    ]
    const { users, report } = await read({ paths: [folder.write('ids.json', JSON.stringify(questions))] })
    expect(users.map(({ id }) => id)).toEqual(['u'])
    expect(report.issues).toMatchObject([{ kind: 'bad-line', count: 1 }])
  })

  it('are told from other arrays, and by the name of the format', async () => {
    const plain = folder.write('array.json', '[{"user":"u","text":"a","profile":"none"}]')
    expect((await read({ paths: [plain] })).report.files).toMatchObject([{ format: 'json' }])
    const late = `[{"id":"1","input":"${'x'.repeat(70_000)}","profile":[{"text":"a"}]}]`
    const path = folder.write('late.json', late)
    expect((await read({ paths: [path], format: 'lamp' })).report.interactions).toBe(1)
  })

  it.each([
    ['a question without a profile', '[{"id":"1","profile":[{"text":"a"}]},\n{"id":"2"}]', ':2 (question 2)'],
    ['an item that is no object', '[{"id":"1","profile":[{"text":"a"},"b"]}]', 'item 2'],
  ])('count %s, with its place', async (_, content, place) => {
    const path = folder.write('bad_questions.json', content)
    const { report } = await read({ paths: [path] })
    expect(report.interactions).toBe(1)
    expect(report.issues).toMatchObject([{ kind: 'bad-line', count: 1 }])
    expect(report.issues[0].examples[0]).toContain(path)
    expect(report.issues[0].examples[0]).toContain(place)
  })
})

it('keep the digits of long ids, and do not merge the items of two users', async () => {
  const profile = '[{"id":"1","text":"a","n":12345678901234567890}]'
  const [one, two] = ['9007199254740992', '9007199254740993']
  const path = folder.write(
    'long_questions.json',
    `[{"id":1,"user_id":${one},"profile":${profile}},{"id":2,"user_id":${two},"profile":${profile}}]`,
  )
  const { users, report } = await read({ paths: [path] })
  expect(users.map(({ id }) => id)).toEqual([one, two])
  expect(report.merged).toBe(0)
})
