import { describe, expect, it } from 'vitest'
import { normals, seedFrom } from '../../util/random.ts'
import { activationLevels } from '../runtime/integer-levels.ts'
import { InferenceSession, Tensor } from '../runtime/onnx-runtime.ts'
import { Graph, type Value } from './graph.ts'
import * as o from './operators.ts'

type Shapes = Record<string, number[]>
/** Builds the operator on differentiable inputs; returns its output and that output's size. */
type Build = (g: Graph, v: Record<string, Value>) => Value

const longs = (g: Graph, values: number[]) => g.ints(values)

const CASES: Record<string, { inputs: Shapes; output: number[]; build: Build }> = {
  matmul: { inputs: { a: [3, 4], b: [4, 5] }, output: [3, 5], build: (g, v) => o.matmul(g, v.a, v.b) },
  'matmul with transposed b and a factor': {
    inputs: { a: [3, 4], b: [5, 4] },
    output: [3, 5],
    build: (g, v) => o.matmul(g, v.a, v.b, { transposeB: true, alpha: 0.7 }),
  },
  'matmul of batches': {
    inputs: { a: [2, 3, 4], b: [2, 4, 2] },
    output: [2, 3, 2],
    build: (g, v) => o.matmul(g, v.a, v.b, { rank: 3, alpha: -1.5 }),
  },
  'matmul with itself': { inputs: { a: [3, 3] }, output: [3, 3], build: (g, v) => o.matmul(g, v.a, v.a) },
  add: { inputs: { a: [2, 3], b: [2, 3] }, output: [2, 3], build: (g, v) => o.add(g, v.a, v.b) },
  'a value used twice': { inputs: { a: [2, 3] }, output: [2, 3], build: (g, v) => o.add(g, v.a, o.add(g, v.a, v.a)) },
  addBias: { inputs: { x: [4, 3], bias: [3] }, output: [4, 3], build: (g, v) => o.addBias(g, v.x, v.bias) },
  reshape: {
    inputs: { x: [2, 6] },
    output: [3, 4],
    build: (g, v) => o.reshape(g, v.x, longs(g, [3, 4]), longs(g, [2, 6])),
  },
  transpose: { inputs: { x: [2, 3, 4] }, output: [4, 2, 3], build: (g, v) => o.transpose(g, v.x, [2, 0, 1]) },
  'splitRows, both parts used': {
    inputs: { x: [5, 2] },
    output: [5, 2],
    build: (g, v) => {
      const sizes = longs(g, [2, 3])
      const [a, b] = o.splitRows(g, v.x, sizes)
      return o.concatRows(g, b, o.gatedSilu(g, a, a), longs(g, [3, 2]))
    },
  },
  'splitRows, one part used': {
    inputs: { x: [5, 2] },
    output: [3, 2],
    build: (g, v) => o.splitRows(g, v.x, longs(g, [2, 3]))[1],
  },
  'gatherRows with repeated ids': {
    inputs: { table: [4, 3] },
    output: [5, 3],
    build: (g, v) => o.gatherRows(g, v.table, longs(g, [1, 3, 1, 1, 0])),
  },
  rmsNorm: {
    inputs: { x: [4, 6], w: [6] },
    output: [4, 6],
    build: (g, v) => o.rmsNorm(g, v.x, v.w, 1e-5, 6),
  },
  scale: { inputs: { x: [2, 3] }, output: [2, 3], build: (g, v) => o.scale(g, v.x, -1.3) },
  gatedGelu: { inputs: { a: [3, 4], b: [3, 4] }, output: [3, 4], build: (g, v) => o.gatedGelu(g, v.a, v.b) },
  gatedSilu: { inputs: { a: [3, 4], b: [3, 4] }, output: [3, 4], build: (g, v) => o.gatedSilu(g, v.a, v.b) },
  rotary: { inputs: { x: [3, 8] }, output: [3, 8], build: (g, v) => o.rotary(g, v.x, 2, 4, rotation(g)) },
  'rotary of some dimensions': {
    inputs: { x: [3, 12] },
    output: [3, 12],
    build: (g, v) => o.rotary(g, v.x, 2, 6, rotation(g)),
  },
}

/** Of four dimensions, at three positions. */
function rotation(g: Graph): o.Rotary {
  const angles = Float64Array.from({ length: 12 }, (_, i) => (Math.floor(i / 4) + 1) * (i % 2 ? 0.3 : 1.1))
  const constant = (name: string, f: (x: number) => number) =>
    g.initializer(name, [3, 1, 4], new Uint8Array(angles.map(f).buffer))
  return { dims: 4, cos: constant('cos', Math.cos), sin: constant('sin', Math.sin) }
}

const size = (dims: readonly number[]) => dims.reduce((a, b) => a * b, 1)

describe('f64 gradients against central differences', () => {
  it.each(Object.keys(CASES))('%s', async (name) => {
    const { inputs, output, build } = CASES[name]
    const g = new Graph('f64')
    const values = Object.fromEntries(
      Object.entries(inputs).map(([key, dims]) => [key, g.input(key, dims, 'f64', true)]),
    )
    const y = build(g, values)
    const seed = g.input('seed', output)
    g.output(g.op('ReduceSum', [g.op('Mul', [y, seed])], { keepdims: 0 }), 'loss', [])
    const gradients = g.backward([[y, seed]])
    for (const [key, dims] of Object.entries(inputs)) g.output(gradients.get(key)!, `d.${key}`, dims)
    const session = await InferenceSession.create(g.encode(), { intraOpNumThreads: 1, logSeverityLevel: 3 })
    const arrays = Object.fromEntries(
      Object.entries({ ...inputs, seed: output }).map(([key, dims]) => [
        key,
        normals(new Float64Array(size(dims)), 1, seedFrom('operator', name, key)),
      ]),
    )
    const run = () =>
      session.run(
        Object.fromEntries(
          Object.entries(arrays).map(([key, data]) => [
            key,
            new Tensor('float64', data, { ...inputs, seed: output }[key]),
          ]),
        ),
      )
    const exact = await run()
    const step = 1e-5
    for (const key of Object.keys(inputs)) {
      const gradient = exact[`d.${key}`].data as Float64Array
      for (let i = 0; i < gradient.length; i++) {
        const kept = arrays[key][i]
        arrays[key][i] = kept + step
        const above = Number((await run()).loss.data[0])
        arrays[key][i] = kept - step
        const below = Number((await run()).loss.data[0])
        arrays[key][i] = kept
        expect(Math.abs((above - below) / (2 * step) - gradient[i])).toBeLessThan(
          1e-6 * Math.max(1, Math.abs(gradient[i])),
        )
      }
    }
  })
})

it('scatterAddRows adds repeated rows in order, on any number of threads', async () => {
  const [V, H, M] = [2400, 576, 512]
  const g = new Graph('f32')
  g.output(o.scatterAddRows(g, g.input('like', [V, H]), g.input('ids', [M], 'i64'), g.input('rows', [M, H])), 'y', [
    V,
    H,
  ])
  const session = await InferenceSession.create(g.encode(), { intraOpNumThreads: 2, logSeverityLevel: 3 })
  const ids = Array.from({ length: M }, (_, i) => Math.floor(i / 8))
  const rows = normals(new Float32Array(M * H), 1, seedFrom('scatter'))
  const expected = new Float32Array(V * H)
  ids.forEach((id, i) => {
    for (let h = 0; h < H; h++) expected[id * H + h] += rows[i * H + h]
  })
  for (let run = 0; run < 20; run++) {
    const { y } = await session.run({
      like: new Tensor('float32', new Float32Array(V * H), [V, H]),
      ids: new Tensor('int64', BigInt64Array.from(ids, BigInt), [M]),
      rows: new Tensor('float32', rows, [M, H]),
    })
    expect(Buffer.compare(Buffer.from((y.data as Float32Array).buffer), Buffer.from(expected.buffer))).toBe(0)
  }
})

describe('integer products', () => {
  const [N, K, M] = [5, 70, 33]
  const weights = Int8Array.from(normals(new Float32Array(K * M), 50, seedFrom('weights')), (w) =>
    Math.max(-127, Math.min(127, Math.round(w))),
  )
  const scales = normals(new Float32Array(M), 0.01, seedFrom('scales'))
  const x = normals(new Float32Array(N * K), 1, seedFrom('x'))
  x.fill(0, K, 2 * K)
  x[2 * K + 3] = 1000
  const bytesOf = (a: Int8Array | Float32Array) => new Uint8Array(a.buffer)
  const ones = (n: number) => bytesOf(new Float32Array(n).fill(1))

  /** y [N,M] of rows [N,K]. */
  async function run(rows: Float32Array, levels: number): Promise<Float32Array> {
    const g = new Graph('f32')
    const quantized = o.quantizeRows(g, g.input('x', ['N', K]), levels)
    const w = g.initializer('w', [K, M], bytesOf(weights), 'i8')
    g.output(o.integerProduct(g, quantized, { values: w, scales: g.initializer('s', [M], bytesOf(scales)) }), 'y', [
      'N',
      M,
    ])
    const session = await InferenceSession.create(g.encode(), { intraOpNumThreads: 2, logSeverityLevel: 3 })
    const { y } = await session.run({ x: new Tensor('float32', rows, [rows.length / K, K]) })
    return y.data as Float32Array
  }

  it.each([127, 63])('are those of the same integers in float64, with %i levels', async (levels) => {
    // Processors without VNNI have room for 63 alone (runtime/integer-levels.ts).
    if (levels > (await activationLevels())) return
    const y = await run(x, levels)
    const { fround } = Math
    for (let n = 0; n < N; n++) {
      const row = x.subarray(n * K, (n + 1) * K)
      const range = Math.max(...row.map(Math.abs), fround(1e-30))
      for (let m = 0; m < M; m++) {
        let sum = 0
        row.forEach((value, k) => {
          sum += Math.round(fround(fround(value / range) / fround(1 / levels))) * weights[k * M + m]
        })
        const expected = (range * sum * scales[m]) / levels
        expect(Math.abs(y[n * M + m] - expected)).toBeLessThanOrEqual(1e-6 * Math.abs(expected))
      }
    }
  })

  it('give a gradient through the copy of the matrix, in 8 bits too', async () => {
    const g = new Graph('f32')
    const input = g.input('x', ['N', K], 'f32', true)
    const w = { values: g.initializer('w', [K, M], bytesOf(weights), 'i8'), scales: g.initializer('s', [M], ones(M)) }
    const back = Int8Array.from(weights, (_, i) => weights[(i % K) * M + Math.floor(i / K)])
    const copy = { values: g.initializer('b', [M, K], bytesOf(back), 'i8'), scales: g.initializer('bs', [K], ones(K)) }
    const y = o.integerMatmul(g, input, o.quantizeRows(g, input, 63), w, (dy) =>
      o.integerProduct(g, o.quantizeRows(g, dy, 63), copy),
    )
    g.output(g.backward([[y, g.input('dy', ['N', M])]]).get('x')!, 'dx', ['N', K])
    const session = await InferenceSession.create(g.encode(), { intraOpNumThreads: 2, logSeverityLevel: 3 })
    const dy = normals(new Float32Array(N * M), 1, seedFrom('dy'))
    const feeds = { x: new Tensor('float32', x, [N, K]), dy: new Tensor('float32', dy, [N, M]) }
    const dx = (await session.run(feeds)).dx.data as Float32Array
    for (let n = 0; n < N; n++) {
      const row = dy.subarray(n * M, (n + 1) * M)
      // Half a step of the row's range, times the weights that it meets.
      const step = Math.max(...row.map(Math.abs)) / 63
      for (let k = 0; k < K; k++) {
        const of = weights.subarray(k * M, (k + 1) * M)
        const expected = row.reduce((sum, value, m) => sum + value * of[m], 0)
        const bound = of.reduce((sum, value) => sum + Math.abs(value), 0) * step * 0.5
        expect(Math.abs(dx[n * K + k] - expected)).toBeLessThan(bound)
      }
    }
  })

  it.each([127, 63])('of two bytes keep what one byte rounds away, with %i levels', async (levels) => {
    if (levels > (await activationLevels())) return
    // One probability of nearly 1, and small ones that one byte would round to nothing.
    const p = Float32Array.from({ length: N * K }, (_, i) => (i % K === 3 ? 0.9 : 0.1 / K))
    const g = new Graph('f32')
    const ofInputs = Float32Array.from({ length: K }, (_, k) => 0.5 + k / K)
    const matrix = {
      values: g.initializer('w', [K, M], bytesOf(weights), 'i8'),
      scales: g.initializer('s', [K], bytesOf(ofInputs)),
    }
    g.output(o.twoByteProduct(g, g.input('p', ['N', K]), matrix, levels), 'y', ['N', M])
    const session = await InferenceSession.create(g.encode(), { intraOpNumThreads: 2, logSeverityLevel: 3 })
    const y = (await session.run({ p: new Tensor('float32', p, [N, K]) })).y.data as Float32Array
    for (let m = 0; m < M; m++) {
      let expected = 0
      let met = 0
      for (let k = 0; k < K; k++) {
        expected += p[k] * ofInputs[k] * weights[k * M + m]
        met += Math.abs(weights[k * M + m])
      }
      // Half a step of the second byte, times the weights that it meets.
      const bound = ((p[3] * ofInputs[3]) / (2 * levels + 1) / (4 * levels)) * met
      for (let n = 0; n < N; n++) expect(Math.abs(y[n * M + m] - expected)).toBeLessThan(bound)
    }
  })

  it('of a row do not depend on the rows beside it', async () => {
    const all = await run(x, 63)
    for (let n = 0; n < N; n++)
      expect(await run(x.slice(n * K, (n + 1) * K), 63)).toEqual(all.slice(n * M, (n + 1) * M))
  })
})
