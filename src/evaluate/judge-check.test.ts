import { describe, expect, it } from 'vitest'
import { toyUsers } from '../judge/testing/toy-world.ts'
import { toyModel } from '../model/testing/toy-model.ts'
import { GENERIC_PROFILE, historyText, judgeCheck, SCORERS, type ScorerName } from './judge-check.ts'

const users = toyUsers(40)
const names = Object.keys(SCORERS) as ScorerName[]
const options = { positives: 1, negatives: 8, historyTokens: 128, maxInteractionTokens: 32, seed: 1 }

describe('historyText', () => {
  const { tokenizer } = toyModel()

  it('keeps the latest interactions that fit, oldest first', () => {
    expect(historyText(['one', 'two', 'three'], tokenizer, 100)).toBe('- one\n- two\n- three')
    expect(historyText(['one', 'two', 'three'], tokenizer, 6)).toBe('- two\n- three')
    expect(historyText(['one', 'a very long\ntext'], tokenizer, 2)).toBe('- a very long text')
    expect(historyText([], tokenizer, 2)).toBe('')
  })
})

describe('judgeCheck', () => {
  it('finds that an able judge tells users apart, with controls and cost', async () => {
    const lines: string[] = []
    const check = await judgeCheck(users, toyModel(), names, { ...options, onProgress: (line) => lines.push(line) })
    expect(check.failed).toEqual([])
    expect(check.scorers.map((scorer) => scorer.scorer)).toEqual(names)
    for (const { history, mismatched, tells, pairs, tokens, seconds } of check.scorers) {
      expect(tells).toEqual(['forward', 'backward'])
      expect(history.forward.mean).toBeGreaterThan(0.9)
      expect(history.backward.mean).toBeGreaterThan(0.9)
      expect(mismatched.forward.low).toBeLessThan(0.53)
      expect(mismatched.backward.low).toBeLessThan(0.53)
      expect(pairs).toBeGreaterThan(40 * 9)
      expect(tokens).toBeGreaterThan(pairs)
      expect(seconds).toBeGreaterThan(0)
    }
    expect(names).toContain(check.recommended)
    expect(check.verdict[0]).toMatch(/^likelihood tells users apart: forward \d\.\d+ \[.*against chance 0\.473/)
    expect(check.verdict.at(-1)).toMatch(/^Recommended: .* ms and \d+ tokens a pair\.$/)
    expect(lines).toHaveLength(12)
  })

  it('finds that a blind judge cannot', async () => {
    const check = await judgeCheck(users, toyModel({ blind: true }), ['likelihood', 'pointwise'], options)
    expect(check.recommended).toBeUndefined()
    expect(check.verdict[0]).toContain('likelihood cannot tell users apart')
    expect(check.verdict.join()).not.toContain('Warning')
    expect(check.verdict.at(-1)).toContain('Recommended: none')
  })

  it('warns where generic text ranks above chance', async () => {
    const talk = 'and enjoys learning new things'
    const chatty = users.map((user) => ({
      ...user,
      heldOut: user.heldOut.map((text) => `${text} ${talk} ${GENERIC_PROFILE}`),
    }))
    const check = await judgeCheck(chatty, toyModel(), ['pointwise'], { ...options, maxInteractionTokens: 64 })
    expect(check.verdict.join('\n')).toContain('generic text ranks above chance backward')
  })

  it("warns where another user's history is off chance", async () => {
    const three = users.slice(0, 3)
    const crossed = three.map((user, u) => ({ ...user, history: three[(u + 1) % 3].heldOut }))
    const check = await judgeCheck(crossed, toyModel(), ['likelihood'], options)
    expect(check.verdict.join('\n')).toContain("another user's history is off chance forward")
  })

  it('reports a scorer that does not fit, and fails where none does', async () => {
    const model = toyModel({ contextLength: 250 })
    const check = await judgeCheck(users, model, ['likelihood', 'listwise'], options)
    expect(check.failed).toEqual([{ scorer: 'listwise', reason: expect.stringContaining('tokens for one prompt') }])
    expect(check.recommended).toBe('likelihood')
    await expect(judgeCheck(users, model, ['listwise'], options)).rejects.toThrow('no scorer could be used')
  })

  it('needs three users, and ends when cancelled', async () => {
    await expect(judgeCheck(users.slice(0, 2), toyModel(), names, options)).rejects.toThrow('at least 3 users')
    const cancelled = judgeCheck(users, toyModel(), names, { ...options, signal: AbortSignal.abort() })
    await expect(cancelled).rejects.toThrow('cancelled')
  })
})
