// Where a model in 8 bits lies in its file: what runtime/prepare-quantized.ts writes and the graphs of integer products read.

/** A range of a file, in bytes. */
export interface ByteRange {
  offset: number
  length: number
}

/** A matrix of signed bytes with one scale an output, or an input: w ≈ value · scale. */
export interface QuantizedMatrix {
  inputs: number
  outputs: number
  /** [inputs, outputs] signed bytes. */
  values: ByteRange
  /** [outputs] f32, or what `scaleOf` says. */
  scales: ByteRange
  scaleOf?: 'inputs'
}

/**
 * The copy of a matrix that a backward pass reads, [outputs, inputs]. A projection's is rounded by itself, with a scale an
 * input of the projection; a head's has the bytes and the scales of the head.
 */
export const transposed = (name: string) => `${name}.T`
