// JSON as exports have it: around a list, indented, assigned to a variable, a tree of messages.
import { describe, expect, it } from 'vitest'
import { testFolder } from './testing/files.ts'
import { reader } from './testing/read.ts'

const { read } = reader(testFolder())
const big = '12345678901234567890'

describe('an object around a list', () => {
  const list = { user: 'from' }
  it.each([
    ['on one line', `{"name":"chat","messages":[{"from":${big},"text":"hi"},{"from":"b","text":"yo"}]}`],
    ['on one line, deeper', `{"data":{"items":[{"from":${big},"text":"hi"},{"from":"b","text":"yo"}]}}\n`],
    [
      'indented',
      `{\n "messages": [\n  {\n   "from": ${big},\n   "text": "hi"\n  },\n  {"from": "b", "text": "yo"}\n ]\n}`,
    ],
    [
      'with columns of usual names of its own',
      `{"user":"me","date":"2024","messages":[{"from":${big},"text":"hi"},{"from":"b","text":"yo"}]}`,
    ],
    ['beside another', `{"messages":[{"from":${big},"text":"hi"},{"from":"b","text":"yo"}],"users":[{"id":1}]}`],
  ])('%s is said, and the list read', async (_, text) => {
    const log = await read('list.json', text, list)
    expect(log.texts).toEqual([
      [big, 'hi'],
      ['b', 'yo'],
    ])
    expect(log.report.notes[0]).toMatch(/one JSON object; the list in (messages|data\.items) is read/)
    expect(log.report.records).toBe(2)
  })

  it('that could be one of several is named, with the cure', async () => {
    const text = '{"sent":[{"from":"a","text":"x"}],"received":[{"from":"b","text":"y"}]}'
    await expect(read('two.json', text, list)).rejects.toThrow(/several lists \(sent, received\).*jq -c '\.sent\[\]'/)
  })

  it('is a record where it has the columns itself', async () => {
    const text = '{"user":"u","text":"x","tags":[{"name":"t"}]}'
    expect((await read('one.jsonl', text)).texts).toEqual([['u', 'x']])
    const mentioned = await read('m.json', '{"id":"u","turns":[{"text":"x"}]}', {
      user: 'id',
      text: "turns->0->>'text'",
    })
    expect(mentioned.texts).toEqual([['u', 'x']])
  })

  it('names the line of a bad element', async () => {
    const log = await read('bad.json', '{"messages": [\n{"from":"a","text":"x"},\n7,\n{"from":"b","text":"y"}]}', list)
    expect(log.texts).toHaveLength(2)
    expect(log.report.issues[0].examples[0]).toMatch(/bad\.json:3 \(element 2\): not a JSON object: 7/)
  })
})

it.each([
  ['arrays one after the other', `[{"user":${big},"text":"x"}]\n[{"user":"b","text":"y"}]\n`],
  ['lines with commas', `{"user":${big},"text":"x"},\n{"user":"b","text":"y"} ,\r\n`],
  ['files with marks put together', `\uFEFF{"user":${big},"text":"x"}\n\uFEFF{"user":"b","text":"y"}\n`],
  ['records with separators (RFC 7464)', `\x1E{"user":${big},"text":"x"}\n\x1E{"user":"b","text":"y"}\n`],
])('%s are read', async (_, text) => {
  const log = await read('parts.jsonl', text)
  expect([log.texts, log.report.issues]).toEqual([
    [
      [big, 'x'],
      ['b', 'y'],
    ],
    [],
  ])
})

it('indented objects one after the other are records', async () => {
  const rows = [big, '"b"'].map((user) => `{\n  "user": ${user},\n  "text": "a } \\" {",\n  "n": {"deep": [1]}\n}`)
  for (const between of ['\n', ',\n', '']) {
    const log = await read('indented.json', rows.join(between))
    expect(log.texts.map(([user]) => user)).toEqual([big, 'b'])
    expect(log.report.issues).toEqual([])
  }
  const stray = await read('stray.json', `${rows[0]}\noops {\n${rows[1]}\n`)
  expect([stray.texts.length, stray.report.issues[0].examples[0].includes('stray.json:6')]).toEqual([2, true])
})

it.each([
  ['window.YTD.tweets.part0 = [', '];\n'],
  ['window.YTD.tweets.part0 =\n[', ']'],
  ['export default [', ']'],
])('the assignment of a script is passed over: %s', async (before, after) => {
  const tweet = '{"tweet":{"full_text":"hi","created_at":"Wed Oct 10 20:19:24 +0000 2018"}}'
  const parts = { user: "'me'", text: "tweet->>'full_text'", time: "tweet->>'created_at'" }
  const log = await read('tweets.js', `${before} ${tweet} ${after}`, parts)
  expect(log.users).toMatchObject([
    { id: 'me', interactions: [{ text: 'hi', time: Date.UTC(2018, 9, 10, 20, 19, 24) }] },
  ])
  expect(log.report.issues).toEqual([])
})

it("the user's messages of ChatGPT's export are records", async () => {
  const message = (role: string, parts: unknown[], more: object = {}) => ({
    message: { author: { role }, content: { content_type: 'text', parts }, ...more },
    parent: null,
  })
  const conversations = [
    {
      title: 'one',
      create_time: null,
      mapping: {
        root: { message: null, children: [] },
        a: message('user', ['first'], { id: 'm1', create_time: 1700000000.25 }),
        b: message('assistant', ['no']),
        c: message('user', [{ asset_pointer: 'file' }, 'with a picture'], { id: 'm2' }),
        d: message('user', ['set up'], { metadata: { is_visually_hidden_from_conversation: true } }),
        e: message('user', [{ asset_pointer: 'file' }]),
      },
    },
    { title: 'again', mapping: { a: message('user', ['first'], { id: 'm1', create_time: 1700000000.25 }) } },
    { title: 'none' },
  ]
  const log = await read('conversations.json', JSON.stringify(conversations))
  expect(log.report.files[0].format).toBe('chatgpt')
  expect(log.texts).toEqual([
    ['me', 'first'],
    ['me', 'with a picture'],
  ])
  expect(log.users[0].interactions[0]).toMatchObject({ time: 1700000000250, metadata: { title: 'one' } })
  expect([log.count('empty-text'), log.count('missing-time'), log.count('bad-line')]).toEqual([1, 1, 1])
})
