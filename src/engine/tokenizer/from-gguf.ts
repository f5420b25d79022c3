// Reads the tokenizer out of a GGUF file's metadata and writes it as a tokenizer.json. Next: text-tokenizer.ts.
// Byte-level BPE ("gpt2") has its merges in the file; SentencePiece ("llama") has scores, from which merges follow.
import { BumpError } from '../../util/errors.ts'
import type { GgufValue } from '../weights/gguf.ts'
import { openGguf } from '../weights/gguf-shards.ts'
import {
  GPT2_PATTERN,
  LLAMA3_PATTERN,
  O200K_PATTERN,
  PUNCTUATION_PATTERN,
  QWEN2_PATTERN,
  TEKKEN_PATTERN,
} from './patterns.ts'

import { checkLengths, checkRows, checkTokenizerJson, isolate } from './tokenizer-json.ts'
import type { AddedToken, Component, TokenizerSource } from './types.ts'

interface PreTokenizer {
  names: string[]
  /** Applied one after the other, each to the pieces of the one before. */
  patterns: string[]
  nfc?: boolean
  /** A word that is a token is not merged from its letters. */
  wholeWords?: boolean
  addBos?: boolean
}

/** What the names in `tokenizer.ggml.pre` stand for (llama.cpp's list, as far as the supported families need it). */
const PRE_TOKENIZERS: PreTokenizer[] = [
  { names: ['llama-bpe', 'llama3', 'llama-v3'], patterns: [LLAMA3_PATTERN], wholeWords: true, addBos: true },
  { names: ['dbrx', 'smaug-bpe'], patterns: [LLAMA3_PATTERN] },
  { names: ['tekken'], patterns: [TEKKEN_PATTERN], wholeWords: true, addBos: true },
  { names: ['gpt-4o'], patterns: [O200K_PATTERN] },
  { names: ['qwen2', 'deepseek-r1-qwen'], patterns: [QWEN2_PATTERN], nfc: true },
  { names: ['smollm', 'starcoder', 'refact', 'command-r'], patterns: ['\\p{N}', GPT2_PATTERN] },
  { names: ['gpt-2'], patterns: [GPT2_PATTERN] },
  { names: ['default'], patterns: [PUNCTUATION_PATTERN, GPT2_PATTERN, '\\p{N}+', '[0-9][0-9][0-9]'] },
]

/** Values of `tokenizer.ggml.token_type`. */
const UNKNOWN = 2
const CONTROL = 3
const USER_DEFINED = 4

/**
 * The tokenizer in a GGUF file.
 * @throws BumpError for a file without a tokenizer, a kind of tokenizer that is not supported, or damaged metadata.
 */
export function tokenizerFromGguf(file: string): TokenizerSource {
  const gguf = openGguf(file)
  gguf.close()
  const metadata = new GgufTokens(file, gguf.metadata)
  const kind = metadata.text('tokenizer.ggml.model')
  if (kind === undefined)
    throw new BumpError(
      'model-unusable',
      `${file}: has no tokenizer (tokenizer.ggml.model). Convert the model again, with its tokenizer.`,
    )
  if (kind !== 'gpt2' && kind !== 'llama')
    throw new BumpError(
      'model-unusable',
      `${file}: the tokenizer is of the kind ${JSON.stringify(kind)}; "gpt2" (BPE) and "llama" (SentencePiece) are ` +
        'supported. Choose a model of a family that the README lists.',
    )
  const tokens = metadata.texts('tokenizer.ggml.tokens')
  if (!tokens)
    throw new BumpError(
      'model-unusable',
      `${file}: has no tokenizer.ggml.tokens. Convert the model again, with its tokenizer.`,
    )
  checkLengths(tokens, file)
  const types = metadata.numbers('tokenizer.ggml.token_type', tokens.length) ?? tokens.map(() => 1)
  const vocab: Record<string, number> = Object.create(null)
  tokens.forEach((text, id) => {
    vocab[text] ??= id
  })
  const added = addedTokens(tokens, types, vocab)
  const { content, addBos } =
    kind === 'gpt2' ? byteLevel(metadata, vocab) : sentencePiece(metadata, tokens, types, vocab)
  const json = checkTokenizerJson({ ...content, added_tokens: added }, file)
  const rows = gguf.tensors.get('token_embd.weight')?.dims[1]
  if (rows !== undefined) checkRows(json, rows, file)
  const bos = metadata.tokenText('tokenizer.ggml.bos_token_id', tokens)
  const ends = ['eos', 'eot', 'eom'].map((name) => metadata.get(`tokenizer.ggml.${name}_token_id`))
  return {
    file,
    json,
    bos,
    eos: metadata.tokenText('tokenizer.ggml.eos_token_id', tokens),
    addBos: bos !== undefined && (metadata.flag('tokenizer.ggml.add_bos_token') ?? addBos),
    eosIds: ends.filter((id): id is number => typeof id === 'number'),
    chatTemplate: metadata.text('tokenizer.chat_template'),
    chatTemplateFile: file,
  }
}

function addedTokens(tokens: string[], types: number[], vocab: Record<string, number>): AddedToken[] {
  const added: AddedToken[] = []
  tokens.forEach((content, id) => {
    const special = types[id] === CONTROL || types[id] === UNKNOWN
    if ((special || types[id] === USER_DEFINED) && content !== '' && vocab[content] === id)
      added.push({ id, content, special, normalized: false })
  })
  return added
}

interface Synthesised {
  content: { model: Component; normalizer: unknown; pre_tokenizer: unknown; decoder: unknown }
  /** Whether a file that does not say so puts the beginning-of-sequence token before a text. */
  addBos: boolean
}

function byteLevel(metadata: GgufTokens, vocab: Record<string, number>): Synthesised {
  const name = metadata.text('tokenizer.ggml.pre') ?? 'default'
  const pre = PRE_TOKENIZERS.find((p) => p.names.includes(name))
  if (!pre)
    throw new BumpError(
      'model-unusable',
      `${metadata.file}: the pre-tokenizer ${JSON.stringify(name)} (tokenizer.ggml.pre) is not known; ` +
        `${PRE_TOKENIZERS.flatMap((p) => p.names).join(', ')} are. Use the model's Hugging Face folder instead.`,
    )
  const merges = metadata.texts('tokenizer.ggml.merges')
  if (!merges)
    throw new BumpError('model-unusable', `${metadata.file}: has no tokenizer.ggml.merges. Convert the model again.`)
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false }
  return {
    content: {
      model: { type: 'BPE', vocab, merges, ignore_merges: pre.wholeWords === true },
      normalizer: pre.nfc ? { type: 'NFC' } : null,
      pre_tokenizer: { type: 'Sequence', pretokenizers: [...pre.patterns.map(isolate), byteLevel] },
      decoder: byteLevel,
    },
    addBos: pre.addBos === true,
  }
}

function sentencePiece(
  metadata: GgufTokens,
  tokens: string[],
  types: number[],
  vocab: Record<string, number>,
): Synthesised {
  const scores = metadata.numbers('tokenizer.ggml.scores', tokens.length)
  if (!scores)
    throw new BumpError('model-unusable', `${metadata.file}: has no tokenizer.ggml.scores. Convert the model again.`)
  const prefix = metadata.flag('tokenizer.ggml.add_space_prefix') ?? true
  const spaces = { type: 'Replace', pattern: { String: ' ' }, content: '▁' }
  const unknown = types.indexOf(UNKNOWN)
  return {
    content: {
      model: {
        type: 'BPE',
        vocab,
        merges: mergesFromScores(tokens, types, scores, vocab),
        unk_token: unknown < 0 ? undefined : tokens[unknown],
        fuse_unk: true,
        byte_fallback: true,
      },
      normalizer: { type: 'Sequence', normalizers: prefix ? [{ type: 'Prepend', prepend: '▁' }, spaces] : [spaces] },
      pre_tokenizer: null,
      decoder: {
        type: 'Sequence',
        decoders: [
          { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
          { type: 'ByteFallback' },
          { type: 'Fuse' },
          ...(prefix ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : []),
        ],
      },
    },
    addBos: true,
  }
}

/** Every way to make a token from two others, the best scored token first: what SentencePiece merges, in its order. */
function mergesFromScores(
  tokens: string[],
  types: number[],
  scores: number[],
  vocab: Record<string, number>,
): [string, string][] {
  const isText = (id: number | undefined) => id !== undefined && types[id] !== CONTROL && types[id] !== UNKNOWN
  const merges: { pair: [string, string]; score: number; left: number; right: number }[] = []
  tokens.forEach((token, id) => {
    if (!isText(id) || vocab[token] !== id) return
    let n = 0
    for (const letter of token) {
      n += letter.length
      if (n === token.length) break
      const pair: [string, string] = [token.slice(0, n), token.slice(n)]
      const [left, right] = [vocab[pair[0]], vocab[pair[1]]]
      if (isText(left) && isText(right)) merges.push({ pair, score: scores[id], left, right })
    }
  })
  return merges.sort((a, b) => b.score - a.score || a.left - b.left || a.right - b.right).map((m) => m.pair)
}

/** Typed look-ups in the metadata; a value of the wrong type is a BumpError. */
class GgufTokens {
  constructor(
    readonly file: string,
    private readonly metadata: Map<string, GgufValue>,
  ) {}

  get(key: string): GgufValue | undefined {
    return this.metadata.get(key)
  }

  text(key: string): string | undefined {
    const value = this.get(key)
    if (value === undefined || typeof value === 'string') return value
    throw this.wrong(key, 'a text')
  }

  flag(key: string): boolean | undefined {
    const value = this.get(key)
    if (value === undefined || typeof value === 'boolean') return value
    throw this.wrong(key, 'a truth value')
  }

  texts(key: string): string[] | undefined {
    const value = this.get(key)
    if (value === undefined) return undefined
    if (Array.isArray(value) && value.every((v): v is string => typeof v === 'string')) return value
    throw this.wrong(key, 'a list of texts')
  }

  numbers(key: string, length: number): number[] | undefined {
    const value = this.get(key)
    if (value === undefined) return undefined
    if (Array.isArray(value) && value.length === length && value.every((v): v is number => typeof v === 'number'))
      return value
    throw this.wrong(key, `a list of ${length} numbers, one a token`)
  }

  /** Text of the token whose id stands under the key. */
  tokenText(key: string, tokens: string[]): string | undefined {
    const id = this.get(key)
    if (id === undefined) return undefined
    if (typeof id === 'number' && tokens[id] !== undefined) return tokens[id]
    throw this.wrong(key, `an id below ${tokens.length}`)
  }

  private wrong(key: string, wanted: string): BumpError {
    return new BumpError(
      'model-unusable',
      `${this.file}: metadata ${key} is not ${wanted}. Download or convert the model again.`,
    )
  }
}
