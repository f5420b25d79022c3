// Catalogues that mapping expressions join (`with`).
import { describe, expect, it } from 'vitest'
import { gzipped, jsonLines, testFolder } from './testing/files.ts'
import { reader } from './testing/read.ts'
import { writeParquet } from './testing/written.ts'

const folder = testFolder()
const { read, readFrom } = reader(folder)
const text = '(select title from items where items.id = rows.movie)'
const log = 'user,movie\nann,7\nann,8\nbob,7\n'

describe('a catalogue', () => {
  it.each([
    ['CSV', 'items.csv', 'id,title\n7,Alien\n8,Brazil\n'],
    ['packed JSON Lines', 'items.jsonl.gz', gzipped('{"id":7,"title":"Alien"}\n{"id":8,"title":"Brazil"}\n')],
    ['JSON with texts for ids', 'items.json', '[{"id":"7","title":"Alien"},{"id":"8","title":"Brazil"}]'],
  ])('of %s is joined to the rows', async (_, name, content) => {
    const { texts, report } = await read('log.csv', log, { text, with: { items: folder.write(name, content) } })
    expect(texts).toEqual([
      ['ann', 'Alien'],
      ['ann', 'Brazil'],
      ['bob', 'Alien'],
    ])
    expect(report.issues).toEqual([])
    expect(report.columns).toEqual(['user', 'movie'])
    expect(report.tables).toMatchObject([{ name: 'items', rows: 2, columns: [{ name: 'id' }, { name: 'title' }] }])
  })

  it('may be several, of other formats than the logs, and under other names in the expression', async () => {
    const items = await writeParquet(folder.path('items.parquet'), "SELECT 7 AS id, 'Alien' AS title, 1 AS by")
    folder.write('people/1.csv', 'id,name\n1,Scott\n')
    folder.write('people/2.csv', 'id,name\n2,Gilliam\n')
    const { texts } = await read('log.jsonl', jsonLines([{ user: 'ann', movie: '7' }]), {
      text: "(select i.title || ' by ' || p.name from Items i join people p on p.id = i.by where i.id = movie)",
      with: { items, people: folder.path('people/*.csv') },
    })
    expect(texts).toEqual([['ann', 'Alien by Scott']])
  })

  it('stands beside logs in Parquet', async () => {
    const path = await writeParquet(folder.path('log.parquet'), "SELECT 'ann' AS user, 7.0 AS movie")
    const items = folder.write('i.csv', 'id,title\n7,Alien\n')
    expect((await readFrom({ paths: [path], text, with: { items } })).texts).toEqual([['ann', 'Alien']])
  })
})

describe('ids', () => {
  const titles = async (log: string, items: string) => {
    const { texts } = await read('ids.jsonl', log, { text, with: { items: folder.write('ids-items.jsonl', items) } })
    return texts.map(([, title]) => title)
  }
  const rows = (ids: string[]) => ids.map((id) => `{"user":"u","movie":${id}}\n`).join('')
  const items = (ids: string[]) =>
    ids.map((id) => `{"id":${id},"title":"title of ${id.replaceAll('"', '')}"}\n`).join('')

  it('written as text are equal to the number that they spell', async () => {
    expect(await titles(rows(['"007"', '"7"', '"7.0"', '" 7 "', '"7.4"', '"x"', '7']), items(['7', '8']))).toEqual(
      Array(5).fill('title of 7'),
    )
    expect(await titles(rows(['7', '7.0', '8']), items(['"007"', '"x"', '"7.4"']))).toEqual(
      Array(2).fill('title of 007'),
    )
    expect(await titles(rows(['"7.50"', '"x"']), items(['7.5', '8']))).toEqual(['title of 7.5'])
  })

  it.each(['id in (rows.movie)', 'rows.movie in (id)', "rows.movie in ('none', id)"])(
    'are equal in lists, too (%s)',
    async (equal) => {
      const items = folder.write('in-items.jsonl', '{"id":7,"title":"Alien"}\n{"id":8,"title":"Brazil"}\n')
      const { texts, report } = await read('in.csv', 'user,movie\na,007\na,x\nb,8\n', {
        text: `(select title from items where ${equal})`,
        with: { items },
      })
      expect(texts).toEqual([
        ['a', 'Alien'],
        ['b', 'Brazil'],
      ])
      expect(report.notes.join()).toContain('items has no row for 1 of the logs')
    },
  )

  it('written as text on both sides are equal letter by letter', async () => {
    expect(await titles(rows(['"007"', '"7"', '"x"']), items(['"7"', '"x"', '"y"']))).toEqual([
      'title of 7',
      'title of x',
    ])
  })

  it('keep their digits', async () => {
    const big = ['9007199254740993', '9007199254740992', '"18446744073709551615"']
    expect(await titles(rows(big), items(big))).toEqual(big.map((id) => `title of ${id.replaceAll('"', '')}`))
  })

  it('stand in an expression as they are written', async () => {
    const { texts } = await read('d.csv', 'user,movie\na,x\na,9007199254740993\n', {
      text: "(select title || 9007199254740993 || '\\u0001' || 0.12345678901234567 from items where id = movie)",
      with: { items: folder.write('d-items.csv', 'id,title\n9007199254740993,Alien\n') },
    })
    expect(texts).toEqual([['a', 'Alien9007199254740993\\u00010.12345678901234567']])
  })

  it('are compared as ever in expressions without a catalogue', async () => {
    const items = folder.write('e-items.csv', 'id,title\n7,Alien\n')
    const text = 'CASE WHEN stars = (a < b) THEN title ELSE stars::VARCHAR END'
    const { texts } = await read('e.csv', 'user,title,stars,a,b\nu,one,1,1,2\nu,two,2,1,2\n', { text, with: { items } })
    expect(texts.map(([, title]) => title)).toEqual(['one', '2'])
  })

  it('may be computed', async () => {
    const { texts } = await read('c.csv', 'user,movie\na,m-7\na,m-x\n', {
      text: '(select title from items where id = substr(movie, 3))',
      with: { items: folder.write('c-items.csv', 'id,title\n7,Alien\n') },
    })
    expect(texts).toEqual([['a', 'Alien']])
  })
})

it('names rows without a match', async () => {
  const options = { text, with: { items: folder.write('few.csv', 'id,title\n7,Alien\n') } }
  const { report, count } = await read('log.csv', `${log}bob,9\n`, options)
  expect(count('empty-text')).toBe(2)
  expect(report.notes).toContain("items has no row for 2 of the logs' rows: none whose id is their movie, such as 8")
})

describe('refused is', () => {
  const refused = (items: string, name = 'items', expression = text) =>
    expect(read('log.csv', log, { text: expression, with: { [name]: items } })).rejects

  it('a key of several rows', async () => {
    const items = folder.write('double.csv', 'id,title\n7,Alien\n7,Alien 3\n7,Alien 4\n5,a\n5,b\n')
    await refused(items).toThrow(/items has several rows for one movie \(3 for 7\): .*any_value/)
    const spelled = folder.write('spelled.csv', 'id,title\n7,Alien\n007,Bond\nx,none\n')
    await refused(spelled).toThrow(/several rows for one movie \(2 for 7\)/)
    await refused(items, 'items', '(select title from items where id = abs(movie))').toThrow(
      /finds several rows for one of the log's: say which/,
    )
    const one = { text: text.replace('title', 'max(title)'), with: { items } }
    expect((await read('log.csv', log, one)).texts).toEqual([
      ['ann', 'Alien 4'],
      ['bob', 'Alien 4'],
    ])
  })

  it('a file that is missing or empty', async () => {
    await refused(folder.path('none.csv')).toThrow(/^with\.items: .*none\.csv: no such file/)
    await refused(folder.write('empty.csv', '')).toThrow(
      /^with\.items: nothing to read\n.*\n.*empty\.csv: the file is empty/,
    )
    await refused(folder.write('header.csv', 'id,title\n')).toThrow(/^with\.items: .*header\.csv has no rows/)
  })

  it.each([
    ['my items', /with: "my items" cannot be the name of a table: letters/],
    ['1st', /a digit not first/],
    ['Rows', /the logs are called so/],
    ['select', /a word of SQL/],
    ['records', /bump uses it itself/],
  ])('the name %s', async (name, message) => {
    await refused(folder.write('items.csv', 'id,title\n7,Alien\n'), name).toThrow(message)
  })

  it('a column that is not there, with the nearest of logs and tables', async () => {
    const items = folder.write('items.csv', 'id,title\n7,Alien\n')
    await refused(items, 'items', text.replace('title', 'titel')).toThrow(
      '"titel" is no column of these logs or items; the nearest is "items.title"',
    )
  })

  it('a table that nobody named', async () => {
    await refused(folder.write('items.csv', 'id,title\n7,Alien\n'), 'films').toThrow(/items is no table here.*`with`/)
  })
})
