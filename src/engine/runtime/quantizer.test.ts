import fc from 'fast-check'
import { afterAll, expect, it } from 'vitest'
import { normals, seedFrom } from '../../util/random.ts'
import { transpose } from '../weights/hf-names.ts'
import { type QuantizedValues, Quantizer } from './quantizer.ts'

const quantizer = new Quantizer()
afterAll(() => quantizer.close())

const sizes = fc.record({ inputs: fc.integer({ min: 1, max: 140 }), outputs: fc.integer({ min: 1, max: 140 }) })
const random = (length: number, name: string) => normals(new Float32Array(length), 1, seedFrom(name, length))

/** H · weights [inputs, outputs] in float64, by the recursive definition of a Walsh-Hadamard matrix. */
function mixed(weights: Float32Array, outputs: number): Float64Array {
  const inputs = weights.length / outputs
  const block = Math.min(64, inputs & -inputs)
  const h = (n: number): number[][] =>
    n === 1 ? [[1]] : [...h(n / 2).map((r) => [...r, ...r]), ...h(n / 2).map((r) => [...r, ...r.map((x) => -x)])]
  const H = h(block)
  return Float64Array.from(weights, (_, k) => {
    const [input, o] = [Math.floor(k / outputs), k % outputs]
    const first = input - (input % block)
    return (
      H[input % block].reduce((sum, sign, i) => sum + sign * weights[(first + i) * outputs + o], 0) / Math.sqrt(block)
    )
  })
}

/** Every mixed weight [inputs, outputs] lies within half a step of its output, whose largest byte is ±127. */
function expectNear({ values, scales }: QuantizedValues, weights: Float32Array): void {
  const outputs = scales.length
  const exact = mixed(weights, outputs)
  const largest = new Uint8Array(outputs)
  let furthest = 0
  values.forEach((value, k) => {
    const o = k % outputs
    largest[o] = Math.max(largest[o], Math.abs(value))
    furthest = Math.max(furthest, Math.abs(value - exact[k] / scales[o]))
  })
  expect(furthest).toBeLessThanOrEqual(0.5001)
  expect(largest.every((value) => value === 127)).toBe(true)
}

it('keeps every weight of a mixed matrix within half a step, whichever way round it is given', async () => {
  await fc.assert(
    fc.asyncProperty(sizes, async ({ inputs, outputs }) => {
      const weights = random(inputs * outputs, 'weights')
      expectNear(await quantizer.byColumns(weights, outputs), weights)
      expectNear(await quantizer.byRows(transpose(weights, inputs, outputs), inputs), weights)
    }),
    { numRuns: 30 },
  )
})

it('gives zeros for an output of zeros', async () => {
  const zeros = { values: new Int8Array(6), scales: new Float32Array(3) }
  expect(await quantizer.byColumns(new Float32Array(6), 3)).toEqual(zeros)
  expect(await quantizer.byRows(new Float32Array(6), 2)).toEqual(zeros)
})
