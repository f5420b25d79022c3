// The layout of matrices in 8 bits: what weights/quantize.ts writes and the graphs for inference read, by the runtime's
// MatMulNBits operator. Values are q·scale with q a signed integer, stored plus 128; a scale is shared by a block of
// inputs.

/** Bits of a quantised weight. */
export const BITS = 8
/** Inputs that share a scale. */
export const BLOCK = 32

/** A range of a file, in bytes. */
export interface ByteRange {
  offset: number
  length: number
}

/** Where a matrix lies in the quantised file. */
export interface QuantizedMatrix {
  inputs: number
  outputs: number
  /** [outputs, blocks, BLOCK] bytes. */
  values: ByteRange
  /** [outputs·blocks] f32. */
  scales: ByteRange
}
