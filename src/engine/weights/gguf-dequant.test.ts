// Dequantisation against the values that the reference Python package `gguf` gives for the same random blocks
// (scripts/golden/gguf_blocks.py).
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { GGML_TYPES, type GgmlType } from './gguf.ts'
import { dequantise, ggmlBytes } from './gguf-dequant.ts'

const golden: { type: GgmlType; bytes: string; floats: string }[] = JSON.parse(
  readFileSync(new URL('gguf-dequant.golden.json', import.meta.url), 'utf8'),
)

test('every readable type has golden values', () => {
  expect(golden.map(({ type }) => type).sort()).toEqual(Object.keys(GGML_TYPES).sort())
})

test.each(golden)('$type equals the reference bit for bit', ({ type, bytes, floats }) => {
  const raw = new Uint8Array(Buffer.from(bytes, 'base64'))
  const wanted = new Float32Array(new Uint8Array(Buffer.from(floats, 'base64')).buffer)
  expect(ggmlBytes(type, wanted.length)).toBe(raw.length)
  const values = new Float32Array(wanted.length)
  dequantise(type, raw, values)
  expect(values).toEqual(wanted)
})
