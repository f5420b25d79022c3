// Matrices in 8 bits: mixed (model/hadamard.ts) and rounded by the runtime's own operators, several times as fast as in
// JavaScript.
import { Graph, type Value } from '../graph/graph.ts'
import { mixChannels, mixRows } from '../model/hadamard.ts'
import { InferenceSession, Tensor } from './onnx-runtime.ts'

/** Magnitudes go up to this integer. */
const LARGEST = 127

/** A matrix as signed bytes, w ≈ value · scale. */
export interface QuantizedValues {
  /** [inputs, outputs]. */
  values: Int8Array
  /** [outputs]: the one that makes an output's largest magnitude ±127; 0 for an output of zeros. */
  scales: Float32Array
}

/** Quantises matrices of any size, their inputs mixed. */
export class Quantizer {
  /** By orientation and shape: a model has few. */
  private readonly sessions = new Map<string, InferenceSession>()

  /** A matrix [inputs, outputs]. */
  async byColumns(matrix: Float32Array, outputs: number): Promise<QuantizedValues> {
    return await this.run('columns', matrix, [matrix.length / outputs, outputs])
  }

  /** A matrix that is given as [outputs, inputs], the other way round. */
  async byRows(matrix: Float32Array, inputs: number): Promise<QuantizedValues> {
    return await this.run('rows', matrix, [matrix.length / inputs, inputs])
  }

  async close(): Promise<void> {
    for (const session of this.sessions.values()) await session.release()
  }

  private async run(
    outputsAre: 'rows' | 'columns',
    matrix: Float32Array,
    dims: [number, number],
  ): Promise<QuantizedValues> {
    const key = `${outputsAre} ${dims}`
    let session = this.sessions.get(key)
    if (!session) {
      session = await InferenceSession.create(quantisation(outputsAre, dims), {
        // Another processor converts what comes next.
        intraOpNumThreads: 1,
        // What it frees goes back to the system at once: matrices are large.
        enableCpuMemArena: false,
        logSeverityLevel: 3,
      })
      this.sessions.set(key, session)
    }
    const { values, scales } = await session.run({ matrix: new Tensor('float32', matrix, dims) })
    return { values: values.data as Int8Array, scales: scales.data as Float32Array }
  }
}

function quantisation(outputsAre: 'rows' | 'columns', [rows, columns]: [number, number]): Uint8Array {
  const g = new Graph('f32')
  const matrix = g.input('matrix', [rows, columns])
  const scaleOf = (mixed: Value, inputsAxis: number, keepdims: number): Value => {
    const extreme = (of: 'ReduceMax' | 'ReduceMin') => g.op(of, [mixed], { axes: [inputsAxis], keepdims })
    const largest = g.op('Max', [extreme('ReduceMax'), g.op('Neg', [extreme('ReduceMin')])])
    return g.op('Div', [largest, g.scalar(LARGEST)])
  }
  // An output of zeros is divided by something.
  const divisor = (scale: Value) => g.op('Max', [scale, g.scalar(1e-37)])
  if (outputsAre === 'rows') {
    const mixed = mixChannels(g, matrix, columns)
    const scale = scaleOf(mixed, 1, 0)
    const zeros = g.initializer('zeros', [rows], new Uint8Array(rows), 'i8')
    const bytes = g.op('QuantizeLinear', [mixed, divisor(scale), zeros], { axis: 0 })
    g.output(g.op('Transpose', [bytes]), 'values', [columns, rows], 'i8')
    g.output(scale, 'scales', [rows])
  } else {
    const mixed = mixRows(g, matrix, rows, columns)
    const scale = scaleOf(mixed, 0, 1)
    // The runtime's own rounding of columns goes value by value: slower than these two passes.
    const whole = g.op('Round', [g.op('Div', [mixed, divisor(scale)])])
    g.output(g.op('Cast', [whole], { to: 3 }), 'values', [rows, columns], 'i8')
    g.output(scale, 'scales', [1, columns])
  }
  return g.encode()
}
