import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { longestCopiedNgram } from './copied-words.ts'

describe('the longest copied piece', () => {
  const history = ['The quick brown fox jumps over the lazy dog', 'a lazy dog sleeps']

  it('counts the words of the longest piece, whatever its case and punctuation', () => {
    expect(longestCopiedNgram('Likes dogs.', history)).toBe(0)
    expect(longestCopiedNgram('A fox!', history)).toBe(1)
    expect(longestCopiedNgram('Saw: "quick, BROWN fox jumps" and more', history)).toBe(4)
    expect(longestCopiedNgram('quick brown dog', history)).toBe(2)
    // A piece does not run on from one text into the next.
    expect(longestCopiedNgram('the lazy dog a lazy dog sleeps', history)).toBe(4)
    expect(longestCopiedNgram('', history)).toBe(0)
    expect(longestCopiedNgram('quick', [])).toBe(0)
  })

  it('agrees with a search through all pieces', () => {
    const text = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 9 })
    fc.assert(
      fc.property(text, text, (a, b) => {
        let longest = 0
        for (let i = 0; i < a.length; i++)
          for (let j = i + 1; j <= a.length; j++)
            if (` ${b.join(' ')} `.includes(` ${a.slice(i, j).join(' ')} `)) longest = Math.max(longest, j - i)
        expect(longestCopiedNgram(a.join(' '), [b.join(' ')])).toBe(longest)
      }),
    )
  })
})
