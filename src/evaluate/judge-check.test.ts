import { describe, expect, it } from 'vitest'
import { judgeConfigSchema, SCORER_NAMES } from '../judge/config.ts'
import { toyUsers } from '../judge/testing/toy-world.ts'
import type { Judge, Pool } from '../judge/types.ts'
import type { User } from '../logs/types.ts'
import type { LanguageModel } from '../model/contract.ts'
import { toyEncoder } from '../model/testing/toy-encoder.ts'
import { toyModel } from '../model/testing/toy-model.ts'
import { checkJudges, type JudgeCheckEvent, type JudgeCheckOptions, judgeCheck } from './judge-check.ts'
import { GENERIC_PROFILE } from './measure/controls.ts'

const interactions = (texts: readonly string[]) => texts.map((text, time) => ({ text, time, metadata: {} }))
const users: User[] = toyUsers(40).map(({ id, history, heldOut }) => ({
  id,
  history: interactions(history),
  heldOut: interactions(heldOut),
}))
const judge = (scorer: string, maxInteractionTokens = 32) =>
  judgeConfigSchema.parse({ scorer, model: 'toy', maxInteractionTokens })
const all = SCORER_NAMES.map((scorer) => judge(scorer))
const check = (model: LanguageModel, judges?: JudgeCheckOptions['judges'], more: object = {}, of = users) =>
  checkJudges(of, { model, judges, historyTokens: 128, seed: 1, ...more })

describe('checkJudges', () => {
  it('finds that an able judge tells users apart, with controls and cost', async () => {
    const asked: string[] = []
    const onEvent = (event: JudgeCheckEvent) => {
      if (event.type === 'judging' && event.share === 0) asked.push(`${event.judge} ${event.query}`)
    }
    const result = await check(toyModel(), all, { encoder: toyEncoder(), onEvent })
    expect(result.failed).toEqual([])
    expect(result.judges.map(({ judge }) => judge.scorer)).toEqual(SCORER_NAMES)
    for (const { history, mismatched, tells, gain, pairs, tokens, seconds, ...found } of result.judges) {
      expect(tells).toEqual(['forward', 'backward'])
      expect(gain).toBeGreaterThan(0.8)
      expect(history.forward.mean).toBeGreaterThan(0.9)
      expect(history.backward.mean).toBeGreaterThan(0.9)
      expect(mismatched.forward.low).toBeLessThan(0.53)
      expect(mismatched.backward.low).toBeLessThan(0.53)
      expect(found.mismatchedOffChance).toEqual([])
      expect(pairs).toBeGreaterThan(40 * 9)
      expect(tokens).toBeGreaterThan(0)
      expect(seconds).toBeGreaterThan(0)
    }
    expect(result.judges).toContain(result.recommended)
    expect(asked).toHaveLength(12)
    expect(asked.slice(6, 9)).toEqual(
      ['history', 'mismatched', 'generic'].map((query) => `listwise (permutation, 2 orders) ${query}`),
    )
  })

  it('checks several judges as one, whose worst may lie below chance', async () => {
    const judges = [judge('likelihood'), judge('embedding')]
    const together = (combine: 'mean' | 'worst') => ({ scorer: 'several' as const, combine, judges })
    const result = await check(toyModel(), [...judges, together('mean'), together('worst')], { encoder: toyEncoder() })
    expect(result.failed).toEqual([])
    const [a, b, middle, worst] = result.judges.map(({ history }) => history.forward.mean)
    expect(middle).toBeCloseTo((a + b) / 2, 12)
    expect(worst).toBeLessThanOrEqual(Math.min(a, b))
    expect(result.judges[3].mismatched.forward.mean).toBeLessThan(result.judges[2].mismatched.forward.mean)
    expect(result.judges[3].mismatchedOffChance).toEqual([])
  })

  it('checks the scorers that there is a model for', async () => {
    const names = async (models: Partial<JudgeCheckOptions>) =>
      (await checkJudges(users, { historyTokens: 128, ...models })).judges.map(({ name }) => name)
    expect(await names({ encoder: toyEncoder() })).toEqual(['embedding'])
    const { failed } = await check(toyModel(), [judge('likelihood'), judge('embedding')])
    expect(failed).toEqual([{ name: 'embedding', reason: expect.stringContaining('reads with an encoder') }])
    await expect(checkJudges(users, {})).rejects.toThrow(/lacks model and encoder/)
  })

  it('finds that a blind judge cannot', async () => {
    const result = await check(toyModel({ blind: true }), [judge('likelihood'), judge('pointwise')])
    expect(result.recommended).toBeUndefined()
    for (const { tells, mismatchedOffChance, genericAboveChance } of result.judges)
      expect([tells, mismatchedOffChance, genericAboveChance]).toEqual([[], [], []])
  })

  it('has one chance for the control and the history, however few the users', async () => {
    const { judges } = await check(toyModel(), [judge('likelihood')], { negatives: 8 }, users.slice(0, 5))
    expect(judges[0].mismatched.chance).toEqual(judges[0].history.chance)
  })

  it('notes where generic text ranks above chance', async () => {
    const talk = 'and enjoys learning new things'
    const chatty = users.map((user) => ({
      ...user,
      heldOut: user.heldOut.map(({ text, ...rest }) => ({ ...rest, text: `${text} ${talk} ${GENERIC_PROFILE}` })),
    }))
    const result = await check(toyModel(), [judge('pointwise', 64)], {}, chatty)
    expect(result.judges[0].genericAboveChance).toContain('backward')
  })

  it("notes where another user's history is off chance", async () => {
    const three = users.slice(0, 3)
    const crossed = three.map((user, u) => ({ ...user, history: three[(u + 1) % 3].heldOut }))
    const result = await check(toyModel(), [judge('likelihood')], {}, crossed)
    expect(result.judges[0].mismatchedOffChance).toContain('forward')
  })

  it('reports a judge that does not fit, and fails where none does', async () => {
    const model = toyModel({ contextLength: 250 })
    const result = await check(model, [judge('likelihood'), judge('listwise')])
    expect(result.failed).toEqual([
      { name: 'listwise (permutation, 2 orders)', reason: expect.stringContaining('tokens for one prompt') },
    ])
    expect(result.recommended?.name).toBe('likelihood')
    const none = check(model, [judge('listwise')])
    await expect(none).rejects.toMatchObject({ code: 'evaluation-failed' })
  })

  it("checks every scorer where none is named, and a judge of one's own", async () => {
    const few = users.slice(0, 8)
    const { judges } = await check(toyModel(), undefined, {}, few)
    expect(judges.map(({ name }) => name)).toEqual([
      'likelihood',
      'pointwise',
      'listwise (permutation, 2 orders)',
      'listwise (first-token, 2 orders)',
    ])
    const alike = ({ candidates }: Pool) => [candidates.map(() => 0)]
    const mine: Judge = {
      name: 'nobody',
      describe: () => ({ version: 1 }),
      score: async ({ forward, backward }) => ({ forward: forward.map(alike), backward: backward.map(alike) }),
    }
    const own = await check(toyModel(), [mine], {}, few)
    expect(own.judges[0]).toMatchObject({ name: 'nobody', judge: { version: 1 }, tells: [] })
    const broken: Judge = { ...mine, name: 'mine', score: () => Promise.reject(new Error('no connection')) }
    const { failed } = await check(toyModel(), [broken, mine], {}, few)
    expect(failed).toEqual([{ name: 'mine', reason: 'the judge mine failed: no connection' }])
  })

  it('names options of a judge that have no usable value', async () => {
    const wrong = check(toyModel(), [{ scorer: 'listwise', orders: 0 }])
    await expect(wrong).rejects.toMatchObject({ code: 'invalid-options', message: expect.stringMatching(/orders/) })
  })

  it('needs three users, and ends when cancelled', async () => {
    const two = check(toyModel(), all, {}, users.slice(0, 2))
    await expect(two).rejects.toMatchObject({ code: 'too-few-users' })
    const cancelled = check(toyModel(), all, { signal: AbortSignal.abort() })
    await expect(cancelled).rejects.toMatchObject({ code: 'cancelled' })
  })
})

describe('judgeCheck', () => {
  it('draws users of a log, and tells what it read', async () => {
    const events: JudgeCheckEvent[] = []
    const result = await judgeCheck({
      logs: 'assets/example/log.jsonl',
      model: toyModel(),
      judges: [{ scorer: 'likelihood' }],
      users: 6,
      onEvent: (event) => {
        if (event.type !== 'judging' || event.share === 0) events.push(event)
      },
    })
    expect(result.users).toBe(6)
    expect(events[0]).toMatchObject({ type: 'logs', report: { users: 160 } })
    expect(events[1]).toEqual({ type: 'users', users: 6, total: 160 })
    expect(events).toHaveLength(5)
  })
})
