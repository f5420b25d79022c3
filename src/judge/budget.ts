// Token budgets of the judge: texts are cut before they are read, and a prompt that cannot fit is named.
import type { LanguageModel, Tokenizer } from '../model/contract.ts'
import { BumpError } from '../util/errors.ts'

/** The text, cut to its first `maxTokens` tokens; a character that the cut splits is left out. */
export function truncateText(tokenizer: Tokenizer, text: string, maxTokens: number): string {
  const tokens = tokenizer.encode(text)
  if (tokens.length <= maxTokens) return text
  return tokenizer.decode(tokens.slice(0, maxTokens)).replace(/\uFFFD+$/, '')
}

/** Throws BumpError where a judge's prompt with its answer is longer than the model's context. */
export function checkFits(model: LanguageModel, tokens: number): void {
  if (tokens <= model.info.contextLength) return
  throw new BumpError(
    'context-exceeded',
    `the judge needs ${tokens} tokens for one prompt, but ${model.info.name} holds ${model.info.contextLength}: ` +
      'lower maxProfileTokens, maxInteractionTokens or the number of negatives, or use the likelihood scorer',
  )
}
