// Ids against those of Hugging Face's tokenizers and of SentencePiece (scripts/golden/tokenizer_ids.py), from folders
// and from GGUF files. With BUMP_TEST_GGUF naming SmolLM2-135M-Instruct's GGUF file, also against the real vocabulary.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import type { ChatMessage, Tokenizer } from '../../model/contract.ts'
import { openTokenizer } from './open-tokenizer.ts'

interface Golden {
  texts: { text: string; ids: number[]; decoded: string }[]
  chats?: { messages: ChatMessage[]; ids: number[] }[]
}

const path = (name: string) => fileURLToPath(new URL(`../golden/${name}`, import.meta.url))
const golden = (name: string): Golden => JSON.parse(readFileSync(path(name), 'utf8'))

const families = [
  { name: 'gpt2', stop: ['<|im_end|>', '<|endoftext|>'] },
  { name: 'llama3', stop: ['<|eot_id|>', '<|end_of_text|>', '<|eom_id|>'], bos: '<|begin_of_text|>' },
  { name: 'qwen2', stop: ['<|im_end|>', '<|endoftext|>'] },
  { name: 'tekken', stop: ['</s>'], bos: '<s>' },
  { name: 'o200k', stop: ['<|end|>', '<|endoftext|>'] },
  { name: 'gemma', stop: ['<eos>', '<end_of_turn>'], bos: '<bos>' },
  { name: 'mistral', stop: ['</s>'], bos: '<s>', folderOnly: true },
]
const sources = families.flatMap(({ name, stop, bos, folderOnly }) =>
  ['', '/tokenizer.gguf']
    .filter((file) => file === '' || !folderOnly)
    .map((file) => ({ where: `tokenizer-${name}${file}`, expected: `tokenizer-${name}/expected.json`, stop, bos })),
)

function checkAgainst(expected: Golden, tokenizer: () => Tokenizer): void {
  it.each(expected.texts)('encodes $text', ({ text, ids }) => {
    expect(tokenizer().encode(text)).toEqual(ids)
  })
  it.each(expected.texts)('decodes $text', ({ ids, decoded }) => {
    expect(tokenizer().decode(ids)).toBe(decoded)
  })
  it.each(expected.chats ?? [])('renders the chat $messages', ({ messages, ids }) => {
    expect(tokenizer().chat(messages)).toEqual(ids)
  })
}

describe.each(sources)('$where', ({ where, expected, stop, bos }) => {
  let tokenizer: Tokenizer
  beforeAll(async () => {
    tokenizer = await openTokenizer(path(where))
  })
  checkAgainst(golden(expected), () => tokenizer)

  it('knows where answers stop and texts begin', () => {
    const vocab = idsOfAddedTokens(where.split('/')[0])
    expect([...tokenizer.stopTokens].sort()).toEqual(stop.map((text) => vocab.get(text)).sort())
    expect(tokenizer.bosToken).toBe(bos && vocab.get(bos))
  })
})

function idsOfAddedTokens(folder: string): Map<string, number> {
  const json: { added_tokens: { id: number; content: string }[] } = JSON.parse(
    readFileSync(path(`${folder}/tokenizer.json`), 'utf8'),
  )
  return new Map(json.added_tokens.map((t) => [t.content, t.id]))
}

describe('SentencePiece in a GGUF file', () => {
  let tokenizer: Tokenizer
  beforeAll(async () => {
    tokenizer = await openTokenizer(path('tokenizer-spm/tokenizer.gguf'))
  })
  checkAgainst(golden('tokenizer-spm/expected.json'), () => tokenizer)

  it('puts a beginning before a chat without a template', () => {
    expect(tokenizer.bosToken).toBe(1)
    const ids = tokenizer.chat([
      { role: 'system', content: 'a' },
      { role: 'user', content: 'b' },
    ])
    expect(ids).toEqual([1, ...tokenizer.encode('a\n\nb')])
  })
})

const realGguf = process.env.BUMP_TEST_GGUF
describe.runIf(realGguf)('SmolLM2-135M-Instruct', () => {
  let tokenizer: Tokenizer
  beforeAll(async () => {
    tokenizer = await openTokenizer(realGguf ?? '')
  })
  checkAgainst(golden('smollm2-135m-tokens.json'), () => tokenizer)

  it('has its vocabulary', () => {
    expect(tokenizer.vocabSize).toBe(49152)
    expect(tokenizer.stopTokens).toEqual([2, 0])
    expect(tokenizer.bosToken).toBeUndefined()
  })
})
