import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bm25Scores, bm25Top, words } from './bm25.ts'

const documents = fc.array(
  fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 6 }).map((list) => list.join(' ')),
  { minLength: 1, maxLength: 8 },
)

describe('bm25', () => {
  it('splits on the whitespace that Python knows and keeps case', () => {
    expect(words(' A\u00a0b\u001fc\u3000D\u200be\n')).toEqual(['A', 'b', 'c', 'D\u200be'])
  })

  it('scores a rare word by hand', () => {
    // idf of 'x': ln(2.5) - ln(1.5); both other words as well, so no floor; both documents have the mean length.
    const scores = bm25Scores(['x y', 'z w', 'v u'], 'x')
    expect(scores[0]).toBeCloseTo(Math.log(2.5 / 1.5), 12)
    expect([scores[1], scores[2]]).toEqual([0, 0])
  })

  it('gives words of most documents a quarter of the mean idf', () => {
    const common = Math.log(1.5) - Math.log(2.5)
    const scores = bm25Scores(['x', 'x', 'y z w v'], 'x')
    const mean = (common + 4 * Math.log(2.5 / 1.5)) / 5
    const norm = 1.5 * (0.25 + 0.75 / 2)
    expect(scores[0]).toBeCloseTo((0.25 * mean * 2.5) / (1 + norm), 12)
  })

  it('is 0 where there is nothing to search or to find', () => {
    expect([...bm25Scores([], 'x')]).toEqual([])
    expect([...bm25Scores(['', ' '], 'x')]).toEqual([0, 0])
    expect([...bm25Scores(['a'], '')]).toEqual([0])
  })

  it('takes the best, and of equals the latest', () => {
    expect(bm25Top(['b', 'a', 'b', 'c', 'd', 'e', 'f'], 'a', 3)).toEqual([1, 6, 5])
    expect(bm25Top(['a', 'b'], 'c', 9)).toEqual([1, 0])
  })

  it('does not depend on the order of the documents', () => {
    fc.assert(
      fc.property(documents, fc.constantFrom('a', 'a b', 'd c a', 'a a'), (list, query) => {
        const forward = bm25Scores(list, query)
        const backward = bm25Scores([...list].reverse(), query).reverse()
        for (const [i, score] of forward.entries()) expect(backward[i]).toBeCloseTo(score, 12)
      }),
    )
  })
})
