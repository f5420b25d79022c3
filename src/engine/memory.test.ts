import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { estimateMemory, planMemory, ROWS } from './memory.ts'
import { TINY } from './testing/tiny.ts'

const SMOLLM2 = {
  ...TINY.llama,
  layers: 30,
  hidden: 576,
  heads: 9,
  kvHeads: 3,
  headDim: 64,
  ffn: 1536,
  vocab: 49152,
}
const lora = { type: 'lora', rank: 16 } as const

describe('estimateMemory', () => {
  // Peak of the proportional set size over bump train of SmolLM2-135M, two steps (docs/performance.md).
  it.each([
    [false, 3.888e9],
    [true, 1.527e9],
  ])('is what a run was measured to take, within a fifth (layer by layer: %s)', (lowMemory, measured) => {
    const { total } = estimateMemory(SMOLLM2, { rows: ROWS, rank: 16, lowMemory })
    expect(Math.abs(total / measured - 1)).toBeLessThan(0.2)
  })

  it('grows with the micro-batch and the rank, and is smaller layer by layer', () => {
    fc.assert(
      fc.property(fc.integer({ min: 16, max: 4096 }), fc.integer({ min: 1, max: 256 }), (rows, rank) => {
        const total = (more: object) =>
          estimateMemory(SMOLLM2, { rows: { ...ROWS, train: rows }, rank, lowMemory: false, ...more }).total
        expect(total({ rows: { ...ROWS, train: rows + 64 } })).toBeGreaterThanOrEqual(total({}))
        expect(total({ rank: rank + 1 })).toBeGreaterThan(total({}))
        expect(total({ lowMemory: true })).toBeLessThan(total({}))
      }),
    )
  })
})

describe('planMemory', () => {
  const plan = (memory: number | undefined, trainable: { type: 'lora'; rank: number } | { type: 'full' } = lora) =>
    planMemory('a-model', SMOLLM2, { trainable, memory })

  it('takes the fastest way that fits: whole, fewer rows, layer by layer, both', () => {
    const ways = [8e9, 3.5e9, 2.6e9, 1.9e9, 1.4e9].map((memory) => plan(memory))
    expect(ways.map(({ lowMemory, rows }) => [lowMemory, rows.train])).toEqual([
      [false, 1024],
      [false, 512],
      [false, 256],
      [true, 1024],
      [true, 512],
    ])
    expect(plan(3.5e9).rows).toEqual({ train: 512, prefix: 2048, suffix: 1024 })
    expect(planMemory('a-model', SMOLLM2, { memory: 1 })).toEqual({ lowMemory: false, rows: ROWS, estimate: undefined })
  })

  it('refuses a bound that cannot be kept, and says what would help', () => {
    expect(() => plan(0.5e9)).toThrow(/a-model takes about .* layer by layer, more than the 0\.5 GB.*smaller model/)
    expect(() => plan(2e9, { type: 'full' })).toThrow(/train an adapter/)
    expect(plan(undefined, { type: 'full' }).lowMemory).toBe(false)
  })
})
