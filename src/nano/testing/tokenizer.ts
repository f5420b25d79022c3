// The nano tokenizer under the contract, for tests that need no engine: a fresh one, trained as `npm run nano` does.
import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers'
import type { Tokenizer } from '../../llm/contract.ts'
import { tokenizerConfig, tokenizerJson, trainBpe } from '../bpe.ts'
import { tokenizerTexts } from '../documents.ts'

/** The library's tokenizer over a freshly trained vocabulary. */
export function rawTokenizer(size: number): HuggingFaceTokenizer {
  const json = JSON.parse(JSON.stringify(tokenizerJson(trainBpe(tokenizerTexts(1), size))))
  return new HuggingFaceTokenizer(json, tokenizerConfig(1024))
}

/** The contract's tokenizer; conversations are one user turn. */
export function testTokenizer(size: number): Tokenizer {
  const raw = rawTokenizer(size)
  const encode = (text: string) => raw.encode(text, { add_special_tokens: false }).ids
  return {
    vocabSize: size,
    stopTokens: [1],
    bosToken: 0,
    encode,
    decode: (tokens) => raw.decode([...tokens], { skip_special_tokens: true }),
    chat: (messages) => [0, 2, ...messages.flatMap(({ content }) => encode(content)), 3],
  }
}
