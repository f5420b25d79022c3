import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TINY } from '../testing/tiny.ts'
import { estimateInference, estimateMemory, planMemory, ROWS } from './memory.ts'

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
const whole = { layerWise: false, prepack: true }

describe('estimateMemory', () => {
  // Peak of the proportional set size over bump train of SmolLM2-135M, two steps (docs/performance.md).
  it.each([
    [{ rows: ROWS, layerWise: false, prepack: true }, 4.17e9],
    [{ rows: { train: 512, prefix: 2048, suffix: 1024 }, layerWise: false, prepack: false }, 2.41e9],
    [{ rows: ROWS, layerWise: true, prepack: false }, 1.82e9],
  ])('is what a run was measured to take, within a tenth (%j)', (mode, measured) => {
    const { total } = estimateMemory(SMOLLM2, { rank: 16, ...mode })
    expect(Math.abs(total / measured - 1)).toBeLessThan(0.1)
  })

  it('grows with the micro-batch and the rank, and is smaller layer by layer', () => {
    fc.assert(
      fc.property(fc.integer({ min: 16, max: 4096 }), fc.integer({ min: 1, max: 256 }), (rows, rank) => {
        const total = (more: object) =>
          estimateMemory(SMOLLM2, { rows: { ...ROWS, train: rows }, rank, ...whole, ...more }).total
        expect(total({ rows: { ...ROWS, train: rows + 64 } })).toBeGreaterThanOrEqual(total({}))
        expect(total({ rank: rank + 1 })).toBeGreaterThan(total({}))
        expect(total({ prepack: false })).toBeLessThan(total({}))
        expect(total({ layerWise: true, prepack: false })).toBeLessThan(total({}))
      }),
    )
  })
})

const QWEN = {
  ...TINY.qwen2,
  layers: 24,
  hidden: 896,
  heads: 14,
  kvHeads: 2,
  headDim: 64,
  ffn: 4864,
  vocab: 151936,
}
/** Qwen2.5-1.5B with a head of its own. */
const LARGER = { ...QWEN, layers: 28, hidden: 1536, heads: 12, headDim: 128, ffn: 8960 }

describe('estimateInference', () => {
  // Peak of the proportional set size over bump generate of one user (docs/performance.md).
  it.each([
    ['SmolLM2-135M', SMOLLM2, 'none', true, 1.39e9],
    ['SmolLM2-135M', SMOLLM2, 'int8', true, 0.62e9],
    ['SmolLM2-135M', SMOLLM2, 'int8', false, 0.46e9],
    ['Qwen2.5-0.5B', QWEN, 'none', true, 4.35e9],
    ['Qwen2.5-0.5B', QWEN, 'int8', true, 1.27e9],
    ['Qwen2.5-0.5B', QWEN, 'int8', false, 0.93e9],
    ['Qwen2.5-1.5B', LARGER, 'int8', false, 2.14e9],
  ] as const)(
    'is what one profile by %s was measured to take (%#), within a tenth',
    (_, config, quantize, prepack, measured) => {
      const { total } = estimateInference(
        config,
        { rows: ROWS, layerWise: false, prepack },
        { quantize, promptTokens: 400 },
      )
      expect(Math.abs(total / measured - 1)).toBeLessThan(0.1)
    },
  )

  // `bump judge check` by the likelihood scorer with --memory 3GB.
  it('is what scoring by Qwen2.5-1.5B in 8 bits was measured to take, within a tenth', () => {
    const { estimate, rows } = planMemory('a-model', LARGER, { quantize: 'int8', memory: 3e9 })
    expect(rows.suffix).toBe(512)
    expect(Math.abs(estimate.total / 2.7e9 - 1)).toBeLessThan(0.1)
  })

  it('is less where nothing is scored, and where fewer prompts run at once', () => {
    const total = (promptTokens?: number) =>
      estimateInference(QWEN, { rows: ROWS, ...whole }, { quantize: 'int8', promptTokens }).total
    expect(total(400)).toBeLessThan(total(2000))
    expect(total(2000)).toBeLessThan(total(Number.POSITIVE_INFINITY))
    expect(total(Number.POSITIVE_INFINITY)).toBeLessThan(total())
  })
})

describe('planMemory', () => {
  const plan = (memory: number | undefined, trainable: { type: 'lora'; rank: number } | { type: 'full' } = lora) =>
    planMemory('a-model', SMOLLM2, { trainable, memory })

  it('takes the fastest way that fits, and no more than it was given', () => {
    const limits = [6e9, 3.7e9, 3e9, 2.5e9, 2e9, 1.6e9, 1.3e9]
    const plans = limits.map((memory) => plan(memory))
    expect(plans.map(({ layerWise, prepack, rows }) => [layerWise, prepack, rows.train])).toEqual([
      [false, true, 1024],
      [false, false, 1024],
      [false, true, 512],
      [false, false, 512],
      [true, false, 1024],
      [true, false, 512],
      [true, false, 384],
    ])
    plans.forEach(({ estimate }, i) => {
      expect(estimate!.total).toBeLessThanOrEqual(limits[i])
    })
    expect(plan(2.5e9).rows).toEqual({ train: 512, prefix: 2048, suffix: 1024 })
    expect(plan(8e9)).toMatchObject({ ...whole, rows: ROWS })
    expect(planMemory('a-model', SMOLLM2, {})).toMatchObject({ ...whole, rows: ROWS })
  })

  it('keeps no copies in 8 bits, and runs fewer rows, where memory is short', () => {
    const plans = [3e9, 1.6e9, 1e9].map((memory) => planMemory('a-model', SMOLLM2, { quantize: 'int8', memory }))
    expect(plans.map(({ prepack, rows }) => [prepack, rows.suffix])).toEqual([
      [true, 2048],
      [false, 2048],
      [false, 512],
    ])
    expect(() => planMemory('a-model', SMOLLM2, { quantize: 'int8', memory: 1e8 })).toThrow(/running a-model takes/)
  })

  it('keeps no copy for decoding where memory is short, and suggests 8 bits where even that does not fit', () => {
    const plan = (memory: number) => planMemory('a-model', SMOLLM2, { memory, promptTokens: 400 })
    expect([2e9, 1e9].map((memory) => plan(memory).prepack)).toEqual([true, false])
    expect(plan(2e9).rows.prefix).toBe(400)
    expect(() => plan(0.5e9)).toThrow(/running a-model takes .*quantize: int8/)
  })

  it('refuses a bound that cannot be kept, and says what would help', () => {
    expect(() => plan(0.5e9)).toThrow(/a-model takes about .* layer by layer, more than the 0\.5 GB.*smaller model/)
    expect(() => plan(2e9, { type: 'full' })).toThrow(/train an adapter/)
    expect(plan(undefined, { type: 'full' }).layerWise).toBe(false)
  })
})
