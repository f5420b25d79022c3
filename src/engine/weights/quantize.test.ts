import fc from 'fast-check'
import { expect, it } from 'vitest'
import { normals, seedFrom } from '../../util/random.ts'
import { quantizeMatrix, quantizeRowsInto } from './quantize.ts'

const sizes = fc.record({ inputs: fc.integer({ min: 1, max: 70 }), outputs: fc.integer({ min: 1, max: 140 }) })
const random = (length: number, name: string) => normals(new Float32Array(length), 1, seedFrom(name, length))
const positive = (length: number, name: string) => random(length, name).map((x) => Math.exp(x))

/** Every weight [inputs, outputs] lies within half a step of its output, and the largest of an output is ±127. */
function expectNear(
  { values, scales }: { values: Int8Array; scales: Float32Array },
  weight: (i: number, o: number) => number,
): void {
  const outputs = scales.length
  const largest = new Uint8Array(outputs)
  values.forEach((value, k) => {
    const [i, o] = [Math.floor(k / outputs), k % outputs]
    largest[o] = Math.max(largest[o], Math.abs(value))
    expect(Math.abs(value * scales[o] - weight(i, o))).toBeLessThanOrEqual(scales[o] * 0.5001)
  })
  expect(largest.every((value) => value === 127)).toBe(true)
}

it('keeps every weight of a projection within half a step, with factors of inputs and outputs', () => {
  fc.assert(
    fc.property(sizes, ({ inputs, outputs }) => {
      const weights = random(inputs * outputs, 'weights')
      const [by, from] = [positive(inputs, 'inputs'), positive(outputs, 'outputs')]
      expectNear(quantizeMatrix(weights, outputs), (i, o) => weights[i * outputs + o])
      expectNear(quantizeMatrix(weights, outputs, by, from), (i, o) => (weights[i * outputs + o] * by[i]) / from[o])
    }),
    { numRuns: 30 },
  )
})

it('keeps every weight of a table within half a step, some rows at a time', () => {
  fc.assert(
    fc.property(sizes, fc.nat(), ({ inputs: hidden, outputs: vocab }, at) => {
      const table = random(vocab * hidden, 'table')
      const factors = positive(hidden, 'factors')
      const made = { values: new Int8Array(table.length), scales: new Float32Array(vocab) }
      const border = at % (vocab + 1)
      quantizeRowsInto(table.subarray(0, border * hidden), 0, factors, made)
      quantizeRowsInto(table.subarray(border * hidden), border, factors, made)
      expectNear(made, (h, v) => table[v * hidden + h] * factors[h])
    }),
    { numRuns: 30 },
  )
})

it('gives zeros for an output of zeros', () => {
  expect(quantizeMatrix(new Float32Array(6), 3)).toEqual({ values: new Int8Array(6), scales: new Float32Array(3) })
})
