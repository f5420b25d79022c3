// What a weight source becomes: one flat little-endian f32 file that the runtime maps into memory, held once.
import type { ModelConfig } from '../model/config.ts'
import type { ByteRange } from '../model/quantized.ts'

/**
 * Where a tensor lies in the flat file. Its offset is a multiple of 65536, the mapping granularity of every platform.
 */
export interface TensorRange extends ByteRange {
  dims: number[]
}

/** Weights of one model under the canonical names of `weightShapes`, in [inputs, outputs] orientation. */
export interface WeightStore {
  config: ModelConfig
  /** Absolute path of the flat file. */
  file: string
  tensors: Map<string, TensorRange>
  /** SHA-256 over configuration and weight content. */
  digest: string
  /** A private copy of one tensor. */
  read(name: string): Float32Array
}
