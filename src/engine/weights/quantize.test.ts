import fc from 'fast-check'
import { expect, it } from 'vitest'
import { BLOCK } from '../model/quantized.ts'
import { quantizeMatrix } from './quantize.ts'

/** What the stored bytes stand for, [output][input]. */
function dequantized(
  { values, scales }: { values: Uint8Array; scales: Float32Array },
  inputs: number,
  outputs: number,
): number[][] {
  const blocks = Math.ceil(inputs / BLOCK)
  return Array.from({ length: outputs }, (_, o) =>
    Array.from({ length: inputs }, (_, i) => {
      const block = o * blocks + Math.floor(i / BLOCK)
      return (values[block * BLOCK + (i % BLOCK)] - 128) * scales[block]
    }),
  )
}

it('keeps every weight within half a step of its block, whatever the orientation', () => {
  const sizes = fc.record({
    inputs: fc.integer({ min: 1, max: 70 }),
    outputs: fc.integer({ min: 1, max: 5 }),
    byOutput: fc.boolean(),
  })
  fc.assert(
    fc.property(sizes, fc.infiniteStream(fc.float({ noNaN: true, min: -8, max: 8 })), (shape, stream) => {
      const { inputs, outputs, byOutput } = shape
      const weights = Float32Array.from({ length: inputs * outputs }, () => stream.next().value as number)
      const at = (o: number, i: number) => weights[byOutput ? o * inputs + i : i * outputs + o]
      const made = quantizeMatrix(weights, inputs, outputs, byOutput)
      const restored = dequantized(made, inputs, outputs)
      const blocks = Math.ceil(inputs / BLOCK)
      for (let o = 0; o < outputs; o++)
        for (let i = 0; i < inputs; i++) {
          const scale = made.scales[o * blocks + Math.floor(i / BLOCK)]
          expect(Math.abs(restored[o][i] - at(o, i))).toBeLessThanOrEqual(scale * 0.5001 + 1e-30)
        }
    }),
    { numRuns: 50 },
  )
})
