import { readFileSync } from 'node:fs'
import { Tokenizer } from '@huggingface/tokenizers'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SPECIAL_TOKENS, tokenizerConfig, tokenizerJson, trainBpe } from './bpe.ts'
import { tokenizerTexts } from './documents.ts'

const json = tokenizerJson(trainBpe(tokenizerTexts(1), 2048))
const tokenizer = new Tokenizer(JSON.parse(JSON.stringify(json)), tokenizerConfig(1024))

describe('the BPE trainer', () => {
  it('gives the committed tokenizer', () => {
    const committed = readFileSync(new URL('../../assets/nano/tokenizer.json', import.meta.url), 'utf8')
    expect(JSON.parse(committed)).toEqual(JSON.parse(JSON.stringify(json)))
  })

  it('merges the most frequent pair first, of equals the first in order', () => {
    const { merges, vocab } = trainBpe(['abab abab cd cd'], SPECIAL_TOKENS.length + 256 + 3)
    expect(merges.slice(0, 3)).toEqual([
      ['a', 'b'],
      ['ab', 'ab'],
      ['c', 'd'],
    ])
    expect(vocab.get('<|eos|>')).toBe(1)
    expect(vocab.get('ab')).toBe(260)
  })

  it('stops where nothing is left to merge', () => {
    expect(trainBpe(['ab'], 5000).merges).toEqual([['a', 'b']])
  })

  it('restores any text', () => {
    const restored = (text: string) =>
      tokenizer.decode(tokenizer.encode(text, { add_special_tokens: false }).ids, { skip_special_tokens: false })
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }), (text) => {
        expect(restored(text)).toBe(text)
      }),
    )
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }), (text) => {
        expect(restored(text)).toBe(text)
      }),
    )
  })

  it('knows most words of the world as one token', () => {
    let words = 0
    let tokens = 0
    let seen = 0
    for (const text of tokenizerTexts(99)) {
      if (seen++ === 500) break
      words += text.split(/\s+/).length
      tokens += tokenizer.encode(text, { add_special_tokens: false }).ids.length
    }
    // Punctuation is a token of its own, so that more than one token a word is to be expected.
    expect(tokens / words).toBeLessThan(1.5)
  })
})
