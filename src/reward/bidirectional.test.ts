import { describe, expect, it } from 'vitest'
import { anyJudgeConfigSchema, judgeConfigSchema } from '../judge/config.ts'
import { createJudge, createJudges } from '../judge/judge.ts'
import { toyUsers } from '../judge/testing/toy-world.ts'
import type { Judge, Pool } from '../judge/types.ts'
import { toyEncoder } from '../model/testing/toy-encoder.ts'
import { toyModel } from '../model/testing/toy-model.ts'
import { mean } from '../util/stats.ts'
import { combineReward, computeRewards } from './bidirectional.ts'
import { bidirectionalRewardSchema } from './config.ts'
import { chanceNdcg } from './ndcg.ts'
import type { RewardUser } from './reward.ts'

const config = bidirectionalRewardSchema.parse({})
const world = toyUsers(12)

/** Two rollouts a user: the user's own profile, and that of the next user. */
function truthAndLie(): RewardUser[] {
  return world.map((user, u) => ({
    ...user,
    rollouts: [user.profile, world[(u + 1) % world.length].profile].map((text) => ({ text, tokens: 30 })),
  }))
}

describe('computeRewards', () => {
  it.each(['likelihood', 'pointwise', 'listwise'] as const)(
    'prefers the truth in both directions (%s)',
    async (scorer) => {
      const judge = createJudge(toyModel(), judgeConfigSchema.parse({ scorer }))
      const { rewards, chance } = await computeRewards(truthAndLie(), judge, config, [1, 'step', 0])
      expect(chance.forward).toBeCloseTo(0.473, 3)
      expect(chance.backward).toBeCloseTo(0.473, 3)
      expect(mean(rewards.map(([truth]) => truth.terms.forward))).toBe(1)
      // Another user's lie may be this very user's profile, so not all truths can win.
      expect(mean(rewards.map(([truth]) => truth.terms.backward))).toBeGreaterThan(0.8)
      for (const term of ['forward', 'backward'])
        expect(mean(rewards.map(([truth, lie]) => truth.terms[term] - lie.terms[term]))).toBeGreaterThan(0.25)
      for (const sum of ['raw', 'total'] as const)
        expect(mean(rewards.map(([truth, lie]) => truth[sum] - lie[sum]))).toBeGreaterThan(0.25)
    },
  )

  it('is worth exactly chance where the judge cannot tell', async () => {
    const judge = createJudge(toyModel({ blind: true }), judgeConfigSchema.parse({ scorer: 'likelihood' }))
    const batch = truthAndLie().map((user) => ({ ...user, heldOut: [user.heldOut[0]] }))
    const { rewards } = await computeRewards(batch, judge, config, [1])
    for (const { terms } of rewards.flat())
      expect(terms).toEqual({ forward: chanceNdcg(1, 8), backward: chanceNdcg(1, 8) })
  })

  it('asks one call for the batch, shares the pools among rollouts, and is determined by its seed', async () => {
    const asked: { forward: readonly Pool[]; backward: readonly Pool[] }[] = []
    const inner = createJudge(toyModel(), judgeConfigSchema.parse({ scorer: 'likelihood' }))
    const judge: Judge = {
      ...inner,
      score(request, options) {
        asked.push(request)
        return inner.score(request, options)
      },
    }
    const two = bidirectionalRewardSchema.parse({ positives: 2, negatives: 3 })
    const first = await computeRewards(truthAndLie(), judge, two, [1])
    expect(asked).toHaveLength(1)
    expect(asked[0].forward).toHaveLength(24)
    expect(asked[0].backward).toHaveLength(48)
    for (let u = 0; u < 12; u++) {
      const [a, b] = asked[0].forward.slice(2 * u)
      expect(a.candidates).toHaveLength(5)
      expect([b.candidates, b.seed]).toEqual([a.candidates, a.seed])
      const four = asked[0].backward.slice(4 * u, 4 * u + 4)
      expect(new Set(four.map((pool) => pool.candidates.slice(1).join()))).toHaveProperty('size', 1)
      expect(four.map((pool) => pool.query)).toEqual([...a.candidates.slice(0, 2), ...a.candidates.slice(0, 2)])
    }
    expect(await computeRewards(truthAndLie(), judge, two, [1])).toEqual(first)
    await computeRewards(truthAndLie(), judge, two, [2])
    expect(asked[2]).not.toEqual(asked[0])
  })

  it('gives empty profiles nothing and does not show them to the judge', async () => {
    const judge = createJudge(toyModel(), judgeConfigSchema.parse(undefined))
    const batch = truthAndLie().map((user) => ({
      ...user,
      rollouts: [...user.rollouts, { text: ' ...', tokens: 900 }],
    }))
    const { rewards } = await computeRewards(batch, judge, config, [1])
    for (const [, , empty] of rewards)
      expect(empty).toEqual({ terms: { forward: 0, backward: 0 }, raw: 0, length: 0, copied: 0, total: 0, empty: true })
    const silent = batch.map((user) => ({ ...user, rollouts: [{ text: '', tokens: 0 }] }))
    const nothing = await computeRewards(silent, judge, config, [1])
    expect(nothing.rewards.flat().every((reward) => reward.total === 0)).toBe(true)
    expect(nothing.usage).toEqual({ pairs: 0, tokens: 0 })
  })

  it('draws smaller pools from a small batch', async () => {
    const judge = createJudge(toyModel(), judgeConfigSchema.parse(undefined))
    const { chance } = await computeRewards(truthAndLie().slice(0, 3), judge, config, [1])
    expect(chance).toEqual({ forward: chanceNdcg(1, 4), backward: chanceNdcg(1, 2) })
  })

  it('names what is wrong with a batch', async () => {
    const judge = createJudge(toyModel(), judgeConfigSchema.parse(undefined))
    const batch = truthAndLie()
    await expect(computeRewards(batch.slice(0, 1), judge, config, [1])).rejects.toThrow('at least 2 users')
    const mute = batch.map((user) => ({ ...user, rollouts: [] }))
    await expect(computeRewards(mute, judge, config, [1])).rejects.toThrow('has no rollout')
    const cancelled = computeRewards(batch, judge, config, [1], { signal: AbortSignal.abort() })
    await expect(cancelled).rejects.toThrow('cancelled')
  })
})

describe('several judges', () => {
  const models = [toyModel({ blind: true }), toyEncoder()]
  const judges = [{ scorer: 'likelihood' }, { scorer: 'embedding', model: 'toy encoder' }]
  const single = (i: number) => createJudge(models[i], judgeConfigSchema.parse(judges[i]))
  const together = (combine: string) =>
    createJudges(models, anyJudgeConfigSchema.parse({ scorer: 'several', combine, judges }))

  it.each([
    ['mean', (a: number, b: number) => (a + b) / 2],
    ['worst', Math.min],
  ])('combine as NDCG, each rollout and direction by itself: %s', async (combine, of) => {
    const seen: number[] = []
    const onProgress = (share: number) => seen.push(share)
    const alone = [
      await computeRewards(truthAndLie(), single(0), config, [1]),
      await computeRewards(truthAndLie(), single(1), config, [1]),
    ]
    const { rewards, chance, usage } = await computeRewards(truthAndLie(), together(combine), config, [1], {
      onProgress,
    })
    for (const [u, group] of rewards.entries())
      for (const [g, { terms, raw }] of group.entries()) {
        const [blind, able] = alone.map((each) => each.rewards[u][g].terms)
        expect(terms).toEqual({
          forward: of(blind.forward, able.forward),
          backward: of(blind.backward, able.backward),
          'likelihood/forward': blind.forward,
          'likelihood/backward': blind.backward,
          'embedding/forward': able.forward,
          'embedding/backward': able.backward,
        })
        expect(raw).toBe(terms.forward + terms.backward)
      }
    expect(chance).toEqual(alone[0].chance)
    expect(usage.pairs).toBe(alone[0].usage.pairs + alone[1].usage.pairs)
    expect(seen.at(-1)).toBe(1)
    expect(seen).toEqual([...seen].sort((a, b) => a - b))
  })
})

describe("a judge of one's own", () => {
  /** Counts the words that a candidate shares with the query. */
  const words = (text: string): string[] => text.match(/\w+/g) ?? []
  const shared = (query: string, text: string) => words(text).filter((word) => words(query).includes(word)).length
  const mine = (spoil: (scores: number[][][]) => number[][][] = (scores) => scores): Judge => {
    const all = (pools: readonly Pool[]) =>
      pools.map(({ query, candidates }) => [candidates.map((each) => shared(query, each))])
    return {
      name: 'shared words',
      describe: () => ({ version: 1 }),
      score: async ({ forward, backward }) => ({ forward: spoil(all(forward)), backward: all(backward) }),
    }
  }

  it('needs a name, a description and scores', async () => {
    const { rewards, usage } = await computeRewards(truthAndLie(), mine(), config, [1])
    expect(mean(rewards.map(([truth, lie]) => truth.raw - lie.raw))).toBeGreaterThan(0.1)
    expect(usage).toEqual({ pairs: 24 * 9 * 2, tokens: 0 })
  })

  it.each<[string, (scores: number[][][]) => number[][][]]>([
    ['scores of 1 pools for 24', (scores) => scores.slice(0, 1)],
    ['no scores for pool 0', (scores) => scores.map(() => [])],
    ['8 scores for the 9 candidates of pool 0', (scores) => scores.map(([order]) => [order.slice(1)])],
    ['no list of scores, forward', () => undefined as unknown as number[][][]],
    ['no list of scores for an order of pool 0', (scores) => scores.map(([order]) => order) as unknown as number[][][]],
    ['a score that is not a number', (scores) => scores.map(([order]) => [order.map(() => Number.NaN)])],
  ])('is told what is wrong with its answer: %s', async (message, spoil) => {
    const failed = computeRewards(truthAndLie(), mine(spoil), config, [1])
    await expect(failed).rejects.toMatchObject({ code: 'reward-failed', message: expect.stringContaining(message) })
  })
})

describe('combineReward', () => {
  it('adds the weighted directions and subtracts the penalties', () => {
    const custom = bidirectionalRewardSchema.parse({
      forwardWeight: 2,
      backwardWeight: 0.5,
      lengthBudget: 10,
      lengthPenalty: 0.4,
      maxCopiedNgram: 2,
      copyPenalty: 0.5,
    })
    const rollout = { text: 'one two three here', tokens: 15 }
    expect(combineReward({ forward: 0.6, backward: 0.8 }, rollout, ['one two three'], custom)).toEqual({
      terms: { forward: 0.6, backward: 0.8 },
      raw: 0.6 * 2 + 0.8 * 0.5,
      length: 0.4 * 0.5,
      copied: 0.5 * 0.5,
      total: 0.6 * 2 + 0.8 * 0.5 - 0.4 * 0.5 - 0.5 * 0.5,
      empty: false,
    })
  })
})
