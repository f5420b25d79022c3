import fc from 'fast-check'
import { expect, it } from 'vitest'
import { duplicateKey, normaliseText } from './normalise.ts'

it.each([
  ['  Great\n product!! ', 'great product'],
  ['“Ｇreat”', 'great'],
  ["don't stop", "don't stop"],
  ['!!!', '!!!'],
  ['👍', '👍'],
  ['', ''],
])('normalises %j', (text, normalised) => {
  expect(normaliseText(text)).toBe(normalised)
})

it('keeps a normalised text as it is', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const once = normaliseText(text)
      expect(normaliseText(once)).toBe(once)
    }),
    { numRuns: 2000 },
  )
})

it('gives near-identical texts one key, and equal texts always one', () => {
  expect(duplicateKey('Great product - it works!')).toBe(duplicateKey('great product, it works'))
  expect(duplicateKey('👍')).not.toBe(duplicateKey('👎'))
  expect(duplicateKey('part 1')).not.toBe(duplicateKey('part 2'))
})

it('takes what a pattern for both ends takes, and a long run of marks in no time', () => {
  const both = /^[\p{P}\p{S}\s]+|[\p{P}\p{S}\s]+$/gu
  for (const text of ['«a»!', '🙂 b 🙂', '𝒙+', '.c', 'd…', '!?e f.,', 'g'])
    expect(normaliseText(text)).toBe(text.normalize('NFKC').replace(both, ''))
  expect(normaliseText(`a${'['.repeat(300_000)}b`)).toHaveLength(300_002)
})
