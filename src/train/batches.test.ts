import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { User } from '../logs/types.ts'
import { toyEncoder } from '../model/testing/toy-encoder.ts'
import { bidirectionalRewardSchema } from '../reward/config.ts'
import { HardExamples } from '../reward/hard-examples.ts'
import { seedFrom, shuffled } from '../util/random.ts'
import { UserBatches } from './batches.ts'
import { trainConfigSchema } from './config.ts'
import { toyUsers } from './testing/toy-policy.ts'

const configOf = (users: number, negatives: number, seed: number) =>
  trainConfigSchema.parse({
    name: 'batches',
    logs: { paths: ['a'] },
    model: 'm',
    seed,
    split: { heldOut: 2 },
    rollout: { users },
    reward: { negatives, hardExamples: { embedder: 'toy encoder' } },
  })

const everyone = toyUsers(24, 'u')
const hard = bidirectionalRewardSchema.parse({ hardExamples: { embedder: 'toy encoder' } }).hardExamples!
const hardExamples = new HardExamples(toyEncoder(), hard)
await hardExamples.embed(
  everyone.map(({ id, history, heldOut }) => ({
    id,
    shown: history.map(({ text }) => text),
    heldOut: heldOut.map(({ text }) => text),
  })),
)
const ids = (batches: UserBatches<User>, step: number) => batches.at(step).map(({ id }) => id)

it('goes through every user once an epoch, and makes the same batch wherever a run resumes', () => {
  const shapes = [fc.integer({ min: 2, max: 9 }), fc.integer({ min: 1, max: 9 }), fc.nat(1000), fc.nat(30)] as const
  fc.assert(
    fc.property(...shapes, (size, negatives, seed, step) => {
      const config = configOf(size, negatives, seed)
      const batches = new UserBatches(everyone, config, hardExamples)
      const perEpoch = Math.floor(everyone.length / size)
      const epoch = Array.from({ length: perEpoch }, (_, i) => ids(batches, i))
      for (const batch of epoch) expect(batch).toHaveLength(size)
      expect(new Set(epoch.flat()).size).toBe(perEpoch * size)
      const went = Array.from({ length: step + 1 }, (_, i) => ids(batches, i)).at(-1)
      expect(ids(new UserBatches(everyone, config, hardExamples), step)).toEqual(went)
    }),
    { numRuns: 50 },
  )
})

it('looks for neighbours among the next users of the epoch, and for every user once', () => {
  const config = configOf(4, 3, 1)
  const batches = new UserBatches(everyone, config, hardExamples, 7)
  const order = shuffled(everyone, seedFrom(1, 'epoch', 0)).map(({ id }) => id)
  const made = Array.from({ length: 6 }, (_, i) => ids(batches, i))
  expect(new Set(made.flat()).size).toBe(24)
  for (const batch of made) {
    const next = order.slice(0, 8)
    expect(batch[0]).toBe(next[0])
    for (const id of batch) expect(next).toContain(id)
    const nearest = hardExamples.ranked(next[0], next.slice(1), (id) => id)
    expect(batch.slice(1)).toEqual([...nearest.near, ...nearest.tooNear.reverse()].slice(0, 3))
    for (const id of batch) order.splice(order.indexOf(id), 1)
  }
})

it('puts those most like a user beside them, where no hard negatives are configured the next of a seeded order', () => {
  // Users of one topic stand six apart; with K = 3 the first four share it.
  const [anchor, ...others] = new UserBatches(everyone, configOf(8, 3, 1), hardExamples).at(0)
  const worst = Math.min(...others.slice(0, 3).map(({ id }) => hardExamples.similarity(anchor.id, id)))
  const rest = everyone.filter((user) => user !== anchor && !others.slice(0, 3).includes(user))
  for (const { id } of rest) expect(hardExamples.similarity(anchor.id, id)).toBeLessThanOrEqual(worst)

  const plain = new UserBatches(everyone, configOf(5, 3, 7))
  const order = shuffled(everyone, seedFrom(7, 'epoch', 1))
  expect(plain.at(6)).toEqual(order.slice(10, 15))
})
