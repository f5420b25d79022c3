// A text cut to a number of tokens: by the judge, by the generator's history and by prompts of a task.
import type { Tokenizer } from './contract.ts'

/** The first `maxTokens` tokens of a text. A character whose bytes the cut would split is left out. */
export function cutText(tokenizer: Tokenizer, text: string, maxTokens: number): string {
  const tokens = tokenizer.encode(text)
  if (tokens.length <= maxTokens) return text
  // What is left of a split character decodes to U+FFFD.
  return tokenizer.decode(tokens.slice(0, maxTokens)).replace(/\uFFFD+$/, '')
}
