// How many levels the bytes of activations may have on this processor.
import { Graph } from '../graph/graph.ts'
import { InferenceSession, Tensor } from './onnx-runtime.ts'

let known: Promise<number> | undefined

/**
 * Largest magnitude of an activation's byte: 127, or 63 on x86 processors without VNNI (before about 2019), where the
 * runtime's product of unsigned and signed bytes adds pairs in 16 bits: two of 255 · 127 do not fit, two of 127 · 127
 * do.
 */
export function activationLevels(): Promise<number> {
  known ??= largestSum().then((sum) => (sum === INPUTS * 255 * 127 ? 127 : 63))
  return known
}

const INPUTS = 64
const SIZE = 32

/** A product of the largest bytes, as this processor computes it. */
async function largestSum(): Promise<number> {
  const g = new Graph('f32')
  const bytes = new Uint8Array(INPUTS * SIZE)
  const weights = g.initializer('w', [INPUTS, SIZE], bytes.slice().fill(127), 'i8')
  g.output(g.op('MatMulInteger', [g.input('x', [SIZE, INPUTS], 'u8'), weights]), 'y', [SIZE, SIZE], 'i32')
  const session = await InferenceSession.create(g.encode(), { intraOpNumThreads: 1, logSeverityLevel: 3 })
  try {
    const { y } = await session.run({ x: new Tensor('uint8', bytes.fill(255), [SIZE, INPUTS]) })
    return (y.data as Int32Array)[0]
  } finally {
    await session.release()
  }
}
