import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { openTokenizer } from '../../src/engine/tokenizer/open-tokenizer.ts'
import { configOf } from '../../src/engine/weights/open-source.ts'
import { NANO_CONFIG, parameterCount } from './init.ts'

const folder = fileURLToPath(new URL('../../assets/nano', import.meta.url))

describe('the bundled nano model', () => {
  it('is small', () => {
    const bytes = readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0)
    expect(bytes).toBeLessThan(5_000_000)
    expect(parameterCount(configOf(folder))).toBeLessThanOrEqual(2_100_000)
  })

  it('has the shape and the tokenizer that its training gave it', async () => {
    expect(configOf(folder)).toEqual(NANO_CONFIG)
    const tokenizer = await openTokenizer(folder)
    expect(tokenizer.vocabSize).toBe(NANO_CONFIG.vocab)
    expect([tokenizer.bosToken, ...tokenizer.stopTokens]).toEqual([0, 1])
    const chat = tokenizer.chat([{ role: 'user', content: 'a <|eos|>' }])
    expect(chat).toEqual([0, 2, ...tokenizer.encode('a <|eos|>'), 3])
    expect(chat).not.toContain(1)
  })
})
