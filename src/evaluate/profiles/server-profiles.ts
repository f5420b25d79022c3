// Profiles by a text model, such as a large one behind an OpenAI-compatible server: the very prompt of the generator,
// with the same interactions in it.

import { cleanProfile } from '../../generator/clean.ts'
import { buildProfilePrompt, type PromptBudget } from '../../generator/history.ts'
import { profilePrompt } from '../../generator/prompt.ts'
import type { User } from '../../logs/types.ts'
import { AnswerCache, cachedAnswers } from '../../model/answers.ts'
import type { Tokenizer } from '../../model/contract.ts'
import type { TextModel } from '../../model/text-model.ts'
import { few } from '../../util/few.ts'

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

export interface ServerProfiles {
  /** [user]; undefined where the server gave none. */
  profiles: (string | undefined)[]
  /** What must be known of them: who has none and why, and what the server did not take of the request. */
  notes: string[]
}

/**
 * Greedy profiles, from the cache where the same model was asked the same before. A user whose prompt the server cannot
 * answer has none and is asked for again the next time. Throws what `cachedAnswers` throws.
 */
export async function serverProfiles(
  model: TextModel,
  users: readonly User[],
  { tokenizer, prompt, maxTokens, cache, signal, onProgress }: ServerProfilesOptions,
): Promise<ServerProfiles> {
  const prompts = users.map(({ history }) =>
    profilePrompt(buildProfilePrompt(history, tokenizer, prompt).texts, prompt),
  )
  const { answers, unanswered, notes } = await cachedAnswers(
    model,
    prompts,
    { type: 'generate', maxTokens },
    new AnswerCache(cache),
    {
      signal,
      onProgress: (done) => onProgress?.(done.prompts, users.length),
    },
  )
  const missing = [...unanswered]
  const lacking =
    missing.length === 0
      ? []
      : [
          `${model.name} gave no profile of ${missing.length} of ${users.length} users (${few(missing.map(([u]) => users[u].id))}: ${missing[0][1].message}). They are left out of all conditions; the same command asks for them again.`,
        ]
  return {
    profiles: answers.map((answer) => (answer === undefined ? undefined : cleanProfile(answer))),
    notes: [...notes, ...lacking],
  }
}
