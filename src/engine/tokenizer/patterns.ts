// The regular expressions that published tokenizers split words by, and how those of other files are told from them:
// these take time in proportion to a text, of others nobody knows.
import type { TokenizerJson } from './types.ts'

/** GPT-2's split into words, numbers, punctuation and white space. */
export const GPT2_PATTERN = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"
export const LLAMA3_PATTERN =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
export const QWEN2_PATTERN = LLAMA3_PATTERN.replace('\\p{N}{1,3}', '\\p{N}')
const CAPITALISED = '[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+'
const CAPITALS = '[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*'
const REST = ' ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+'
/** Mistral's newer tokenizers: words end where capitals begin, digits stand alone. */
export const TEKKEN_PATTERN = `${CAPITALISED}|${CAPITALS}|\\p{N}|${REST}`
const CONTRACTION = "(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
/** OpenAI's o200k, which Phi-4-mini has. */
export const O200K_PATTERN = `${CAPITALISED}${CONTRACTION}|${CAPITALS}${CONTRACTION}|\\p{N}{1,3}|${REST}`
export const PUNCTUATION_PATTERN = '[\\p{P}\\$\\+<=>\\^~\\|]+'

const KNOWN = new Set([
  GPT2_PATTERN,
  LLAMA3_PATTERN,
  QWEN2_PATTERN,
  TEKKEN_PATTERN,
  O200K_PATTERN,
  PUNCTUATION_PATTERN,
  '\\p{N}',
  '\\p{N}+',
  '\\p{N}{1,3}',
  '[0-9][0-9][0-9]',
])

/** Whether texts are run through regular expressions of the file that are not known to be quick. */
export function hasOwnPatterns({ normalizer, pre_tokenizer, decoder }: TokenizerJson): boolean {
  const own = (part: unknown): boolean =>
    typeof part === 'object' &&
    part !== null &&
    Object.entries(part).some(([key, value]) =>
      key === 'Regex' && typeof value === 'string' ? !KNOWN.has(value) : own(value),
    )
  return [normalizer, pre_tokenizer, decoder].some(own)
}
