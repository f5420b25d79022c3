import fc from 'fast-check'
import { expect, it } from 'vitest'
import { normals, seedFrom } from '../../util/random.ts'
import { mixRows } from '../model/hadamard.ts'
import { transpose } from './hf-names.ts'
import { quantizeMatrix, quantizeRowsInto } from './quantize.ts'

const sizes = fc.record({ inputs: fc.integer({ min: 1, max: 140 }), outputs: fc.integer({ min: 1, max: 140 }) })
const random = (length: number, name: string) => normals(new Float32Array(length), 1, seedFrom(name, length))

/** Every weight [inputs, outputs] lies within half a step of its output, and the largest of an output is ±127. */
function expectNear({ values, scales }: { values: Int8Array; scales: Float32Array }, weights: Float32Array): void {
  const outputs = scales.length
  const largest = new Uint8Array(outputs)
  let furthest = 0
  values.forEach((value, k) => {
    const o = k % outputs
    largest[o] = Math.max(largest[o], Math.abs(value))
    furthest = Math.max(furthest, Math.abs(value - weights[k] / scales[o]))
  })
  expect(furthest).toBeLessThanOrEqual(0.5001)
  expect(largest.every((value) => value === 127)).toBe(true)
}

function mixed(weights: Float32Array, outputs: number): Float32Array {
  const copy = weights.slice()
  mixRows(copy, outputs)
  return copy
}

it('keeps every weight of a mixed matrix within half a step', () => {
  fc.assert(
    fc.property(sizes, ({ inputs, outputs }) => {
      const weights = random(inputs * outputs, 'weights')
      expectNear(quantizeMatrix(weights, outputs), mixed(weights, outputs))
    }),
    { numRuns: 30 },
  )
})

it('keeps every weight of a mixed table within half a step, some rows at a time', () => {
  fc.assert(
    fc.property(sizes, fc.nat(), ({ inputs: hidden, outputs: vocab }, at) => {
      const table = random(vocab * hidden, 'table')
      const made = { values: new Int8Array(table.length), scales: new Float32Array(vocab) }
      const border = at % (vocab + 1)
      quantizeRowsInto(table.subarray(0, border * hidden), hidden, 0, made)
      quantizeRowsInto(table.subarray(border * hidden), hidden, border, made)
      expectNear(made, mixed(transpose(table, vocab, hidden), vocab))
    }),
    { numRuns: 30 },
  )
})

it('gives zeros for an output of zeros', () => {
  expect(quantizeMatrix(new Float32Array(6), 3)).toEqual({ values: new Int8Array(6), scales: new Float32Array(3) })
})
