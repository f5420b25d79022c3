import { describe, expect, it } from 'vitest'
import { judgeConfigSchema } from '../../judge/config.ts'
import { createJudge } from '../../judge/judge.ts'
import { toyUsers } from '../../judge/testing/toy-world.ts'
import { toyModel } from '../../model/testing/toy-model.ts'
import { chanceNdcg } from '../../reward/ndcg.ts'
import { evaluateProfiles } from './evaluate-profiles.ts'

const users = toyUsers(80)
const profiles = users.map((user) => user.profile)
const vague = users.map(() => 'Someone who loves many things.')

describe.each(['likelihood', 'pointwise', 'listwise'] as const)('evaluateProfiles (%s)', (scorer) => {
  const judge = createJudge(toyModel(), judgeConfigSchema.parse({ scorer }))

  it('finds truthful profiles, and puts mismatched ones at chance', async () => {
    const truth = await evaluateProfiles(users, profiles, judge, { seed: 1 })
    expect(truth.forward).toEqual({ mean: 1, low: 1, high: 1 })
    expect(truth.backward).toEqual({ mean: 1, low: 1, high: 1 })
    expect(truth.chance.forward).toBeCloseTo(0.473, 3)

    const mismatched = await evaluateProfiles(users, profiles, judge, { seed: 1, mismatched: true })
    for (const direction of ['forward', 'backward'] as const) {
      expect(mismatched[direction].low).toBeLessThan(chanceNdcg(1, 8))
      expect(mismatched[direction].high).toBeGreaterThan(chanceNdcg(1, 8))
    }
  })
})

describe('evaluateProfiles', () => {
  const judge = createJudge(toyModel(), judgeConfigSchema.parse(undefined))

  it('gives the same profile for all exactly chance backward, and empty profiles nothing', async () => {
    const same = await evaluateProfiles(users, vague, judge, { seed: 1 })
    expect(same.backward.mean).toBeCloseTo(chanceNdcg(1, 8), 12)
    const against = await evaluateProfiles(users, vague, judge, { seed: 1, others: profiles })
    expect(against.backward.mean).not.toBeCloseTo(chanceNdcg(1, 8), 3)
    const empty = await evaluateProfiles(users.slice(0, 4), ['', '', '', ''], judge, { seed: 1 })
    expect(empty.forward.mean + empty.backward.mean).toBe(0)
  })

  it('is determined by its seed', async () => {
    const first = await evaluateProfiles(users, vague, judge, { seed: 1 })
    expect(await evaluateProfiles(users, vague, judge, { seed: 1 })).toEqual(first)
    expect(await evaluateProfiles(users, vague, judge, { seed: 2 })).not.toEqual(first)
  })

  it('refuses too few users, and too few profiles', async () => {
    await expect(evaluateProfiles(users.slice(0, 1), ['x'], judge, { seed: 1 })).rejects.toThrow('at least 2 users')
    const mismatched = evaluateProfiles(users.slice(0, 2), ['x', 'y'], judge, { seed: 1, mismatched: true })
    await expect(mismatched).rejects.toThrow('at least 3 users')
    await expect(evaluateProfiles(users, ['x'], judge, { seed: 1 })).rejects.toThrow('1 profiles for 80 users')
  })
})
