import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { openTokenizer } from '../../src/engine/tokenizer/open-tokenizer.ts'
import { NANO_WORDING, profilePrompt } from '../../src/generator/prompt.ts'
import { DOCUMENT_KINDS, drawTruth, MEDIOCRE, makeBatch, makeGroup } from './documents.ts'

const tokenizer = await openTokenizer(fileURLToPath(new URL('../../assets/nano', import.meta.url)))
const options = { population: 'training', seed: 1, mixture: MEDIOCRE, historyLength: [4, 17] } as const
const text = (tokens: readonly number[]) => tokenizer.decode(tokens)

describe('training documents', () => {
  it('follow the profile prompt with profiles that end', () => {
    const { prompt, completions } = makeGroup('profile', tokenizer, 4, 1, options)
    expect(text(prompt)).toContain('Records of one person, oldest first:\n- ')
    const lines = text(prompt)
      .split('\n')
      .filter((line) => line.startsWith('- '))
      .map((line) => line.slice(2))
    expect(prompt).toEqual(tokenizer.chat(profilePrompt(lines, NANO_WORDING)))
    expect(completions).toHaveLength(4)
    for (const { tokens } of completions) {
      expect(tokens[tokens.length - 1]).toBe(tokenizer.stopTokens[0])
      expect(text(tokens)).toMatch(/^(Keen on|Mostly into|A fan of|Spends free time on|Enjoys) .*\. Prefers .*\.$/)
      expect(tokens.length).toBeLessThanOrEqual(64)
    }
  })

  it('follow the judge prefixes with records, and learn those alone', () => {
    const conditional = makeGroup('likelihood', tokenizer, 6, 2, options)
    expect(text(conditional.prompt)).toMatch(/^Profile of a person: .*\n\nA record of this person:$/)
    const history = makeGroup('history', tokenizer, 4, 2, options)
    expect(text(history.prompt)).toMatch(/^Profile of a person: .*\n.*\n[\s\S]*A record of this person:$/)
    const unconditional = makeGroup('unconditional', tokenizer, 24, 2, options)
    expect(text(unconditional.prompt)).toBe('A record of a person:')
    for (const { prompt, completions } of [conditional, history, unconditional]) {
      expect(prompt[0]).toBe(tokenizer.bosToken)
      for (const { tokens } of completions) {
        expect(text(tokens)).toMatch(/^ [A-Z].*\.$/)
        expect(tokens[tokens.length - 1]).toBe(tokenizer.stopTokens[0])
        expect(tokens.filter((token) => tokenizer.stopTokens.includes(token))).toHaveLength(1)
      }
    }
    // A held-out record never stands in the history that it is to be told from.
    for (const { tokens } of history.completions) expect(text(history.prompt)).not.toContain(text(tokens).trim())
  })

  it('learn whole documents from their first token', () => {
    const { prompt, completions } = makeGroup('whole', tokenizer, 1, 3, options)
    expect(prompt).toEqual([tokenizer.bosToken])
    expect(text(completions[0].tokens)).toContain('Records of one person')
  })

  it('make batches of every kind whose weights sum to 1, determined by the seed', () => {
    const batch = makeBatch(tokenizer, 5, options)
    expect(batch.map(({ kind }) => kind)).toEqual(DOCUMENT_KINDS)
    let sum = 0
    for (const { completions } of batch.flatMap(({ groups }) => groups))
      for (const { tokens, weights } of completions) {
        expect(weights).toHaveLength(tokens.length)
        for (const weight of weights) {
          expect(weight).toBeGreaterThan(0)
          sum += weight
        }
      }
    expect(sum).toBeCloseTo(1, 3)
    expect(makeBatch(tokenizer, 5, options)).toEqual(batch)
    expect(makeBatch(tokenizer, 6, options)).not.toEqual(batch)
  })

  it('draw the truth by the mixture', () => {
    const drawn = Array.from({ length: 1000 }, (_, i) => drawTruth(MEDIOCRE, i / 1000))
    for (const [truth, share] of Object.entries(MEDIOCRE))
      expect(drawn.filter((one) => one === truth).length / 1000).toBeCloseTo(share, 2)
  })
})
