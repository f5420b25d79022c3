import fc from 'fast-check'
import { expect, it } from 'vitest'
import { BLOCK, quantizeMatrix } from './quantize.ts'

/** What the stored bytes stand for, [output][input]. */
function dequantized(
  { values, scales }: { values: Uint8Array; scales: Float32Array },
  inputs: number,
  outputs: number,
  bits: 4 | 8,
): number[][] {
  const blocks = Math.ceil(inputs / BLOCK)
  return Array.from({ length: outputs }, (_, o) =>
    Array.from({ length: inputs }, (_, i) => {
      const block = o * blocks + Math.floor(i / BLOCK)
      const k = i % BLOCK
      const byte = values[(block * BLOCK * bits) / 8 + (bits === 8 ? k : k >> 1)]
      const q = bits === 8 ? byte - 128 : ((byte >> (k % 2 === 0 ? 0 : 4)) & 15) - 8
      return q * scales[block]
    }),
  )
}

it('keeps every weight within half a step of its block, whatever the orientation', () => {
  const sizes = fc.record({
    inputs: fc.integer({ min: 1, max: 70 }),
    outputs: fc.integer({ min: 1, max: 5 }),
    bits: fc.constantFrom(4 as const, 8 as const),
    byOutput: fc.boolean(),
  })
  fc.assert(
    fc.property(sizes, fc.infiniteStream(fc.float({ noNaN: true, min: -8, max: 8 })), (shape, stream) => {
      const { inputs, outputs, bits, byOutput } = shape
      const weights = Float32Array.from({ length: inputs * outputs }, () => stream.next().value as number)
      const at = (o: number, i: number) => weights[byOutput ? o * inputs + i : i * outputs + o]
      const made = quantizeMatrix(weights, inputs, outputs, byOutput, bits)
      const restored = dequantized(made, inputs, outputs, bits)
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
