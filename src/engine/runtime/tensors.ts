// Short constructors for the runtime's tensors. Fed float arrays are not copied.
import { Tensor } from './onnx-runtime.ts'

export type Feeds = Record<string, Tensor>

/** A float tensor over the given array (f32 or f64 by its type). */
export function floats(data: Float32Array | Float64Array, dims: readonly number[]): Tensor {
  return data instanceof Float64Array ? new Tensor('float64', data, dims) : new Tensor('float32', data, dims)
}

/** An int64 tensor from ordinary numbers. */
export function longs(data: ArrayLike<number>, dims: readonly number[] = [data.length]): Tensor {
  const out = new BigInt64Array(data.length)
  for (let i = 0; i < data.length; i++) out[i] = BigInt(data[i])
  return new Tensor('int64', out, dims)
}

/** The float32 content of an output. */
export function f32(tensor: Tensor): Float32Array {
  return tensor.data as Float32Array
}
