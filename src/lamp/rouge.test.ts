import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { rouge1, rougeL, rougeWords } from './rouge.ts'

const texts = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.array(fc.constantFrom('a', 'b', 'c', 'A', '7', 'é', '-'), { maxLength: 12 }).map((parts) => parts.join(' ')),
)

describe('rouge', () => {
  it('cuts words as rouge_score does', () => {
    expect(rougeWords("It's a naïve E-mail, 3.14%! 東京 a_b")).toEqual([
      ...['it', 's', 'a', 'na', 've', 'e', 'mail', '3', '14', 'a', 'b'],
    ])
    expect(rougeWords(' !?東京 ')).toEqual([])
  })

  it('counts shared words and subsequences by hand', () => {
    expect(rouge1('the cat sat', 'The cat ran!')).toBeCloseTo(2 / 3)
    // Repeated words count as often as both have them: 1 shared of 2 and 3.
    expect(rouge1('a b', 'a a a')).toBeCloseTo(0.4)
    expect(rouge1('a b c', 'c b a')).toBe(1)
    expect(rougeL('a b c', 'c b a')).toBeCloseTo(1 / 3)
    expect(rougeL('a b c d', 'a x c')).toBeCloseTo(4 / 7)
  })

  it('is 0 where a text has no words', () => {
    expect([rouge1('', ''), rougeL('', ''), rouge1('a', ''), rougeL('', 'a')]).toEqual([0, 0, 0, 0])
  })

  it('is symmetric, in [0, 1], 1 for a text with itself, and ROUGE-L never exceeds ROUGE-1', () => {
    fc.assert(
      fc.property(texts, texts, (a, b) => {
        const [one, longest] = [rouge1(a, b), rougeL(a, b)]
        expect(one).toBeCloseTo(rouge1(b, a), 12)
        expect(longest).toBeCloseTo(rougeL(b, a), 12)
        expect(longest).toBeGreaterThanOrEqual(0)
        expect(longest).toBeLessThanOrEqual(one + 1e-12)
        expect(one).toBeLessThanOrEqual(1)
        expect(rougeL(a, a)).toBe(rougeWords(a).length > 0 ? 1 : 0)
      }),
    )
  })

  it('does not see the order of words in ROUGE-1', () => {
    fc.assert(
      fc.property(texts, texts, (gold, prediction) => {
        const reversed = rougeWords(prediction).reverse().join(' ')
        expect(rouge1(gold, reversed)).toBeCloseTo(rouge1(gold, prediction), 12)
      }),
    )
  })
})
