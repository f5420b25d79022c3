import { describe, expect, it } from 'vitest'
import { ScoreCache, type ScoreStore } from '../../judge/cache.ts'
import { judgeConfigSchema, SCORER_NAMES } from '../../judge/config.ts'
import { toyUsers } from '../../judge/testing/toy-world.ts'
import { toyEncoder } from '../../model/testing/toy-encoder.ts'
import { toyModel } from '../../model/testing/toy-model.ts'
import { chanceNdcg } from '../../reward/ndcg.ts'
import { drawPools } from '../../reward/pools.ts'
import { mean } from '../../util/stats.ts'
import { mismatchedWith } from '../measure/controls.ts'
import { mismatchedOf, type ProfileCondition } from './conditions.ts'
import { type JudgingOptions, judgeConditions } from './judging.ts'

const users = toyUsers(40)
const truth: ProfileCondition = { key: 'truth', label: 'truth', profiles: users.map(({ profile }) => profile) }
const vague: ProfileCondition = {
  key: 'vague',
  label: 'vague',
  profiles: users.map(() => 'Someone who loves many things.'),
}
const conditions = [vague, truth, mismatchedOf(truth)]

const memory = (): ScoreStore => new ScoreCache(1e6)
const options = (more: Partial<JudgingOptions> = {}): JudgingOptions => ({
  positives: 1,
  poolSizes: [4, 8],
  seed: 1,
  store: memory(),
  ...more,
})

/** A toy model that counts the questions it is asked. */
function countedModel() {
  const model = toyModel()
  let asked = 0
  const { score, labelLogits, sample } = model
  model.score = (requests, call) => {
    asked += requests.reduce((sum, { continuations }) => sum + continuations.length, 0)
    return score(requests, call)
  }
  model.labelLogits = (prompts, ...rest) => {
    asked += prompts.length
    return labelLogits(prompts, ...rest)
  }
  model.sample = (requests, ...rest) => {
    asked += requests.length
    return sample(requests, ...rest)
  }
  return { model, asked: () => asked }
}

/** A toy encoder with the number of texts that it was asked to encode. */
function countedEncoder() {
  const model = toyEncoder()
  return { model, asked: () => model.asked.length }
}

describe.each(SCORER_NAMES)('judgeConditions (%s)', (scorer) => {
  const config = judgeConfigSchema.parse({ scorer, model: 'toy' })
  const counted = scorer === 'embedding' ? countedEncoder : countedModel

  it('finds the truth, and puts what cannot tell users apart at chance', async () => {
    const sizes = await judgeConditions(users, conditions, counted().model, config, options())
    expect(sizes.map(({ negatives }) => negatives)).toEqual([4, 8])
    for (const { negatives, chance, scores } of sizes) {
      const average = (c: number, direction: 'forward' | 'backward') =>
        mean(scores[c].map((user) => user[direction].ndcg))
      expect(chance.backward.ndcg).toBeCloseTo(chanceNdcg(1, negatives), 12)
      expect(chance.backward.recall1).toBeCloseTo(1 / (negatives + 1), 12)
      for (const user of scores[0]) expect(user.backward.gain).toBeCloseTo(0, 12)
      for (const user of scores[1]) {
        expect(user.forward).toEqual({ ndcg: 1, mrr: 1, recall1: 1, gain: 1 })
        expect(user.backward).toEqual({ ndcg: 1, mrr: 1, recall1: 1, gain: 1 })
      }
      for (const direction of ['forward', 'backward'] as const)
        expect(Math.abs(average(2, direction) - chance[direction].ndcg)).toBeLessThan(0.12)
    }
  })

  it('asks the model nothing twice, whatever the pool sizes, and goes on where it was stopped', async () => {
    const { model, asked } = counted()
    const store = memory()
    const abort = new AbortController()
    const stopped = judgeConditions(users, conditions, model, config, {
      ...options({ store, signal: abort.signal }),
      onProgress: (done, total) => {
        if (done > total / 2) abort.abort()
      },
    })
    await expect(stopped).rejects.toThrow('cancelled')
    const before = asked()
    const sizes = await judgeConditions(users, conditions, model, config, options({ store }))
    const whole = asked()
    expect(before).toBeGreaterThan(0)
    expect(await judgeConditions(users, conditions, model, config, options({ store }))).toEqual(sizes)
    expect(asked()).toBe(whole)

    const other = counted()
    expect(await judgeConditions(users, conditions, other.model, config, options())).toEqual(sizes)
    expect(other.asked()).toBe(whole)
  })
})

describe('judgeConditions', () => {
  const config = judgeConfigSchema.parse({ scorer: 'pointwise' })

  it('says how many distinct pairs there are, and how many were judged before', async () => {
    const { model, asked } = countedModel()
    const store = memory()
    const works: object[] = []
    const run = (poolSizes: number[]) =>
      judgeConditions(users, [truth, vague], model, config, {
        ...options({ store, poolSizes }),
        onStart: (work) => works.push(work),
      })
    await run([8])
    const distinct = asked()
    // The vague text is one profile: its row holds each text once, far fewer than 2 · 40 · 9 pairs.
    expect(distinct).toBeLessThan(2 * users.length * 9 + users.length * 9)
    await run([4, 8])
    expect(works).toEqual([
      { unit: 'pairs', total: distinct, known: 0 },
      { unit: 'pairs', total: distinct, known: distinct },
    ])
  })

  it('has judged every pair when its progress is at the end, also a last pair on its own', async () => {
    for (const count of [16, 17, 18, 19]) {
      const { model, asked } = countedModel()
      let atEnd = 0
      const few = { ...truth, profiles: truth.profiles.slice(0, count) }
      await judgeConditions(users.slice(0, count), [few], model, config, {
        ...options({ poolSizes: [4] }),
        onProgress: (done, total) => {
          if (done === total) atEnd = asked()
        },
      })
      expect(asked()).toBe(atEnd)
    }
  })

  it('uses the same users of a pool in every size, and never the user of the mismatched profile', () => {
    const mismatch = mismatchedWith(users.length, 1)
    const pools = (negatives: number) =>
      drawPools(users, { positives: 1, negatives, seed: ['evaluate', 1], excluded: (i) => mismatch[i] })
    const small = pools(4)
    for (const [u, pool] of pools(16).entries()) {
      expect(pool.interactions.slice(0, 5)).toEqual(small[u].interactions)
      expect(pool.others.slice(0, 4)).toEqual(small[u].others)
      expect(pool.others).not.toContain(mismatch[u])
    }
  })

  it('scores empty profiles 0 in everything', async () => {
    const silent = {
      key: 'silent',
      label: 'silent',
      profiles: users.map((_, u) => (u === 3 ? ' ' : truth.profiles[u])),
    }
    const [{ scores }] = await judgeConditions(users, [silent], toyModel(), config, options({ poolSizes: [4] }))
    expect(scores[0][3].forward).toMatchObject({ ndcg: 0, mrr: 0, recall1: 0 })
    expect(scores[0][3].backward).toMatchObject({ ndcg: 0, mrr: 0, recall1: 0 })
    expect(scores[0][4].forward.ndcg).toBe(1)
  })

  it('refuses pools that the users cannot fill, with the largest that they can', async () => {
    const few = (count: number, poolSizes: number[]) =>
      judgeConditions(
        users.slice(0, count),
        [{ ...truth, profiles: truth.profiles.slice(0, count) }],
        toyModel(),
        config,
        options({ poolSizes }),
      )
    await expect(few(10, [4, 9, 32])).rejects.toThrow(/9 or 32 other users .* largest possible is 8/)
    await expect(few(2, [1])).rejects.toThrow('at least 3 users')
    expect(await few(10, [8])).toHaveLength(1)
  })
})
