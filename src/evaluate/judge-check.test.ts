import { describe, expect, it } from 'vitest'
import { judgeConfigSchema, SCORER_NAMES } from '../judge/config.ts'
import { toyUsers } from '../judge/testing/toy-world.ts'
import type { User } from '../logs/types.ts'
import { toyModel } from '../model/testing/toy-model.ts'
import { judgeCheck } from './judge-check.ts'
import { GENERIC_PROFILE } from './measure/controls.ts'

const interactions = (texts: readonly string[]) => texts.map((text, time) => ({ text, time, metadata: {} }))
const users: User[] = toyUsers(40).map(({ id, history, heldOut }) => ({
  id,
  history: interactions(history),
  heldOut: interactions(heldOut),
}))
const judge = (scorer: string, maxInteractionTokens = 32) => judgeConfigSchema.parse({ scorer, maxInteractionTokens })
const all = SCORER_NAMES.map((scorer) => judge(scorer))
const options = { positives: 1, negatives: 8, history: { historyTokens: 128, interactionTokens: 48 }, seed: 1 }

describe('judgeCheck', () => {
  it('finds that an able judge tells users apart, with controls and cost', async () => {
    const asked: string[] = []
    const check = await judgeCheck(users, toyModel(), all, {
      ...options,
      onProgress: (name, query) => asked.push(`${name} ${query}`),
    })
    expect(check.failed).toEqual([])
    expect(check.judges.map(({ config }) => config.scorer)).toEqual(SCORER_NAMES)
    for (const { history, mismatched, tells, gain, pairs, tokens, seconds, ...found } of check.judges) {
      expect(tells).toEqual(['forward', 'backward'])
      expect(gain).toBeGreaterThan(0.8)
      expect(history.forward.mean).toBeGreaterThan(0.9)
      expect(history.backward.mean).toBeGreaterThan(0.9)
      expect(mismatched.forward.low).toBeLessThan(0.53)
      expect(mismatched.backward.low).toBeLessThan(0.53)
      expect(found.mismatchedOffChance).toEqual([])
      expect(pairs).toBeGreaterThan(40 * 9)
      expect(tokens).toBeGreaterThan(pairs)
      expect(seconds).toBeGreaterThan(0)
    }
    expect(check.judges).toContain(check.recommended)
    expect(asked).toHaveLength(9)
    expect(asked.slice(6)).toEqual(
      ['history', 'mismatched', 'generic'].map((query) => `listwise (permutation, 2 orders) ${query}`),
    )
  })

  it('finds that a blind judge cannot', async () => {
    const check = await judgeCheck(users, toyModel({ blind: true }), [judge('likelihood'), judge('pointwise')], options)
    expect(check.recommended).toBeUndefined()
    for (const { tells, mismatchedOffChance, genericAboveChance } of check.judges)
      expect([tells, mismatchedOffChance, genericAboveChance]).toEqual([[], [], []])
  })

  it('notes where generic text ranks above chance', async () => {
    const talk = 'and enjoys learning new things'
    const chatty = users.map((user) => ({
      ...user,
      heldOut: user.heldOut.map(({ text, ...rest }) => ({ ...rest, text: `${text} ${talk} ${GENERIC_PROFILE}` })),
    }))
    const check = await judgeCheck(chatty, toyModel(), [judge('pointwise', 64)], options)
    expect(check.judges[0].genericAboveChance).toContain('backward')
  })

  it("notes where another user's history is off chance", async () => {
    const three = users.slice(0, 3)
    const crossed = three.map((user, u) => ({ ...user, history: three[(u + 1) % 3].heldOut }))
    const check = await judgeCheck(crossed, toyModel(), [judge('likelihood')], options)
    expect(check.judges[0].mismatchedOffChance).toContain('forward')
  })

  it('reports a judge that does not fit, and fails where none does', async () => {
    const model = toyModel({ contextLength: 250 })
    const check = await judgeCheck(users, model, [judge('likelihood'), judge('listwise')], options)
    expect(check.failed).toEqual([
      { name: 'listwise (permutation, 2 orders)', reason: expect.stringContaining('tokens for one prompt') },
    ])
    expect(check.recommended?.name).toBe('likelihood')
    const none = judgeCheck(users, model, [judge('listwise')], options)
    await expect(none).rejects.toMatchObject({ code: 'evaluation-failed' })
  })

  it('needs three users, and ends when cancelled', async () => {
    const two = judgeCheck(users.slice(0, 2), toyModel(), all, options)
    await expect(two).rejects.toMatchObject({ code: 'too-few-users' })
    const cancelled = judgeCheck(users, toyModel(), all, { ...options, signal: AbortSignal.abort() })
    await expect(cancelled).rejects.toMatchObject({ code: 'cancelled' })
  })
})
