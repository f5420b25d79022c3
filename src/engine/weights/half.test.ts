// 16-bit floats: every pattern survives the way to f32 and back, and rounding is to the nearest, ties to even.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { floatToBfloat, floatToHalf, halfTable } from './half.ts'

test('every half-precision number survives f32 and back', () => {
  const table = halfTable()
  let wrong = 0
  for (let bits = 0; bits < 65536; bits++) if (!Number.isNaN(table[bits]) && floatToHalf(table[bits]) !== bits) wrong++
  expect(wrong).toBe(0)
})

test.each([
  [1, 0x3c00],
  [1 + 2 ** -11, 0x3c00],
  [1 + 3 * 2 ** -11, 0x3c02],
  [65504, 0x7bff],
  [65519.9, 0x7bff],
  [65520, 0x7c00],
  [1e10, 0x7c00],
  [-Infinity, 0xfc00],
  [2 ** -24, 1],
  [2 ** -25, 0],
  [3 * 2 ** -25, 2],
  [NaN, 0x7e00],
])('%d is half %i', (value, bits) => expect(floatToHalf(value)).toBe(bits))

test('half rounding picks the nearest number', () => {
  const table = halfTable()
  fc.assert(
    fc.property(fc.float({ min: -65504, max: 65504, noNaN: true }), (value) => {
      const bits = floatToHalf(value)
      const error = Math.abs(table[bits] - value)
      for (const near of [bits - 1, bits + 1])
        if ((near & 0x7c00) !== 0x7c00 && near >= 0 && (near ^ bits) < 0x8000)
          expect(Math.abs(table[near] - value)).toBeGreaterThanOrEqual(error)
    }),
  )
})

test.each([
  [1, 0x3f80],
  [1 + 2 ** -8, 0x3f80],
  [1 + 3 * 2 ** -8, 0x3f82],
  [-2, 0xc000],
  [Infinity, 0x7f80],
  [NaN, 0x7fc0],
])('%d is bfloat16 %i', (value, bits) => expect(floatToBfloat(value)).toBe(bits))
