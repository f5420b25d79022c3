// The token budget of a judge's model: a prompt that cannot fit is named.
import type { LanguageModel } from '../model/contract.ts'
import { BumpError } from '../util/errors.ts'

/** Throws BumpError where a judge's prompt with its answer is longer than the model's context. */
export function checkFits(model: LanguageModel, tokens: number): void {
  if (tokens <= model.info.contextLength) return
  throw new BumpError(
    'context-exceeded',
    `the judge needs ${tokens} tokens for one prompt, but ${model.info.name} holds ${model.info.contextLength}: ` +
      'lower maxProfileTokens, maxInteractionTokens or the number of negatives, or use the likelihood scorer',
  )
}
