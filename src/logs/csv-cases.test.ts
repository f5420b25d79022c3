// CSV and TSV as people have them: dialects, preambles and headers, read right or named with the cure.
import { describe, expect, it } from 'vitest'
import { testFolder } from './testing/files.ts'
import { reader } from './testing/read.ts'

const { read } = reader(testFolder())

describe('quotes', () => {
  it('in TSV are letters where the file shows it', async () => {
    const log = await read('q.tsv', 'user\ttext\na\t"One" word\nb\t"opened only\nc\tplain\nd\t"and again\n')
    expect(log.texts).toEqual([
      ['a', '"One" word'],
      ['b', '"opened only'],
      ['c', 'plain'],
      ['d', '"and again'],
    ])
    expect(log.report.notes).toHaveLength(1)
    expect(log.report.notes[0]).toContain('quotes are letters')
    expect(log.report.files[0].reading).toBe('tabs between fields, quotes are letters, header on line 1')
    // One that opens here and closes there, in an otherwise regular record.
    expect((await read('m.tsv', 'user\ttext\na\t"opens\nb\tx\nc\tcloses"\n')).users).toHaveLength(3)
  })

  it('in TSV stand around fields where the file shows that', async () => {
    const text = 'user\ttext\na\t"a tab\there"\nb\t"a\nbreak"\nc\t"he said ""so"""\n'
    const log = await read('q.tsv', text)
    expect(log.texts.map(([, words]) => words)).toEqual(['a tab\there', 'a\nbreak', 'he said "so"'])
    expect(log.report.notes).toEqual([])
    const all = await read('all.tsv', '"user"\t"text"\n"a"\t"one"\n"b"\t"two" more\n')
    expect(all.texts).toEqual([
      ['a', 'one'],
      ['b', 'two more'],
    ])
    expect(all.report.notes[0]).toMatch(/1 rows have text after a closing quote \(the first on line 3\)/)
  })

  it('in CSV are letters only where several show it and none is needed', async () => {
    const log = await read('l.csv', 'user;text\na;"One" word\nb;"opened only\nc;x\n')
    expect(log.texts.map(([, text]) => text)).toEqual(['"One" word', '"opened only', 'x'])
    const one = await read('o.csv', 'user,text\na,it\'s \'so\'\nb,"x, y"\nc,5" pipe\n')
    expect(one.texts.map(([, text]) => text)).toEqual(["it's 'so'", 'x, y', '5" pipe'])
  })

  it('may be escaped by a backslash, wherever in the file that is first seen', async () => {
    const rows = 'b,"then \\"b\\" left",5\nc,"then \\"b, c\\"",6\nd,"a \\\\ b",7\n'
    const log = await read('b.csv', `user,text,n\n${rows}`)
    const expected = ['then "b" left', 'then "b, c"', 'a \\ b']
    expect(log.texts.map(([, text]) => text)).toEqual(expected)
    expect(log.report.issues).toEqual([])
    expect(log.report.notes[0]).toContain('written \\"')
    const filler = Array.from({ length: 20_000 }, (_, i) => `a,"plain, text ${i}",1\n`).join('')
    const late = await read('late.csv', `user,text,n\n${filler}${rows}`)
    expect(late.texts.slice(-3).map(([, text]) => text)).toEqual(expected)
    expect(late.texts).toHaveLength(20_003)
    const path = await read('w.csv', 'user,text\na,"C:\\"\nb,"D:\\, x"\n')
    expect(path.texts.map(([, text]) => text)).toEqual(['C:\\', 'D:\\, x'])
  })

  it('late in the file, and line breaks of every kind, are understood', async () => {
    const filler = Array.from({ length: 30_000 }, (_, i) => `a\tplain ${i}\n`).join('')
    const late = await read('late.tsv', `user\ttext\n${filler}b\t"a\ttab"\n`)
    expect(late.texts.at(-1)).toEqual(['b', 'a\ttab'])
    const mixed = await read('mixed.csv', 'user,"te\nxt"\r\na,"x\ny"\nb,"ends\n"\r\nc,"z"', { text: '"te\nxt"' })
    expect(mixed.texts.map(([, text]) => text)).toEqual(['x\ny', 'ends', 'z'])
    const windows = await read('windows.csv', 'user,text\na,"x\r\ny"\r\nb,"\r\n\rz"\r\n')
    expect(windows.texts.map(([, text]) => text)).toEqual(['x\r\ny', 'z'])
    const column = await read('one.csv', 'text\n"a\nb"\nc\n', { user: "'me'" })
    expect(column.texts.map(([, text]) => text)).toEqual(['a\nb', 'c'])
    for (const end of ['', '\n', '\n\n']) {
      expect((await read('mac.csv', `user,text\ra,x\rb,"y\rz"\r${end}`)).texts).toEqual([
        ['a', 'x'],
        ['b', 'y\nz'],
      ])
    }
  })

  it('may be apostrophes, and stand behind spaces', async () => {
    const apostrophes = await read('a.csv', "user,text\n'a','x, it''s'\n'b','y'\n")
    expect(apostrophes.texts.map(([, text]) => text)).toEqual(["x, it's", 'y'])
    expect(apostrophes.report.notes[0]).toContain("fields stand in '")
    expect((await read('t.csv', "user,text\na,'tis\nb,it's, so\n")).texts).toEqual([['a', "'tis"]])
    const spaces = await read('s.csv', 'user, text\na, "x, ""y"""\nb, "z" \nc, "d" e\n')
    expect(spaces.texts.map(([, text]) => text)).toEqual(['x, "y"', 'z', '"d" e'])
  })

  it('of a record without values are counted: tabs alone are a record', async () => {
    const log = await read('empty.tsv', 'user\ttext\na\tx\n\t\n  \n')
    expect([log.texts, log.report.records, log.count('missing-user')]).toEqual([[['a', 'x']], 2, 1])
  })

  it('are as the caller says', async () => {
    const tick = { quote: "'", delimiter: ':', escape: '\\', headerLine: 2 }
    const log = await read('o.csv', "title\nuser:text\na:'it\\'s: so'\n", tick)
    expect(log.texts).toEqual([['a', "it's: so"]])
    const dump = await read('d.tsv', 'a\tone\\\ttab\\\\\n\\N\tx\n', {
      ...{ quote: '', escape: '\\', headerLine: 0 },
      ...{ user: 'column0', text: 'column1' },
    })
    expect(dump.texts).toEqual([['a', 'one\ttab\\']])
  })
})

describe("Excel's formulas of texts", () => {
  it.each([
    ['bare', 'f.csv', 'user,text\n="007",one\n="7",two\n'],
    ['in quotes', 'q.csv', 'user,text\n"=""007""",one\n"=""7""",two\n'],
    ['in TSV', 'f.tsv', 'user\ttext\n="007"\tone\n="7"\ttwo\n'],
  ])('%s are those texts', async (_, name, text) => {
    const log = await read(name, text)
    expect(log.texts).toEqual([
      ['007', 'one'],
      ['7', 'two'],
    ])
    expect(log.report.notes.join()).toContain('2 fields are formulas of a text, ="…": the text is taken')
  })

  it('are no other fields that begin so', async () => {
    const log = await read('g.csv', 'user,text\na,="x" & "y"\nb,"=A1"\n')
    expect(log.texts.map(([, text]) => text)).toEqual(['="x" & "y"', '=A1'])
  })
})

describe('two columns of one name', () => {
  it('are said: which is taken, and what the other is called', async () => {
    const log = await read('twice.csv', 'user,text,Text,n\na,one,other,1\nb,two,more,2\n')
    expect(log.texts.map(([, text]) => text)).toEqual(['one', 'two'])
    expect(log.report.columns).toEqual(['user', 'text', 'Text_1', 'n'])
    expect(log.report.notes.join()).toContain(
      'line 1 names columns twice; the first keeps its name, the others are Text (now Text_1)',
    )
  })
})

describe('delimiters', () => {
  it.each([
    ['after records', 'user,text\na,hi,\nb,yo,\n', 1],
    ['and blanks after records', 'user,text\na,hi, \nb,yo,  \n', 1],
    ['after the header', 'user,text,\na,hi\nb,yo\n', 0],
    ['after both', 'user,text,,\na,hi,,\nb,yo,,\n', 0],
  ])('%s add no field', async (_, text, notes) => {
    const log = await read('t.csv', text)
    expect(log.texts).toEqual([
      ['a', 'hi'],
      ['b', 'yo'],
    ])
    expect(log.report.issues).toEqual([])
    expect(log.report.notes).toHaveLength(notes)
  })

  it('that are one more than the header has names for are named', async () => {
    const log = await read('r.csv', 'user,text\n1,a,hi\n2,b,yo\n3,c\n')
    expect(log.count('bad-line')).toBe(2)
    expect(log.report.notes[0]).toMatch(/line 1 names 2 columns and 2 of 3 rows have 3 fields: name the missing/)
    await expect(read('r.csv', 'user,text\n1,a,hi\n2,b,yo\n')).rejects.toThrow('name the missing column there')
  })
})

describe('headers', () => {
  const texts = [
    ['a', 'hi'],
    ['b', 'yo'],
  ]
  it.each([
    ['two lines of a vendor', 'Vendor;Trial\nStart;06/02/2024\nuser;text;ts\na;hi;2024-01-01\nb;yo;2024-01-02\n'],
    ['comments', '# of a vendor\n# with, a, comma\nuser,text,ts\na,hi,2024-01-01\nb,yo,2024-01-02\n'],
    ['many lines', `${'# a note\n'.repeat(80)}user,text,ts\na,hi,2024-01-01\nb,yo,2024-01-02\n`],
    ['a word', 'UTF-8\nuser;text;ts\na;hi;2024-01-01\nb;yo;2024-01-02\n'],
    ['lines filled up by a spreadsheet', 'Report 2024,,\n,,\nuser,text,ts\na,hi,2024-01-01\nb,yo,2024-01-02\n'],
  ])('may stand below %s', async (_, text) => {
    const log = await read('p.csv', text)
    expect(log.texts).toEqual(texts)
    expect(log.report.notes[0]).toMatch(/line \d+ is taken for the header; what stands above it is left out/)
    expect(log.report.issues).toEqual([])
  })

  it('may stand below `sep=`', async () => {
    expect((await read('s.csv', 'sep=;\nuser;text\na;hi\nb;yo\n')).texts).toEqual(texts)
    expect((await read('s.csv', '\uFEFF"sep=:"\r\nuser:text\r\na:hi\r\nb:yo\r\n')).texts).toEqual(texts)
  })

  it('may have numbers in them', async () => {
    expect((await read('n.csv', 'user,text,2024\na,hi,5\nb,yo,6\n')).texts).toEqual(texts)
    expect(
      (await read('nul.csv', 'user,text,n\0\nann,a text that is long enough to be no binary data,5\n')).users,
    ).toHaveLength(1)
    const own = await read('n.csv', 'who,words,2023,2024\na,hi,5,5\nb,yo,6,6\n', { user: 'who', text: 'words' })
    expect(own.texts).toEqual(texts)
  })

  it('of pandas are numbers', async () => {
    for (const [text, first] of [
      [',0,1\n0,a,hi\n1,b,yo\n', 'column0, 0, 1'],
      ['0,1\na,hi\nb,yo\n', '0, 1'],
    ]) {
      const log = await read('pandas.csv', text, { user: '"0"', text: '"1"' })
      expect(log.texts).toEqual(texts)
      expect(log.report.notes[0]).toContain(`pandas' header; columns: ${first}`)
    }
    await expect(read('pandas.csv', ',0,1\n0,a,hi\n')).rejects.toThrow("pandas' header; columns: column0, 0, 1")
  })

  it('may be given by the caller', async () => {
    const columns = ['user', 'text', 'stars']
    const mapped = { columns, text: 'text || stars' }
    const three = [
      ['a', 'hi7'],
      ['b', 'yo8'],
    ]
    expect((await read('h.csv', 'a,hi,7\nb,yo,8\n', mapped)).texts).toEqual(three)
    expect((await read('h.tsv', 'a\thi\t7\t\nb\tyo\t8\t\n', mapped)).texts).toEqual(three)
    expect((await read('h.csv', 'User,Text,Stars\na,hi,7\nb,yo,8\n', mapped)).texts).toEqual(three)
    const log = await read('h.csv', 'of 2024\nwho,what,n\na,hi,7\nb,yo,8\n', { ...mapped, headerLine: 2 })
    expect(log.texts).toEqual(three)
    expect(log.report.files[0].reading).toMatch(/header on line 2$/)
    const uneven = await read('h.csv', 'a,hi,7\nb,yo,8\nc,ho\n', mapped)
    expect([uneven.texts, uneven.count('bad-line')]).toEqual([three, 1])
  })

  it.each<[string, string, string[], RegExp]>([
    [
      'fewer',
      'a,hi,7\nb,yo,8\n',
      ['user', 'text'],
      /columns: 2 names \(user, text\) for rows of 3 fields, such as line 1 of .*h\.csv: a, hi, 7/,
    ],
    ['more', 'a,hi\nb,yo\n', ['user', 'text', 'time'], /columns: 3 names .* for rows of 2 fields/],
    ['an empty one', 'a,hi\n', ['user', ' '], /none of them empty/],
    ['none', 'a,hi\n', [], /a name for each field/],
    ['one twice', 'a,hi\n', ['text', 'Text'], /the name "text" twice/],
  ])('given by the caller are refused where they are %s', async (_, content, columns, message) => {
    await expect(read('h.csv', content, { columns })).rejects.toThrow(message)
  })

  it('given by the caller are refused for rows that name their columns', async () => {
    await expect(read('h.jsonl', '{"user":"a","text":"b"}', { columns: ['user', 'text'] })).rejects.toThrow(
      /columns: only rows of CSV and TSV need names, and .*h\.jsonl is JSON Lines/,
    )
  })

  it('that come again, as where files were put together, are no records', async () => {
    const log = await read('cat.csv', 'user,text\na,hi\nuser, text\nb,yo\n')
    expect([log.texts, log.count('bad-line')]).toEqual([texts, 1])
    expect(log.report.issues[0].examples[0]).toContain('cat.csv:3: the header once more')
  })

  it('that are none eat no record in silence', async () => {
    const columns = { user: 'column0', text: 'column1' }
    expect((await read('h.csv', 'a,hi\nb,yo\n', columns)).texts).toEqual(texts)
    expect((await read('h.csv', 'a,hi,2024-01-01\nb,yo,2024-01-02\n', columns)).texts).toEqual(texts)
    expect((await read('h.csv', 'a,hi,7\nb,yo,8\n', columns)).texts).toEqual(texts)
    await expect(read('h.csv', 'a,hi\nb,yo\n')).rejects.toThrow('line 1 is taken for the header; columns: a, hi')
    const category = await read('c.csv', 'a,comment,1\nb,comment,2\n', { user: 'column0', text: 'column1' })
    expect(category.users).toHaveLength(2)
    expect((await read('v.csv', 'ana,review\nbob,text\n', columns)).users).toHaveLength(2)
    expect((await read('i.csv', ',text\na,hi\nb,yo\n', { user: 'column0' })).texts).toEqual(texts)
    await expect(read('t.csv', 'user~text\na~hi\n')).rejects.toThrow('say by delimiter')
    expect((await read('h.csv', 'user,text\nb,yo\n', { ...columns, headerLine: 0 })).users).toHaveLength(2)
  })
})
