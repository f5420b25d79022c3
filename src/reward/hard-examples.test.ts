import { expect, it } from 'vitest'
import { toyEncoder } from '../model/testing/toy-encoder.ts'
import { bidirectionalRewardSchema } from './config.ts'
import { HardExamples } from './hard-examples.ts'
import { drawPools } from './pools.ts'

const config = (more: object = {}) =>
  bidirectionalRewardSchema.parse({ hardExamples: { embedder: 'toy encoder', ...more } }).hardExamples!

// Each text begins with the same word, since the toy tokens hold the space before a word.
const USERS = [
  {
    id: 'rose',
    shown: ['on roses beans soil', 'on roses pruning'],
    heldOut: ['on roses soil', 'on quantum chess', 'on beans roses'],
  },
  { id: 'bean', shown: ['on beans soil compost'], heldOut: ['on beans'] },
  { id: 'copy', shown: ['on roses beans soil', 'on roses pruning'], heldOut: ['on roses again'] },
  { id: 'rail', shown: ['on trains stations'], heldOut: ['on rails'] },
  { id: 'tram', shown: ['on trams wires'], heldOut: ['on trams'] },
]

async function embedded(more: object = {}) {
  const hardExamples = new HardExamples(toyEncoder(), config(more))
  await hardExamples.embed(USERS)
  return hardExamples
}
const poolOf = (hardExamples: HardExamples, seed: number, negatives = 1) =>
  drawPools(USERS, { positives: 1, negatives, seed: [seed], hardExamples })[0]

it('takes the held-out interaction least like the history, and the most similar user below the ceiling', async () => {
  const hardExamples = await embedded()
  expect(hardExamples.similarity('rose', 'copy')).toBeCloseTo(1)
  for (let seed = 0; seed < 20; seed++) {
    const pool = poolOf(hardExamples, seed)
    expect(pool.positives).toEqual(['on quantum chess'])
    expect(pool.others).toEqual([1])
  }
  expect(poolOf(hardExamples, 0, 4).others).not.toContain(2)
})

it('keeps the least similar rival where all are near-duplicates, and forward negatives as they are drawn', async () => {
  expect(poolOf(await embedded({ ceiling: -1 }), 3, 4).others).toHaveLength(1)
  const plain = drawPools(USERS, { positives: 1, negatives: 4, seed: [3] })
  const hard = poolOf(await embedded({ positives: false }), 3, 4)
  expect(hard.interactions).toEqual(plain[0].interactions)
  const noRivals = drawPools(USERS, {
    positives: 1,
    negatives: 4,
    seed: [3],
    hardExamples: await embedded({ negatives: false }),
  })
  expect(noRivals.map(({ others }) => others)).toEqual(plain.map(({ others }) => others))
})

it('draws among equals by the seed', async () => {
  const hardExamples = await embedded()
  const alike = ['a', 'b', 'c'].map((id) => ({ id, shown: ['same words'], heldOut: [id] }))
  await hardExamples.embed([...alike, { id: 'x', shown: ['same thing'], heldOut: ['x'] }])
  const batch = [{ id: 'x', heldOut: ['x'] }, ...alike]
  const first = (seed: number) =>
    drawPools(batch, { positives: 1, negatives: 1, seed: [seed], hardExamples })[0].others[0]
  expect(new Set(Array.from({ length: 20 }, (_, seed) => first(seed))).size).toBe(3)
  expect(first(5)).toBe(first(5))
})

it('encodes each text once, tells its progress, stops with its signal, and refuses users without a history', async () => {
  const encoder = toyEncoder()
  const shares: number[] = []
  await new HardExamples(encoder, config()).embed(USERS, { onProgress: (share) => shares.push(share) })
  const texts = encoder.asked.map(([, text]) => text)
  expect(new Set(texts).size).toBe(texts.length)
  expect(shares.at(-1)).toBe(1)
  const hardExamples = new HardExamples(toyEncoder(), config())
  await expect(hardExamples.embed(USERS, { signal: AbortSignal.abort() })).rejects.toThrow('cancelled')
  await expect(hardExamples.embed([...USERS, { id: 'mute', shown: [], heldOut: ['x'] }])).rejects.toThrow(
    /1 users have no text in their visible history \(mute\)/,
  )
})
