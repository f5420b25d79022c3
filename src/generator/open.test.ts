// openGenerator() on a model that no run trained: what it refuses. Trained ones are opened in train/train.test.ts.
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { type OpenGeneratorOptions, openGenerator } from './open.ts'

const NANO = { model: fileURLToPath(new URL('../../assets/nano', import.meta.url)) }

describe('openGenerator', () => {
  it.each<[string, OpenGeneratorOptions]>([
    ['maxTokens', { maxTokens: 0 }],
    ['maxTokens', { maxTokens: 1.5 }],
    ['temperature', { temperature: -1 }],
    ['temperature', { temperature: Number.NaN }],
    ['seed', { seed: -1 }],
    ['prompt.historyTokens', { prompt: { historyTokens: -5 } }],
    ['prompt.instruction', { prompt: { instruction: '' } }],
    ['"instructions"', { prompt: { instructions: 'x' } as object }],
  ])('refuses %s without a usable value, before it opens a model', async (name, options) => {
    await expect(openGenerator({ model: './nowhere' }, options)).rejects.toMatchObject({
      code: 'invalid-options',
      message: expect.stringContaining(name),
    })
  })

  it('takes options that are undefined as left out', async () => {
    const options = { maxTokens: undefined, prompt: { system: undefined } }
    await expect(openGenerator({ model: './nowhere' }, options)).rejects.toMatchObject({ code: 'model-unusable' })
  })

  it('opens nothing where the signal has aborted before', async () => {
    const opened = openGenerator({ model: './nowhere' }, { signal: AbortSignal.abort() })
    await expect(opened).rejects.toMatchObject({ code: 'cancelled' })
  })

  it('writes no profile of nobody', async () => {
    const generator = await openGenerator(NANO, { threads: 1, maxTokens: 8 })
    try {
      for (const history of [[], ['', ' \n']])
        await expect(generator.write(history)).rejects.toMatchObject({ code: 'invalid-options' })
      const users = [
        { id: 'a', history: ['beans on a trellis'] },
        { id: 'b', history: [] },
      ]
      await expect(generator.writeAll(users)).rejects.toThrow('of user b')
      expect(await generator.writeAll([])).toEqual([])
    } finally {
      await generator.close()
    }
  })

  it('takes out of a profile what must not be said, if it is asked to', async () => {
    const generator = await openGenerator(NANO, { threads: 1, maxTokens: 8 })
    try {
      const history = ['beans on a trellis']
      const { profile } = await generator.write(history)
      const word = /\p{L}{3,}/u.exec(profile)?.[0] ?? ''
      const { profile: said } = await generator.write(history, { redact: { deny: [word] } })
      expect(said).not.toContain(word)
      expect(said).toContain('[withheld]')
      expect((await generator.write(history, { redact: true })).profile).toBe(profile)
      await expect(generator.write(history, { redact: { deny: [''] } })).rejects.toThrow(/deny/)
    } finally {
      await generator.close()
    }
  })
})
