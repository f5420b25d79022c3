import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { batchesPerEpoch, epochBatches, microSteps } from './sft-batches.ts'
import { groupByPrompt, type SftExample } from './sft-examples.ts'

const exampleOf = (prompt: number, target: number, i: number): SftExample => ({
  id: `q${i}`,
  user: `u${i}`,
  prompt: new Array<number>(prompt).fill(i),
  target: new Array<number>(target).fill(1),
})
const examples = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 9 })), { minLength: 1, maxLength: 200 })
  .map((lengths) => lengths.map(([prompt, target], i) => exampleOf(prompt, target, i)))

const ids = (list: readonly SftExample[]) => list.map(({ id }) => id).sort()

describe('the batches of an epoch', () => {
  it('hold every example exactly once, in full batches but for one', () => {
    fc.assert(
      fc.property(examples, fc.integer({ min: 1, max: 12 }), fc.nat(), fc.nat(), (list, size, seed, epoch) => {
        const batches = epochBatches(list, size, seed, epoch)
        expect(ids(batches.flat())).toEqual(ids(list))
        expect(batches).toHaveLength(batchesPerEpoch(list.length, size))
        expect(batches.filter((batch) => batch.length < size).length).toBeLessThanOrEqual(1)
        expect(batches.every((batch) => batch.length >= 1 && batch.length <= size)).toBe(true)
      }),
    )
  })

  it('put similar lengths together', () => {
    const list = Array.from({ length: 64 }, (_, i) => exampleOf(1 + ((i * 37) % 64), 1, i))
    const spread = (batches: SftExample[][]) =>
      batches.reduce((sum, batch) => {
        const lengths = batch.map(({ prompt }) => prompt.length)
        return sum + Math.max(...lengths) - Math.min(...lengths)
      }, 0)
    expect(spread(epochBatches(list, 8, 1, 0))).toBe(8 * 7)
  })

  it('differ by epoch and seed, and by nothing else', () => {
    const list = Array.from({ length: 40 }, (_, i) => exampleOf(1 + (i % 7), 2, i))
    const order = (seed: number, epoch: number) => epochBatches(list, 4, seed, epoch).map((batch) => ids(batch).join())
    expect(order(1, 0)).toEqual(order(1, 0))
    expect(order(1, 1)).not.toEqual(order(1, 0))
    expect(order(2, 0)).not.toEqual(order(1, 0))
    // Not always from short to long: a run must not see lengths in order.
    const lengths = epochBatches(list, 4, 1, 0).map(([{ prompt }]) => prompt.length)
    expect(lengths).not.toEqual([...lengths].sort((a, b) => a - b))
  })
})

describe('micro-steps', () => {
  it('hold every group once and stay within the budget of tokens, padding included', () => {
    fc.assert(
      fc.property(examples, fc.integer({ min: 1, max: 300 }), (list, tokens) => {
        const groups = groupByPrompt(list)
        const parts = microSteps(groups, tokens)
        expect(parts.flat()).toHaveLength(groups.length)
        expect(new Set(parts.flat())).toEqual(new Set(groups))
        for (const part of parts) {
          const longest = Math.max(
            ...part.map(({ prompt, targets }) => prompt.length + targets.reduce((sum, t) => sum + t.length, 0)),
          )
          expect(part.length === 1 || part.length * longest <= tokens).toBe(true)
        }
      }),
    )
  })
})
