// 16-bit floats to and from f32: Node 20 has no Float16Array.

let table: Float32Array | undefined

function halfToFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 31
  const fraction = bits & 1023
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

/** [65536] the f32 value of every IEEE half-precision bit pattern. */
export function halfTable(): Float32Array {
  table ??= Float32Array.from({ length: 65536 }, (_, bits) => halfToFloat(bits))
  return table
}

/** Fills `out` with the values of IEEE half-precision bit patterns. */
export function halfToFloats(halves: Uint16Array, out: Float32Array): void {
  const values = halfTable()
  for (let i = 0; i < out.length; i++) out[i] = values[halves[i]]
}

/** Fills `out` with the values of bfloat16 bit patterns: they are the first half of a float's bits. */
export function bfloatToFloats(bfloats: Uint16Array, out: Float32Array): void {
  const bits = new Int32Array(out.buffer, out.byteOffset, out.length)
  for (let i = 0; i < bits.length; i++) bits[i] = bfloats[i] << 16
}

const asFloat = new Float32Array(1)
const asBits = new Uint32Array(asFloat.buffer)

/** The nearest half-precision bit pattern (ties to even); beyond 65504 infinity. */
export function floatToHalf(value: number): number {
  asFloat[0] = value
  const bits = asBits[0]
  const sign = (bits >>> 16) & 0x8000
  const magnitude = bits & 0x7fffffff
  if (magnitude > 0x7f800000) return sign | 0x7e00
  if (magnitude >= 0x47800000) return sign | 0x7c00
  if (magnitude < 0x38800000) {
    // Below the smallest normal number 2^-14: multiples of 2^-24.
    const scaled = Math.abs(asFloat[0]) * 2 ** 24
    const floor = Math.floor(scaled)
    const rest = scaled - floor
    return sign | (rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor)
  }
  const rounded = magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)
  return sign | (rounded >>> 13)
}

/** The nearest bfloat16 bit pattern (ties to even). */
export function floatToBfloat(value: number): number {
  asFloat[0] = value
  const bits = asBits[0]
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff
}
