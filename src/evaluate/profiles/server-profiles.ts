// Profiles by a text model, such as a large one behind an OpenAI-compatible server: the very prompt of the generator,
// with the same interactions in it.

import { cleanProfile } from '../../generator/clean.ts'
import { buildProfilePrompt, type PromptBudget } from '../../generator/history.ts'
import { profilePrompt } from '../../generator/prompt.ts'
import type { User } from '../../logs/types.ts'
import { AnswerCache, cachedAnswers } from '../../model/answers.ts'
import type { Tokenizer } from '../../model/contract.ts'
import type { TextModel } from '../../model/text-model.ts'

export interface ServerProfilesOptions {
  /** Counts the tokens of the history: that of the generator beside which the model is compared. */
  tokenizer: Tokenizer
  prompt: PromptBudget
  /** Upper bound of a profile's tokens. */
  maxTokens: number
  /** JSONL file of the answers by content. */
  cache: string
  signal?: AbortSignal
  onProgress?: (done: number, total: number) => void
}

/**
 * [user] greedy profiles, from the cache where the same model was asked the same before. Throws what `answer` throws.
 */
export async function serverProfiles(
  model: TextModel,
  users: readonly User[],
  { tokenizer, prompt, maxTokens, cache, signal, onProgress }: ServerProfilesOptions,
): Promise<string[]> {
  const prompts = users.map(({ history }) =>
    profilePrompt(buildProfilePrompt(history, tokenizer, prompt).texts, prompt),
  )
  const answers = await cachedAnswers(model, prompts, { type: 'generate', maxTokens }, new AnswerCache(cache), {
    signal,
    onProgress: (done) => onProgress?.(done.prompts, users.length),
  })
  return answers.map(cleanProfile)
}
