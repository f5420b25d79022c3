import { describe, expect, it } from 'vitest'
import { normals, seedFrom } from '../../util/random.ts'
import { Graph, type Value } from '../graph/graph.ts'
import { InferenceSession, Tensor } from '../runtime/onnx-runtime.ts'
import { mixChannels, mixRows } from './hadamard.ts'

/** What a graph of one value makes of a matrix. */
async function inGraph(
  matrix: Float32Array,
  columns: number,
  graph: (g: Graph, x: Value) => Value,
): Promise<Float32Array> {
  const dims = [matrix.length / columns, columns]
  const g = new Graph('f32')
  g.output(graph(g, g.input('x', dims)), 'y', dims)
  const session = await InferenceSession.create(g.encode(), { intraOpNumThreads: 1, logSeverityLevel: 3 })
  const { y } = await session.run({ x: new Tensor('float32', matrix, dims) })
  await session.release()
  return y.data as Float32Array
}

const mixedChannels = (x: Float32Array, channels: number) =>
  inGraph(x, channels, (g, value) => mixChannels(g, value, channels))

function near(a: Float32Array, b: Float32Array): void {
  for (const [i, value] of a.entries()) expect(value).toBeCloseTo(b[i], 4)
}

// An odd number, powers of two below and above a block, and blocks side by side.
describe.each([7, 8, 96, 128, 192])('%i channels', (channels) => {
  const rows = 3
  const x = normals(new Float32Array(rows * channels), 1, seedFrom('x'))
  const w = normals(new Float32Array(channels * 5), 1, seedFrom('w'))
  const product = (a: Float32Array, b: Float32Array) =>
    Float32Array.from({ length: rows * 5 }, (_, k) => {
      let sum = 0
      for (let c = 0; c < channels; c++) sum += a[Math.floor(k / 5) * channels + c] * b[c * 5 + (k % 5)]
      return sum
    })

  it('mixed on both sides of a product leave it as it is', async () => {
    const mixed = await inGraph(w, 5, (g, value) => mixRows(g, value, channels, 5))
    near(product(await mixedChannels(x, channels), mixed), product(x, w))
  })

  it('mixed twice are what they were', async () => {
    near(await mixedChannels(await mixedChannels(x, channels), channels), x)
  })
})

it('spreads one large channel over its block', async () => {
  const x = new Float32Array(128)
  x[70] = 8
  const y = await mixedChannels(x, 128)
  expect([...y.subarray(0, 64)]).toEqual(Array(64).fill(0))
  expect([...y.subarray(64).map(Math.abs)]).toEqual(Array(64).fill(1))
})
