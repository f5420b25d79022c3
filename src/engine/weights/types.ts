// What a weight source becomes: one flat little-endian f32 file that the runtime maps into memory, held once.
import type { ModelConfig } from '../config.ts'

/** Where a tensor lies in the flat file. */
export interface TensorPlace {
  dims: number[]
  /** Bytes from the start of the file; a multiple of 65536 (the mapping granularity of every platform). */
  offset: number
  /** Bytes. */
  length: number
}

/** Weights of one model under the canonical names of `weightShapes`, in [inputs, outputs] orientation. */
export interface WeightStore {
  config: ModelConfig
  /** Absolute path of the flat file. */
  file: string
  tensors: Map<string, TensorPlace>
  /** SHA-256 over configuration and weight content. */
  digest: string
  /** A private copy of one tensor. */
  read(name: string): Float32Array
  /** Fills `into`, of the tensor's size, with its values. */
  readInto(name: string, into: Float32Array): void
}
