// A small byte-level BPE trainer. Writes the nano model's tokenizer in the Hugging Face format (tokenizer.json and
// tokenizer_config.json), which every tokenizer library reads. Encoding itself is the libraries' work.

/** Ids 0 to 3, in this order. */
export const SPECIAL_TOKENS = ['<|bos|>', '<|eos|>', '<|user|>', '<|assistant|>'] as const

/** Conversations as the nano model knows them: the role's token, then the text; an answer ends with `<|eos|>`. */
const CHAT_TEMPLATE =
  "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'assistant' %}<|assistant|>{{ message['content'] }}{{ eos_token }}{% else %}<|user|>{{ message['content'] }}{% endif %}{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"

/** GPT-2's division of text into words, as the ByteLevel pre-tokenizer applies it. */
const WORDS = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu

/** [byte] the printable character that stands for it (GPT-2's table). */
function byteCharacters(): string[] {
  const printable = (b: number) => (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || (b >= 174 && b <= 255)
  let next = 256
  return Array.from({ length: 256 }, (_, b) => String.fromCodePoint(printable(b) ? b : next++))
}

export interface BpeVocabulary {
  /** Token to id: special tokens, the 256 bytes, then the merges in order. */
  vocab: Map<string, number>
  /** Pairs in the order in which they were merged. */
  merges: [string, string][]
}

/**
 * Learns merges from texts until the vocabulary has `size` entries or nothing is left to merge: always the most
 * frequent pair, of equals the first in code-unit order.
 */
export function trainBpe(texts: Iterable<string>, size: number): BpeVocabulary {
  const bytes = byteCharacters()
  const vocab = new Map<string, number>()
  for (const token of [...SPECIAL_TOKENS, ...bytes]) vocab.set(token, vocab.size)

  const counts = new Map<string, number>()
  for (const text of texts) for (const [word] of text.matchAll(WORDS)) counts.set(word, (counts.get(word) ?? 0) + 1)
  const words = [...counts].map(([word, count]) => ({ parts: [...Buffer.from(word)].map((b) => bytes[b]), count }))

  const merges: [string, string][] = []
  while (vocab.size < size) {
    const pairs = new Map<string, number>()
    for (const { parts, count } of words)
      for (let i = 1; i < parts.length; i++) {
        const pair = `${parts[i - 1]} ${parts[i]}`
        pairs.set(pair, (pairs.get(pair) ?? 0) + count)
      }
    let best = ''
    let bestCount = 0
    for (const [pair, count] of pairs)
      if (count > bestCount || (count === bestCount && pair < best)) {
        best = pair
        bestCount = count
      }
    if (bestCount === 0) break
    const [left, right] = best.split(' ')
    merges.push([left, right])
    vocab.set(left + right, vocab.size)
    for (const word of words) word.parts = mergePair(word.parts, left, right)
  }
  return { vocab, merges }
}

function mergePair(parts: readonly string[], left: string, right: string): string[] {
  const out: string[] = []
  for (let i = 0; i < parts.length; i++)
    if (parts[i] === left && parts[i + 1] === right) {
      out.push(left + right)
      i++
    } else out.push(parts[i])
  return out
}

/** Content of tokenizer.json. */
export function tokenizerJson({ vocab, merges }: BpeVocabulary): Record<string, unknown> {
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true }
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: SPECIAL_TOKENS.map((content, id) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: null,
    pre_tokenizer: byteLevel,
    post_processor: null,
    decoder: byteLevel,
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(vocab),
      merges: merges.map((pair) => pair.join(' ')),
    },
  }
}

/** Content of tokenizer_config.json. */
export function tokenizerConfig(contextLength: number): Record<string, unknown> {
  return {
    tokenizer_class: 'PreTrainedTokenizerFast',
    bos_token: '<|bos|>',
    eos_token: '<|eos|>',
    pad_token: '<|eos|>',
    add_bos_token: true,
    clean_up_tokenization_spaces: false,
    model_max_length: contextLength,
    chat_template: CHAT_TEMPLATE,
  }
}
