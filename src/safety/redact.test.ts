import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { redact } from './redact.ts'

const said = (text: string, options?: Parameters<typeof redact>[1]) => redact(text, options).text

describe('redact', () => {
  it.each([
    ['Mail anna@example.org, call +44 20 7946 0958.', 'Mail [email], call [phone].'],
    ['Pays with 4111 1111 1111 1111 from DE89 3704 0044 0532 0130 00.', 'Pays with [card] from [account].'],
    ['Lives at 12 rue de la Paix, 75002 Paris.', 'Lives at [address].'],
    ['Posts from 203.0.113.7 on https://example.org/a?b=c.', 'Posts from [ip] on [link].'],
    ['DNI 12345678Z', 'DNI [id]'],
  ])('%s', (text, expected) => {
    expect(said(text)).toBe(expected)
  })

  it.each([
    ['wide digits', 'Ruft ０３０ ９０１８２０ an'],
    ['digits of another script', 'Call +٤٤ ٢٠ ٧٩٤٦ ٠٩٥٨'],
    ['unseen characters', 'Call 0\u200b2\u200d0 79\u00ad46 09\ufeff58'],
    ['marks over digits', 'Call 0\u03362\u03360\u0336 7946 0958'],
    ['another at-sign', 'anna\ufe6bexample.org'],
    ['a full stop of Chinese', 'anna＠example。org'],
    ['words for signs', 'anna [at] example (dot) org'],
  ])('%s hide nothing', (_, text) => {
    expect(said(text)).toMatch(/\[(?:phone|email)\]/)
  })

  it('leaves years, versions, openings, titles and prices', () => {
    const text =
      'Likes 2001: A Space Odyssey, Python 3.12.4, 1. e4 e5 2. Nf3, ISBN 978-3-16-148410-0 and cameras for $1,299.00.'
    expect(redact(text)).toEqual({ text, found: {} })
  })

  it('counts what it found, and looks for the kinds that it is asked for', () => {
    const text = 'a@example.org, b@example.org, +44 20 7946 0958'
    expect(redact(text).found).toEqual({ email: 2, phone: 1 })
    expect(said(text, { kinds: ['phone'] })).toBe('a@example.org, b@example.org, [phone]')
  })

  it('knows the numbers of the countries that are named', () => {
    expect(said('Ring 22 123 456 00', { countries: ['PL'] })).toBe('Ring [phone]')
    expect(said('0412 345 678', { countries: ['AU'] })).toBe('[phone]')
    expect(said('0412 345 678', { countries: ['US'] })).toBe('0412 345 678')
  })

  it('gives itself again, whatever the text', () => {
    const deny = ['x', 'email', 'rue*']
    const piece = fc.constantFrom(
      ...[
        'a@b.co',
        '0',
        '1',
        '4111',
        ' ',
        '-',
        '.',
        '@',
        '[',
        ']',
        '[email]',
        '+44',
        '(',
        ')',
        '/',
        'dot',
        ' at ',
        '\n',
      ],
      ...[
        'www.',
        'http://',
        'x',
        '12 rue de la Paix',
        'DE89',
        'account',
        '::',
        '\u200b',
        '１',
        'Main Street',
        'é',
        'com',
      ],
    )
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 60 }),
      fc.array(piece, { maxLength: 25 }).map((p) => p.join('')),
    )
    fc.assert(
      fc.property(text, (input) => {
        const once = redact(input, { deny })
        expect(redact(once.text, { deny })).toEqual({ text: once.text, found: {} })
        const places = Object.values(once.found).reduce((sum, n) => sum + n, 0)
        expect(once.text.length).toBeLessThanOrEqual(input.length + places * '[withheld]'.length)
      }),
      { numRuns: 50 },
    )
  })
})

describe('deny', () => {
  it('finds phrases as whole words, whatever their case, accents and spacing', () => {
    const deny = ['Projekt Falke', 'EMP-####', 'acme*']
    expect(said('Spoke of PROJEKT  FÄLKE with emp-1234 of Acmesoft.', { deny })).toBe(
      'Spoke of [withheld] with [withheld] of [withheld].',
    )
    expect(said('Projekt Falken, EMP-123, macme', { deny })).toBe('Projekt Falken, EMP-123, macme')
  })

  it('takes every sign literally but its own two', () => {
    expect(said('a.c abc (x) [y]', { deny: ['a.c', '(x)'] })).toBe('[withheld] abc [withheld] [y]')
  })

  it.each([
    ['nothing but signs', '**', /no letter/],
    ['two stars in a word', 'a*b*', /two \* in one word/],
    ['length', 'a'.repeat(201), /at most 200/],
    ['what is no text', 3 as never, /a phrase/],
  ])('refuses %s', (_, rule, message) => {
    expect(() => redact('', { deny: [rule] })).toThrow(message)
  })

  it('refuses what is no kind and no country', () => {
    expect(() => redact('', { kinds: ['name' as never] })).toThrow(/kinds: name is none of link, email/)
    expect(() => redact('', { countries: ['Germany'] })).toThrow(/countries: Germany/)
  })
})
