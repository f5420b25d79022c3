import { expect, it } from 'vitest'
import { TINY } from '../testing/tiny.ts'
import { defaultQuantize } from './default-quantize.ts'
import { activationLevels } from './integer-levels.ts'

const small = TINY.llama
const large = { ...small, vocab: 2e7 }

it('reads large models in 8 bits where the processor has products for that', async () => {
  const expected = (await activationLevels()) === 127 ? 'int8' : 'none'
  expect(await defaultQuantize(large, {})).toBe(expected)
  expect(await defaultQuantize(large, { trainable: { type: 'lora' }, device: 'cpu' })).toBe(expected)
})

it('reads the exact weights of small models, and where they are all trained', async () => {
  expect(await defaultQuantize(small, {})).toBe('none')
  expect(await defaultQuantize(large, { trainable: { type: 'full' } })).toBe('none')
})
