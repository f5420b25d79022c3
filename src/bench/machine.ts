// What the machine can do, measured in the same run as everything else: MatMul throughput and memory read bandwidth.
import { Graph } from '../engine/graph/graph.ts'
import { InferenceSession } from '../engine/onnx-runtime.ts'
import { floats } from '../engine/runtime/tensors.ts'
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
export async function matmulPeak(threads: number): Promise<number> {
  const seconds = await medianSeconds(await product(2048, 2048, 2048, threads), 7)
  return (2 * 2048 ** 3) / seconds / 1e9
}

/** GB/s at which a 512 MB matrix is read by a vector-matrix product. */
export async function memoryBandwidth(threads: number): Promise<number> {
  const seconds = await medianSeconds(await product(1, 4096, 32768, threads), 7)
  return (4096 * 32768 * 4) / seconds / 1e9
}
