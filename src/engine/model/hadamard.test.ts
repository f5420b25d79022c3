import { describe, expect, it } from 'vitest'
import { normals, seedFrom } from '../../util/random.ts'
import { Graph } from '../graph/graph.ts'
import { InferenceSession, Tensor } from '../runtime/onnx-runtime.ts'
import { mixChannels, mixRows } from './hadamard.ts'

async function mixedInGraph(x: Float32Array, channels: number): Promise<Float32Array> {
  const g = new Graph('f32')
  g.output(mixChannels(g, g.input('x', ['N', channels]), channels), 'y', ['N', channels])
  const session = await InferenceSession.create(g.encode(), { intraOpNumThreads: 1, logSeverityLevel: 3 })
  const { y } = await session.run({ x: new Tensor('float32', x, [x.length / channels, channels]) })
  await session.release()
  return y.data as Float32Array
}

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
    const mixed = w.slice()
    mixRows(mixed, 5)
    near(product(await mixedInGraph(x, channels), mixed), product(x, w))
  })

  it('mixed twice are what they were', async () => {
    near(await mixedInGraph(await mixedInGraph(x, channels), channels), x)
  })
})

it('spreads one large channel over its block', async () => {
  const x = new Float32Array(128)
  x[70] = 8
  const y = await mixedInGraph(x, 128)
  expect([...y.subarray(0, 64)]).toEqual(Array(64).fill(0))
  expect([...y.subarray(64).map(Math.abs)]).toEqual(Array(64).fill(1))
})
