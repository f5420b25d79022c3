// Exports that people have of their own data, read without a conversion.
import { afterEach, describe, expect, it, vi } from 'vitest'
import { gzipped, jsonLines, testFolder } from './testing/files.ts'
import { reader } from './testing/read.ts'

const { read } = reader(testFolder())
afterEach(() => vi.unstubAllEnvs())

describe('mail', () => {
  const first = [
    'From 17@xxx Tue Jan 02 03:04:05 +0000 2024',
    'From: =?utf-8?q?J=C3=B6rg?= <Joerg@Example.org>',
    'To: ann@example.org, bob@example.org',
    'Date: Tue, 02 Jan 2024 03:04:05 +0200',
    'Subject: =?iso-8859-1?q?Gr=FC=DFe?=',
    'Message-ID: <1@x>',
    'Content-Type: text/plain; charset=iso-8859-1',
    'Content-Transfer-Encoding: 8bit',
    '',
    'Sch\xF6n',
    '',
    '>From here on',
    '> what Ann wrote',
    'From the garden',
    '',
  ]
  const second = [
    'From ann@example.org Wed Jan  3 10:00:00 2024',
    'From: ann@example.org',
    'Subject: Page',
    'Date: Wed, 3 Jan 2024 10:00:00 GMT',
    'Message-ID: <2@x>',
    'Content-Type: text/html; charset=utf-8',
    'Content-Transfer-Encoding: base64',
    '',
    Buffer.from('<style>p{}</style><p>tea &amp; <b>caf\u00e9</b></p><blockquote>old</blockquote>').toString('base64'),
    '',
  ]
  const bytes = (lines: string[], end = '\n') => Buffer.from(lines.join(end), 'latin1')

  it.each([['\n'], ['\r\n']])('of an mbox is read by its senders (%j)', async (end) => {
    // A label's file of Takeout holds a message again.
    const { users, report } = await read('all.mbox', bytes([...first, ...second, ...first], end))
    expect(users.map(({ id }) => id)).toEqual(['ann@example.org', 'joerg@example.org'])
    expect(users[0].interactions[0].text).toBe('Page\ntea & caf\u00e9')
    expect(users[1].interactions).toEqual([
      {
        text: 'Gr\u00fc\u00dfe\nSch\u00f6n\n\nFrom here on\nFrom the garden',
        time: Date.UTC(2024, 0, 2, 1, 4, 5),
        metadata: {
          name: 'J\u00f6rg',
          to: 'ann@example.org, bob@example.org',
          subject: 'Gr\u00fc\u00dfe',
          message_id: '<1@x>',
        },
      },
    ])
    expect(report).toMatchObject({ records: 3, merged: 1, issues: [] })
    expect(report.files[0]).toMatchObject({ format: 'mbox', reading: expect.stringContaining('without quoted lines') })
  })

  it('is known by its first lines, packed too, and a single message by its name', async () => {
    expect((await read('mails', gzipped(bytes(second).toString()))).report.files[0].format).toBe('mbox')
    expect((await read('one.eml', bytes(second.slice(1)))).texts).toEqual([
      ['ann@example.org', 'Page\ntea & caf\u00e9'],
    ])
  })

  it.each([
    ['Wed, 3 Jan 2024 10:00:00', Date.UTC(2024, 0, 3, 10)],
    ['Wed, 3 Jan 2024 10:00:00 BST', Date.UTC(2024, 0, 3, 9)],
    ['3 Jan 24 10:00 -0500 (EST)', Date.UTC(2024, 0, 3, 15)],
    ['Sun, 3 Jan 99 10:00:00 PST', Date.UTC(1999, 0, 3, 18)],
    ['Wed Jan  3 10:00:00 2024', Date.UTC(2024, 0, 3, 10)],
  ])('is of the same moment on every machine: %s', async (date, time) => {
    vi.stubEnv('TZ', 'Asia/Tokyo')
    const { users } = await read('one.eml', bytes(['From: ann@example.org', `Date: ${date}`, '', 'words', '']))
    expect(users[0].interactions[0].time).toBe(time)
  })

  it('holds the words of its sender only, where a message is forwarded as a part', async () => {
    const part = (type: string, lines: string[]) => ['--b', `Content-Type: ${type}`, '', ...lines, '']
    const forwarded = part('message/rfc822', ['From: bob@example.org', 'Subject: Bob', '', 'words of Bob'])
    const head = ['From: ann@example.org', 'Subject: Fwd', 'Content-Type: multipart/mixed; boundary=b', '']
    const log = await read('one.eml', bytes([...head, ...part('text/plain', ['I agree']), ...forwarded, '--b--', '']))
    expect(log.texts).toEqual([['ann@example.org', 'Fwd\nI agree']])
  })

  it.each([
    ['one<BR>two<br/>three', 'one\ntwo\nthree'],
    ['<div>a</div><p>b</p>c<hr>d', 'a\nb\nc\nd'],
    ['<ul><li>x<li>y</ul>z', 'x\ny\nz'],
    ['<table><tr><td>a</td><td>b</td></tr><tr><th>c</th></tr></table>', 'a b\nc'],
    [
      'It&#x27;s caf&eacute; &ndash; &Uuml;ber &#233; &amp;lt; &none;',
      "It's caf\u00e9 \u2013 \u00dcber \u00e9 &lt; &none;",
    ],
    ['<head><title>Untitled</title></head><!-- a > <!-- b -->words', 'words'],
    ['mine<blockquote>old<br>lines<blockquote>older</blockquote></blockquote>', 'mine'],
  ])('that is a page has its words apart, and its characters: %s', async (page, text) => {
    const head = ['From: ann@example.org', 'Content-Type: text/html; charset=utf-8', '']
    const { users } = await read('one.eml', bytes([...head, page, '']))
    expect(users[0].interactions[0].text.replace(/[^\S\n]*\n[^\S\n]*/g, '\n').replace(/ +/g, ' ')).toBe(text)
  })

  it.each([
    ['a signature', 'mine\n-- \nAnn, Example Ltd', 'mine'],
    [
      'a quoted message and who wrote it',
      'mine\n\nOn Tuesday, Bob wrote:\n\n> his\n\nmore: yes',
      'mine\n\n\n\nmore: yes',
    ],
    ['a message below', 'mine\n\n-----Original Message-----\nFrom: Bob\nhis', 'mine'],
    ['no quote', 'a list:\n- one\n-- two', 'a list:\n- one\n-- two'],
  ])('gives the words of the sender alone: %s', async (_, body, words) => {
    const { texts } = await read(
      'own.mbox',
      bytes(['From x Wed Jan  3 10:00:00 2024', 'From: a@b.org', '', ...body.split('\n')]),
    )
    expect(texts).toEqual([['a@b.org', words]])
  })

  it('without a sender, a time or words is counted', async () => {
    const bare = ['From x Wed Jan  3 10:00:00 2024', 'Subject: no sender', '', 'words', '']
    const empty = ['From x Wed Jan  3 10:00:00 2024', 'From: ann@example.org', '', '> quoted', '']
    const late = ['From x Wed Jan  3 10:00:00 2024', 'From: ann@example.org', 'Date: yesterday', '', 'words', '']
    const part = (_: unknown, i: number) => `Content-Type: multipart/mixed; boundary=b${i}\n\n--b${i}`
    const nested = ['From x Wed Jan  3 10:00:00 2024', ...Array.from({ length: 400 }, part), '']
    const log = await read('few.mbox', bytes([...bare, ...empty, ...late, ...nested, ...second]))
    expect(log.count('bad-line')).toBe(1)
    expect([log.count('missing-user'), log.count('empty-text'), log.count('bad-time')]).toEqual([1, 1, 1])
    expect(log.report.issues.map(({ examples }) => examples[0])).toContainEqual(
      expect.stringMatching(/few\.mbox:1: user is empty$/),
    )
  })
})

it("Google Takeout's activity is that of one user", async () => {
  const activity = [
    { header: 'Search', title: 'Searched for roses', time: '2024-01-02T03:04:05.678Z', products: ['Search'], id: 0 },
    {
      header: 'YouTube',
      title: 'Watched beans',
      titleUrl: 'https://v/1',
      time: '2024-01-01T00:00:00Z',
      products: ['YouTube'],
    },
  ]
  const text = JSON.stringify([...activity, {}], null, 2).replace('"id": 0', '"id": 9007199254740993')
  const { texts, users, report, count } = await read('MyActivity.json', text)
  expect(texts).toEqual([
    ['me', 'Watched beans'],
    ['me', 'Searched for roses'],
  ])
  expect(users[0].interactions[1].time).toBe(Date.UTC(2024, 0, 2, 3, 4, 5, 678))
  expect(report.files[0]).toMatchObject({ format: 'takeout', records: 3 })
  expect(count('empty-text')).toBe(1)
  const ids = await read('MyActivity.json', text, { user: 'id' })
  expect(ids.users.map(({ id }) => id)).toEqual(['9007199254740993'])
})

it('dumps of Reddit need no flags', async () => {
  const comments = [
    { author: 'ann', created_utc: '1704164645', body: 'roses' },
    { author: '[deleted]', created_utc: 1704164646, body: 'gone' },
  ]
  const { texts, users, count } = await read('RC_2024-01', jsonLines(comments))
  expect(texts).toEqual([['ann', 'roses']])
  expect(users[0].interactions[0].time).toBe(Date.UTC(2024, 0, 2, 3, 4, 5))
  expect(count('missing-user')).toBe(1)
})
