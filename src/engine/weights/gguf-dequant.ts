// Turns blocks of ggml's quantised types into floats, with the arithmetic of llama.cpp's dequantize_row_*.
// Every type has the same form: a block of `elements` values in `bytes` bytes, independent of other blocks.
import { GGML_TYPES, type GgmlType } from './gguf.ts'
import { bfloatToFloats, halfTable, halfToFloats } from './half.ts'

/** Writes one block: `at` is its first byte, `to` the place of its first value. */
type BlockReader = (bytes: Uint8Array, at: number, out: Float32Array, to: number) => void

const half = halfTable()
const halfAt = (bytes: Uint8Array, at: number) => half[bytes[at] | (bytes[at + 1] << 8)]

/** Products are rounded to f32 before a minimum is subtracted, as llama.cpp does; all else stays f32 for speed. */
const f32 = Math.fround

const readQ40: BlockReader = (bytes, at, out, to) => {
  const scale = halfAt(bytes, at)
  for (let i = 0; i < 16; i++) {
    const pair = bytes[at + 2 + i]
    out[to + i] = f32(((pair & 15) - 8) * scale)
    out[to + 16 + i] = f32(((pair >> 4) - 8) * scale)
  }
}

const readQ41: BlockReader = (bytes, at, out, to) => {
  const scale = halfAt(bytes, at)
  const min = halfAt(bytes, at + 2)
  for (let i = 0; i < 16; i++) {
    const pair = bytes[at + 4 + i]
    out[to + i] = f32(f32((pair & 15) * scale) + min)
    out[to + 16 + i] = f32(f32((pair >> 4) * scale) + min)
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
    out[to + i] = f32((((pair & 15) | (((high >>> i) & 1) << 4)) - 16) * scale)
    out[to + 16 + i] = f32((((pair >> 4) | (((high >>> (i + 16)) & 1) << 4)) - 16) * scale)
  }
}

const readQ51: BlockReader = (bytes, at, out, to) => {
  const scale = halfAt(bytes, at)
  const min = halfAt(bytes, at + 2)
  const high = wordAt(bytes, at + 4)
  for (let i = 0; i < 16; i++) {
    const pair = bytes[at + 8 + i]
    out[to + i] = f32(f32(((pair & 15) | (((high >>> i) & 1) << 4)) * scale) + min)
    out[to + 16 + i] = f32(f32(((pair >> 4) | (((high >>> (i + 16)) & 1) << 4)) * scale) + min)
  }
}

const readQ80: BlockReader = (bytes, at, out, to) => {
  const scale = halfAt(bytes, at)
  for (let i = 0; i < 32; i++) out[to + i] = f32(((bytes[at + 2 + i] << 24) >> 24) * scale)
}

/** 6-bit scale of sub-block j (of 8) of a Q4_K or Q5_K block whose 12 packed bytes begin at `at`. */
const scaleOf = (bytes: Uint8Array, at: number, j: number) =>
  j < 4 ? bytes[at + j] & 63 : (bytes[at + j + 4] & 15) | ((bytes[at + j - 4] >> 6) << 4)

/** 6-bit minimum of sub-block j. */
const minOf = (bytes: Uint8Array, at: number, j: number) =>
  j < 4 ? bytes[at + j + 4] & 63 : (bytes[at + j + 4] >> 4) | ((bytes[at + j] >> 6) << 4)

// Two sub-blocks share their bytes: one has the low half of each, the next the high one.
const readQ4K: BlockReader = (bytes, at, out, to) => {
  const scale = halfAt(bytes, at)
  const minScale = halfAt(bytes, at + 2)
  for (let j = 0; j < 8; j += 2) {
    const d = f32(scale * scaleOf(bytes, at + 4, j))
    const m = f32(minScale * minOf(bytes, at + 4, j))
    const nextD = f32(scale * scaleOf(bytes, at + 4, j + 1))
    const nextM = f32(minScale * minOf(bytes, at + 4, j + 1))
    const from = at + 16 + j * 16
    const sub = to + j * 32
    for (let i = 0; i < 32; i++) {
      const pair = bytes[from + i]
      out[sub + i] = f32(f32(d * (pair & 15)) - m)
      out[sub + 32 + i] = f32(f32(nextD * (pair >> 4)) - nextM)
    }
  }
}

const readQ5K: BlockReader = (bytes, at, out, to) => {
  const scale = halfAt(bytes, at)
  const minScale = halfAt(bytes, at + 2)
  for (let j = 0; j < 8; j += 2) {
    const d = f32(scale * scaleOf(bytes, at + 4, j))
    const m = f32(minScale * minOf(bytes, at + 4, j))
    const nextD = f32(scale * scaleOf(bytes, at + 4, j + 1))
    const nextM = f32(minScale * minOf(bytes, at + 4, j + 1))
    const from = at + 48 + j * 16
    const sub = to + j * 32
    for (let i = 0; i < 32; i++) {
      const pair = bytes[from + i]
      const high = bytes[at + 16 + i] >> j
      out[sub + i] = f32(f32(d * ((pair & 15) | ((high & 1) << 4))) - m)
      out[sub + 32 + i] = f32(f32(nextD * ((pair >> 4) | ((high & 2) << 3))) - nextM)
    }
  }
}

const readQ6K: BlockReader = (bytes, at, out, to) => {
  const scale = halfAt(bytes, at + 208)
  // Runs of 16 values with a scale each. In a half of 128, four runs of 32 share 64 low bytes and 32 of high bit pairs.
  for (let run = 0; run < 16; run++) {
    const d = f32(scale * ((bytes[at + 192 + run] << 24) >> 24))
    const quarter = (run >> 1) & 3
    const low = at + (run >> 3) * 64 + (quarter & 1) * 32 + (run & 1) * 16
    const high = at + 128 + (run >> 3) * 32 + (run & 1) * 16
    const lowShift = (quarter >> 1) * 4
    const highShift = quarter * 2
    for (let i = 0; i < 16; i++) {
      const value = ((bytes[low + i] >> lowShift) & 15) | (((bytes[high + i] >> highShift) & 3) << 4)
      out[to + run * 16 + i] = f32(d * (value - 32))
    }
  }
}

const readQ2K: BlockReader = (bytes, at, out, to) => {
  const scale = halfAt(bytes, at + 80)
  const minScale = halfAt(bytes, at + 82)
  // Sixteen runs of 16 values, each with its scale and minimum in one byte; a half of 128 shares 32 bytes of pairs.
  for (let run = 0; run < 16; run++) {
    const packed = bytes[at + run]
    const d = f32(scale * (packed & 15))
    const m = f32(minScale * (packed >> 4))
    const from = at + 16 + (run >> 3) * 32 + (run & 1) * 16
    const shift = ((run >> 1) & 3) * 2
    for (let i = 0; i < 16; i++) out[to + run * 16 + i] = f32(d * ((bytes[from + i] >> shift) & 3)) - m
  }
}

/** Signed 6-bit scale of run `run` (of 16) of a Q3_K block whose 12 packed bytes begin at `at`. */
const signedScaleOf = (bytes: Uint8Array, at: number, run: number) => {
  const low = run < 8 ? bytes[at + run] & 15 : bytes[at + run - 8] >> 4
  return (low | (((bytes[at + 8 + (run & 3)] >> ((run >> 2) * 2)) & 3) << 4)) - 32
}

const readQ3K: BlockReader = (bytes, at, out, to) => {
  const scale = halfAt(bytes, at + 108)
  for (let run = 0; run < 16; run++) {
    const d = f32(scale * signedScaleOf(bytes, at + 96, run))
    const offset = (run & 1) * 16
    const low = at + 32 + (run >> 3) * 32 + offset
    const shift = ((run >> 1) & 3) * 2
    for (let i = 0; i < 16; i++) {
      // The third bit is stored inverted: where it is missing, 4 is taken away.
      const missing = ((bytes[at + offset + i] >> (run >> 1)) & 1) === 0 ? 4 : 0
      out[to + run * 16 + i] = d * (((bytes[low + i] >> shift) & 3) - missing)
    }
  }
}

/** What the sixteen 4-bit codes of the non-linear types stand for. */
const IQ4_VALUES = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113]

const readIQ4NL: BlockReader = (bytes, at, out, to) => {
  const scale = halfAt(bytes, at)
  for (let i = 0; i < 16; i++) {
    const pair = bytes[at + 2 + i]
    out[to + i] = scale * IQ4_VALUES[pair & 15]
    out[to + 16 + i] = scale * IQ4_VALUES[pair >> 4]
  }
}

const readIQ4XS: BlockReader = (bytes, at, out, to) => {
  const scale = halfAt(bytes, at)
  const high = bytes[at + 2] | (bytes[at + 3] << 8)
  for (let sub = 0; sub < 8; sub++) {
    const low = (bytes[at + 4 + (sub >> 1)] >> ((sub & 1) * 4)) & 15
    const d = f32(scale * ((low | (((high >> (sub * 2)) & 3) << 4)) - 32))
    const from = at + 8 + sub * 16
    for (let i = 0; i < 16; i++) {
      out[to + sub * 32 + i] = d * IQ4_VALUES[bytes[from + i] & 15]
      out[to + sub * 32 + 16 + i] = d * IQ4_VALUES[bytes[from + i] >> 4]
    }
  }
}

/** Of the types whose values come in blocks. */
const READERS: Record<Exclude<GgmlType, 'F32' | 'F16' | 'BF16'>, BlockReader> = {
  Q4_0: readQ40,
  Q4_1: readQ41,
  Q5_0: readQ50,
  Q5_1: readQ51,
  Q8_0: readQ80,
  Q2_K: readQ2K,
  Q3_K: readQ3K,
  Q4_K: readQ4K,
  Q5_K: readQ5K,
  Q6_K: readQ6K,
  IQ4_NL: readIQ4NL,
  IQ4_XS: readIQ4XS,
}

/** Bytes that hold `elements` values, which must be whole blocks. */
export function ggmlBytes(type: GgmlType, elements: number): number {
  const [block, bytes] = GGML_TYPES[type]
  return (elements / block) * bytes
}

/** Fills `out` with the values of whole blocks. `bytes` has `ggmlBytes(type, out.length)` bytes. */
export function dequantise(type: GgmlType, bytes: Uint8Array<ArrayBuffer>, out: Float32Array): void {
  if (type === 'F32') out.set(new Float32Array(bytes.buffer, bytes.byteOffset, out.length))
  else if (type === 'F16') halfToFloats(new Uint16Array(bytes.buffer, bytes.byteOffset, out.length), out)
  else if (type === 'BF16') bfloatToFloats(new Uint16Array(bytes.buffer, bytes.byteOffset, out.length), out)
  else {
    const [block, size] = GGML_TYPES[type]
    const read = READERS[type]
    for (let at = 0, to = 0; to < out.length; at += size, to += block) read(bytes, at, out, to)
  }
}
