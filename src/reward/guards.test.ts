import { describe, expect, it } from 'vitest'
import { rewardConfigSchema } from './config.ts'
import { copiedPenalty, isEmptyProfile, lengthPenalty } from './guards.ts'

const config = rewardConfigSchema.parse({ lengthBudget: 100, lengthPenalty: 0.5, lengthCap: 0.75, maxCopiedNgram: 4 })

describe('reward config', () => {
  it('has the defaults of the paper and knows no other key', () => {
    expect(rewardConfigSchema.parse(undefined)).toMatchObject({
      forwardWeight: 1,
      backwardWeight: 1,
      positives: 1,
      negatives: 8,
    })
    expect(rewardConfigSchema.safeParse({ negative: 8 }).success).toBe(false)
    expect(rewardConfigSchema.safeParse({ lengthBudget: 0 }).success).toBe(false)
  })
})

describe('length penalty', () => {
  it('is linear beyond the budget, up to the cap', () => {
    expect(lengthPenalty(0, config)).toBe(0)
    expect(lengthPenalty(100, config)).toBe(0)
    expect(lengthPenalty(150, config)).toBeCloseTo(0.25, 12)
    expect(lengthPenalty(200, config)).toBeCloseTo(0.5, 12)
    expect(lengthPenalty(1000, config)).toBe(0.75)
  })
})

describe('copied text', () => {
  const history = ['The quick brown fox jumps over the lazy dog', 'a lazy dog sleeps']

  it('costs in proportion to the words beyond what is allowed, up to the cap', () => {
    expect(copiedPenalty('quick brown fox jumps', history, config)).toBe(0)
    expect(copiedPenalty('quick brown fox jumps over', history, config)).toBeCloseTo(0.25, 12)
    expect(copiedPenalty(history[0], history, config)).toBe(1)
  })
})

describe('empty profiles', () => {
  it('hold no letter and no digit', () => {
    for (const text of ['', ' \n', '...', '- \u2014 !']) expect(isEmptyProfile(text)).toBe(true)
    for (const text of ['a', '日本', '7']) expect(isEmptyProfile(text)).toBe(false)
  })
})
