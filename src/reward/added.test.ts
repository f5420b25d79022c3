import { describe, expect, it } from 'vitest'
import { profileScore, withAdded } from './added.ts'
import { bidirectionalRewardSchema } from './config.ts'
import { type RewardFunction, type RewardUser, totalReward } from './reward.ts'

const guards = bidirectionalRewardSchema.parse({ lengthBudget: 10 })
const user = (id: string, ...profiles: [text: string, tokens: number][]): RewardUser => ({
  id,
  heldOut: ['later'],
  history: ['earlier'],
  rollouts: profiles.map(([text, tokens]) => ({ text, tokens })),
})
const batch = [user('a', ['tea', 4], ['coffee', 20]), user('b', ['', 0], ['jazz', 4])]

/** Gives every profile the same value for a term, with the penalties as every reward takes them. */
const constant = (term: string, value: number): RewardFunction => ({
  async score(users) {
    const reward = (each: RewardUser) =>
      each.rollouts.map((rollout) => totalReward({ [term]: value }, value, rollout, each.history, guards))
    return { rewards: users.map(reward), chance: { [term]: 0.5 }, usage: { pairs: 2 } }
  },
})
const added = (name: string, weight: number, reward = constant(name, 3)) => ({ name, weight, reward })

describe('withAdded', () => {
  it('adds weighted raw values, keeps the terms, and takes the penalties once', async () => {
    const reward = withAdded(constant('own', 1), [added('kind', 0.5), added('plain', -1)], 0)
    const { rewards, chance, usage } = await reward.score(batch, [1], {})
    const terms = { own: 1, kind: 3, plain: 3 }
    const raw = 1 + 0.5 * 3 - 3
    expect(rewards[0][0]).toEqual({ terms, raw, length: 0, copied: 0, total: raw, empty: false })
    expect(rewards[0][1]).toEqual({ terms, raw, length: 1, copied: 0, total: raw - 1, empty: false })
    expect(rewards[1][0]).toEqual({
      terms: { own: 0, kind: 0, plain: 0 },
      raw: 0,
      length: 0,
      copied: 0,
      total: 0,
      empty: true,
    })
    expect(chance).toEqual({ own: 0.5, kind: 0.5, plain: 0.5 })
    expect(usage).toEqual({ pairs: 6 })
  })

  it('is the reward itself where nothing is added', () => {
    const own = constant('own', 1)
    expect(withAdded(own, [], 0)).toBe(own)
  })

  it('validates by evaluate where a reward has it, else by score, with the same weights', async () => {
    const own: RewardFunction = {
      ...constant('own', 1),
      evaluate: async (_, profiles) => ({ score: profiles.length, metrics: { own: 0.25, score: profiles.length } }),
    }
    const one = batch.map((each) => ({ ...each, rollouts: each.rollouts.slice(1) }))
    expect(await profileScore(withAdded(own, [added('kind', 0.5)], 0), one, 0, {})).toEqual({
      score: 2 + 0.5 * 3,
      metrics: { own: 0.25, kind: 3, 'chance/kind': 0.5, score: 2 + 0.5 * 3 },
    })
  })

  it('refuses two terms of one name', async () => {
    const reward = withAdded(constant('kind', 1), [added('kind', 1)], 0)
    const message = /the reward kind has a term called kind, as another reward of this run has/
    await expect(reward.score(batch, [1], {})).rejects.toThrow(message)
    await expect(profileScore(reward, batch, 0, {})).rejects.toThrow(message)
  })
})
