// What the machine can do, measured in the same run as everything else: MatMul throughput and memory read bandwidth.
import { availableParallelism } from 'node:os'
import { Graph, type Value } from '../../src/engine/graph/graph.ts'
import type { ModelConfig } from '../../src/engine/model/config.ts'
import { InferenceSession } from '../../src/engine/runtime/onnx-runtime.ts'
import { floats } from '../../src/engine/runtime/tensors.ts'
import { uniform } from '../../src/util/random.ts'
import type { Machine } from './case.ts'
import { medianSeconds } from './timing.ts'

async function product(n: number, k: number, m: number, threads: number): Promise<() => Promise<void>> {
  const g = new Graph('f32')
  g.output(g.op('MatMul', [g.input('a', [n, k]), g.input('b', [k, m])]), 'y', [n, m])
  const session = await InferenceSession.create(g.encode(), { intraOpNumThreads: threads, logSeverityLevel: 3 })
  const feeds = {
    a: floats(new Float32Array(n * k).fill(0.5), [n, k]),
    b: floats(new Float32Array(k * m).fill(0.5), [k, m]),
  }
  return async () => {
    await session.run(feeds)
  }
}

/** GFLOP/s of a 2048³ MatMul in f32. */
async function matmulPeak(threads: number): Promise<number> {
  const seconds = await medianSeconds(await product(2048, 2048, 2048, threads), 7)
  return (2 * 2048 ** 3) / seconds / 1e9
}

/** GB/s at which a 512 MB matrix is read by a vector-matrix product. */
async function memoryBandwidth(threads: number): Promise<number> {
  const seconds = await medianSeconds(await product(1, 4096, 32768, threads), 7)
  return (4096 * 32768 * 4) / seconds / 1e9
}

/** Seconds and bytes of the matrix products of a decoding step at batch 1, without attention, norms and sampling. */
export async function decodingProducts(c: ModelConfig, threads: number): Promise<{ seconds: number; bytes: number }> {
  const g = new Graph('f32')
  const draw = uniform(1)
  let bytes = 0
  const times = (x: Value, name: string, inputs: number, outputs: number) => {
    // No two matrices alike: the runtime would keep them once, and they would stay in the cache.
    const weights = Float32Array.from({ length: inputs * outputs }, () => (draw() - 0.5) / inputs)
    bytes += weights.byteLength
    return g.op('MatMul', [x, g.initializer(name, [inputs, outputs], new Uint8Array(weights.buffer))])
  }
  const first = (x: Value, width: number) => g.op('Slice', [x, g.ints([0]), g.ints([width]), g.ints([1])])
  const [q, kv] = [c.heads * c.headDim, 2 * c.kvHeads * c.headDim]
  let x = g.input('x', [1, c.hidden])
  for (let l = 0; l < c.layers; l++) {
    x = times(first(times(x, `qkv${l}`, c.hidden, q + kv), q), `o${l}`, q, c.hidden)
    x = times(first(times(x, `gate_up${l}`, c.hidden, 2 * c.ffn), c.ffn), `down${l}`, c.ffn, c.hidden)
  }
  g.output(times(x, 'head', c.hidden, c.vocab), 'y', [1, c.vocab])
  const session = await InferenceSession.create(g.encode(), { intraOpNumThreads: threads, logSeverityLevel: 3 })
  const feeds = { x: floats(new Float32Array(c.hidden).fill(1), [1, c.hidden]) }
  const seconds = await medianSeconds(async () => {
    await session.run(feeds)
  }, 21)
  return { seconds, bytes }
}

/** What a case is held against. */
export async function measureMachine(): Promise<Machine> {
  const threads = availableParallelism()
  return { compute: await matmulPeak(threads), memory: await memoryBandwidth(threads) }
}
