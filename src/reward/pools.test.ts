import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { normaliseText } from '../logs/normalise.ts'
import { chanceNdcg } from './ndcg.ts'
import { drawPools } from './pools.ts'

const users = (count: number, each = 2) =>
  Array.from({ length: count }, (_, u) => ({
    id: `u${u}`,
    heldOut: Array.from({ length: each }, (_, i) => `text ${i} of ${u}`),
  }))

describe('drawPools', () => {
  it('draws P positives, K interactions and K profiles of others', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 14 }),
        fc.integer({ min: 1, max: 3 }),
        fc.nat(),
        (count, positives, seed) => {
          const batch = users(count)
          const pools = drawPools(batch, { positives, negatives: 4, seed: [seed] })
          pools.forEach((pool, u) => {
            const p = Math.min(positives, 2)
            expect(pool.positives).toHaveLength(p)
            expect(pool.interactions.slice(0, p)).toEqual(pool.positives)
            expect(pool.positives.every((text) => batch[u].heldOut.includes(text))).toBe(true)
            const negatives = pool.interactions.slice(p)
            expect(negatives.some((text) => batch[u].heldOut.includes(text))).toBe(false)
            expect(new Set(negatives).size).toBe(negatives.length)
            expect(negatives).toHaveLength(Math.min(4, 2 * (count - 1)))
            expect(new Set(negatives.map((text) => text.split(' of ')[1])).size).toBe(Math.min(4, count - 1))
            expect(pool.others).toHaveLength(Math.min(4, count - 1))
            expect(pool.others).not.toContain(u)
            expect(new Set(pool.others).size).toBe(pool.others.length)
            expect(pool.chance.forward).toBe(chanceNdcg(p, negatives.length))
            expect(pool.chance.backward).toBe(chanceNdcg(1, pool.others.length))
          })
          expect(drawPools(batch, { positives, negatives: 4, seed: [seed] })).toEqual(pools)
        },
      ),
    )
  })

  it('draws other pools for another seed', () => {
    const options = { positives: 1, negatives: 4 }
    expect(drawPools(users(10), { ...options, seed: [1] })).not.toEqual(drawPools(users(10), { ...options, seed: [2] }))
  })

  it("counts another user's interaction of the same normalised text as a positive", () => {
    const twin = 'TEXT 0  of 0'
    expect(normaliseText(twin)).toBe(normaliseText('text 0 of 0'))
    const batch = [...users(3, 1), { id: 'twin', heldOut: [twin] }]
    const [pool] = drawPools(batch, { positives: 1, negatives: 8, seed: [1] })
    expect(pool.interactions).toHaveLength(4)
    expect(pool.relevant.filter(Boolean)).toHaveLength(2)
    expect(pool.relevant[pool.interactions.indexOf(twin)]).toBe(true)
    expect(pool.chance.forward).toBe(chanceNdcg(2, 2))
  })

  it('shows no text twice among the negatives', () => {
    const batch = ['a', 'same', 'same', 'Same', 'b'].map((text, i) => ({ id: `u${i}`, heldOut: [text] }))
    const [pool] = drawPools(batch, { positives: 1, negatives: 8, seed: [1] })
    expect(pool.interactions.map(normaliseText).sort()).toEqual(['a', 'b', 'same'])
  })

  it('leaves out the excluded user in both directions', () => {
    const pools = drawPools(users(4), { positives: 1, negatives: 8, seed: [1], excluded: (i) => (i + 1) % 4 })
    pools.forEach((pool, i) => {
      expect(pool.others).not.toContain((i + 1) % 4)
      expect(pool.interactions.some((text) => text.endsWith(`of ${(i + 1) % 4}`))).toBe(false)
    })
  })

  it('refuses a user alone and a user without held-out interactions', () => {
    expect(() => drawPools(users(1), { positives: 1, negatives: 8, seed: [1] })).toThrow('at least 2 users')
    expect(() => drawPools(users(2, 0), { positives: 1, negatives: 8, seed: [1] })).toThrow('no held-out interaction')
  })
})
