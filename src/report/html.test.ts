// Escaping: no text can become markup, in an element, an attribute or a script's data.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { html, markup, scriptJson, within } from './html.ts'

const hostile = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('</script><img onerror=alert(1)>', '"><b>', "'", '<!--', ']]>', '&lt;', '\ud800', '\u0000'),
)

describe('html', () => {
  it('escapes text, joins lists and leaves nothing out but undefined and false', () => {
    expect(html`<p title="${'"a"'}">${['<b>', html`<i>${1}</i>`]}${undefined}${false}${0}</p>`.markup).toBe(
      '<p title="&quot;a&quot;">&lt;b&gt;<i>1</i>0</p>',
    )
  })

  it('lets no text become markup', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const { markup: escaped } = html`${text}`
        expect(escaped).not.toMatch(/[<>"']|[^\P{Cc}\n\t]|\p{Cs}/u)
        expect(escaped.replace(/&(amp|lt|gt|quot|#39);/g, '')).not.toContain('&')
      }),
    )
  })
})

describe('scriptJson', () => {
  it('reads back as it was, and cannot end its script', () => {
    fc.assert(
      fc.property(fc.array(hostile), (texts) => {
        const { markup: json } = scriptJson(texts)
        expect(json).not.toContain('<')
        expect(JSON.parse(json)).toEqual(texts)
      }),
    )
  })
})

describe('within', () => {
  it('leaves out what does not fit, and says how much', () => {
    const pieces = ['aaaa', 'bbbb', 'cc'].map(markup)
    const left = (count: number) => html`${count} left`
    expect(within(10, pieces, left).markup).toBe('aaaabbbbcc')
    expect(within(9, pieces, left).markup).toBe('aaaabbbb1 left')
    expect(within(3, pieces, left).markup).toBe('3 left')
  })
})
