// Turns blocks of ggml's quantised types into floats, with the arithmetic of llama.cpp's dequantize_row_*.
// Every type has the same form: a block of `elements` values in `bytes` bytes, independent of other blocks.
import { GGML_TYPES, type GgmlType } from './gguf.ts'
import { halfTable } from './half.ts'

/** Writes one block: `at` is its first byte, `to` the place of its first value. */
type BlockReader = (bytes: Uint8Array, at: number, out: Float32Array, to: number) => void

const half = halfTable()
const halfAt = (bytes: Uint8Array, at: number) => half[bytes[at] | (bytes[at + 1] << 8)]
const asBits = new Uint32Array(1)
const asFloat = new Float32Array(asBits.buffer)

const readF32: BlockReader = (bytes, at, out, to) => {
  asBits[0] = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)
  out[to] = asFloat[0]
}

const readBF16: BlockReader = (bytes, at, out, to) => {
  asBits[0] = (bytes[at] << 16) | (bytes[at + 1] << 24)
  out[to] = asFloat[0]
}

/** Products are rounded to f32 before a minimum is subtracted, as llama.cpp does. */
const f32 = Math.fround

const readQ40: BlockReader = (bytes, at, out, to) => {
  const scale = halfAt(bytes, at)
  for (let i = 0; i < 16; i++) {
    const pair = bytes[at + 2 + i]
    out[to + i] = ((pair & 15) - 8) * scale
    out[to + 16 + i] = ((pair >> 4) - 8) * scale
  }
}

const readQ41: BlockReader = (bytes, at, out, to) => {
  const scale = halfAt(bytes, at)
  const min = halfAt(bytes, at + 2)
  for (let i = 0; i < 16; i++) {
    const pair = bytes[at + 4 + i]
    out[to + i] = f32((pair & 15) * scale) + min
    out[to + 16 + i] = f32((pair >> 4) * scale) + min
  }
}

/** The fifth bits of 32 values: one 32-bit word, value i at bit i. */
const wordAt = (bytes: Uint8Array, at: number) =>
  bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)

const readQ50: BlockReader = (bytes, at, out, to) => {
  const scale = halfAt(bytes, at)
  const high = wordAt(bytes, at + 2)
  for (let i = 0; i < 16; i++) {
    const pair = bytes[at + 6 + i]
    out[to + i] = (((pair & 15) | (((high >>> i) & 1) << 4)) - 16) * scale
    out[to + 16 + i] = (((pair >> 4) | (((high >>> (i + 16)) & 1) << 4)) - 16) * scale
  }
}

const readQ51: BlockReader = (bytes, at, out, to) => {
  const scale = halfAt(bytes, at)
  const min = halfAt(bytes, at + 2)
  const high = wordAt(bytes, at + 4)
  for (let i = 0; i < 16; i++) {
    const pair = bytes[at + 8 + i]
    out[to + i] = f32(((pair & 15) | (((high >>> i) & 1) << 4)) * scale) + min
    out[to + 16 + i] = f32(((pair >> 4) | (((high >>> (i + 16)) & 1) << 4)) * scale) + min
  }
}

const readQ80: BlockReader = (bytes, at, out, to) => {
  const scale = halfAt(bytes, at)
  for (let i = 0; i < 32; i++) out[to + i] = ((bytes[at + 2 + i] << 24) >> 24) * scale
}

/** 6-bit scale of sub-block j (of 8) of a Q4_K or Q5_K block whose 12 packed bytes begin at `at`. */
const scaleOf = (bytes: Uint8Array, at: number, j: number) =>
  j < 4 ? bytes[at + j] & 63 : (bytes[at + j + 4] & 15) | ((bytes[at + j - 4] >> 6) << 4)

/** 6-bit minimum of sub-block j. */
const minOf = (bytes: Uint8Array, at: number, j: number) =>
  j < 4 ? bytes[at + j + 4] & 63 : (bytes[at + j + 4] >> 4) | ((bytes[at + j] >> 6) << 4)

const readQ4K: BlockReader = (bytes, at, out, to) => {
  const scale = halfAt(bytes, at)
  const minScale = halfAt(bytes, at + 2)
  for (let j = 0; j < 8; j++) {
    const d = f32(scale * scaleOf(bytes, at + 4, j))
    const m = f32(minScale * minOf(bytes, at + 4, j))
    const from = at + 16 + (j >> 1) * 32
    const shift = (j & 1) * 4
    for (let i = 0; i < 32; i++) out[to + j * 32 + i] = f32(d * ((bytes[from + i] >> shift) & 15)) - m
  }
}

const readQ5K: BlockReader = (bytes, at, out, to) => {
  const scale = halfAt(bytes, at)
  const minScale = halfAt(bytes, at + 2)
  for (let j = 0; j < 8; j++) {
    const d = f32(scale * scaleOf(bytes, at + 4, j))
    const m = f32(minScale * minOf(bytes, at + 4, j))
    const from = at + 48 + (j >> 1) * 32
    const shift = (j & 1) * 4
    for (let i = 0; i < 32; i++) {
      const value = ((bytes[from + i] >> shift) & 15) | (((bytes[at + 16 + i] >> j) & 1) << 4)
      out[to + j * 32 + i] = f32(d * value) - m
    }
  }
}

const readQ6K: BlockReader = (bytes, at, out, to) => {
  const scale = halfAt(bytes, at + 208)
  for (let sub = 0; sub < 8; sub++) {
    // Halves of 128 values; in a half, four runs of 32 share 64 low bytes and 32 bytes of high bit pairs.
    const run = sub & 3
    const low = at + (sub >> 2) * 64 + (run & 1) * 32
    const high = at + 128 + (sub >> 2) * 32
    const scales = at + 192 + sub * 2
    for (let i = 0; i < 32; i++) {
      const value = ((bytes[low + i] >> ((run >> 1) * 4)) & 15) | (((bytes[high + i] >> (run * 2)) & 3) << 4)
      const d = f32(scale * ((bytes[scales + (i >> 4)] << 24) >> 24))
      out[to + sub * 32 + i] = d * (value - 32)
    }
  }
}

const READERS: Record<GgmlType, BlockReader> = {
  F32: readF32,
  F16: (bytes, at, out, to) => {
    out[to] = halfAt(bytes, at)
  },
  BF16: readBF16,
  Q4_0: readQ40,
  Q4_1: readQ41,
  Q5_0: readQ50,
  Q5_1: readQ51,
  Q8_0: readQ80,
  Q4_K: readQ4K,
  Q5_K: readQ5K,
  Q6_K: readQ6K,
}

/** Bytes that hold `elements` values, which must be whole blocks. */
export function ggmlBytes(type: GgmlType, elements: number): number {
  const [block, bytes] = GGML_TYPES[type]
  return (elements / block) * bytes
}

/** The values of whole blocks, as f32 [elements]. `bytes` has `ggmlBytes(type, elements)` bytes. */
export function dequantise(type: GgmlType, bytes: Uint8Array, elements: number): Float32Array<ArrayBuffer> {
  const out = new Float32Array(elements)
  const [block, size] = GGML_TYPES[type]
  const read = READERS[type]
  for (let at = 0, to = 0; to < elements; at += size, to += block) read(bytes, at, out, to)
  return out
}
