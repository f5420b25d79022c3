import { describe, expect, it } from 'vitest'
import { buildProfilePrompt } from '../../generator/history.ts'
import { NANO_WORDING } from '../../generator/prompt.ts'
import type { Interaction } from '../../logs/types.ts'
import { toyModel } from '../../model/testing/toy-model.ts'
import { derangement, mismatchedWith, rawHistory } from './controls.ts'

describe('rawHistory', () => {
  const { tokenizer } = toyModel()
  const history = (...texts: string[]): Interaction[] => texts.map((text, i) => ({ text, time: i, metadata: {} }))
  const budget = { historyTokens: 100, interactionTokens: 48 }

  it('keeps the latest interactions that fit, oldest first, one a line', () => {
    expect(rawHistory(history('one', 'two', 'three'), tokenizer, budget)).toBe('- one\n- two\n- three')
    const few = rawHistory(history('one', 'two', 'a\nthird one'), tokenizer, { ...budget, historyTokens: 8 })
    expect(few).toBe('- two\n- a third one')
    expect(rawHistory([], tokenizer, budget)).toBe('')
  })

  it('is what the generator reads, cut alike', () => {
    const long = history('first of all', 'a word of two and many a word of three', 'last of all')
    for (const historyTokens of [2, 6, 12, 100])
      for (const interactionTokens of [2, 5, 48]) {
        const cut = { historyTokens, interactionTokens }
        const { texts } = buildProfilePrompt(long, tokenizer, { ...NANO_WORDING, ...cut })
        expect(rawHistory(long, tokenizer, cut).split('\n')).toEqual(texts.map((text) => `- ${text}`))
      }
  })
})

describe('derangement', () => {
  it('gives everyone another one, each once, as its seed says', () => {
    for (const count of [2, 3, 10, 77]) {
      const other = derangement(count, 5)
      expect(new Set(other).size).toBe(count)
      for (const [i, j] of other.entries()) expect(j).not.toBe(i)
      expect(derangement(count, 5)).toEqual(other)
    }
    expect(derangement(77, 6)).not.toEqual(derangement(77, 5))
  })

  it('of the mismatched control is that of the published results', () => {
    expect(mismatchedWith(8, 1)).toEqual([7, 5, 4, 0, 1, 6, 3, 2])
    expect(mismatchedWith(8, 2)).toEqual([5, 3, 1, 6, 0, 7, 4, 2])
  })
})
