// Profiles by a text model, such as a large one behind an OpenAI-compatible server: the very prompt of the generator,
// with the same interactions in it.

import { cleanProfile } from '../../generator/clean.ts'
import { type ProfileInput, promptOf } from '../../generator/generate.ts'
import type { PromptBudget } from '../../generator/history.ts'
import { type AnswerCache, cachedAnswers } from '../../model/answers.ts'
import type { Tokenizer } from '../../model/contract.ts'
import type { TextModel } from '../../model/text-model.ts'
import { few } from '../../util/few.ts'

export interface ServerProfilesOptions {
  /**
   * Counts the tokens of the history: that of the generator beside which the model is compared, else an estimate
   * (`estimatingTokenizer`).
   */
  tokenizer: Tokenizer
  prompt: PromptBudget
  /** Upper bound of a profile's tokens. */
  maxTokens: number
  /** Of the answers by content. */
  cache: AnswerCache
  signal?: AbortSignal
  onProgress?: (done: number, total: number) => void
}

export interface ServerProfiles {
  /** [user]; undefined where the server gave none. */
  profiles: (string | undefined)[]
  /** How many of them the cache had. */
  cached: number
  /** What must be known of them, such as what the server did not take of the request. */
  notes: string[]
  /** Who has none and why, as the beginning of a note; undefined where everybody has one. */
  lacking: string | undefined
}

/** What becomes of users without a profile where profiles are compared. */
export const LEFT_OUT = 'They are left out of all conditions; the same command asks for them again.'

/**
 * Greedy profiles, from the cache where the same model was asked the same before. A user whose prompt the server cannot
 * answer has none and is asked for again the next time. Throws what `cachedAnswers` throws.
 */
export async function serverProfiles(
  model: TextModel,
  users: readonly (ProfileInput & { id: string })[],
  { tokenizer, prompt, maxTokens, cache, signal, onProgress }: ServerProfilesOptions,
): Promise<ServerProfiles> {
  const prompts = users.map((user) => promptOf(user, tokenizer, { prompt, maxTokens }).messages)
  let cached: number | undefined
  const { answers, unanswered, notes } = await cachedAnswers(model, prompts, { type: 'generate', maxTokens }, cache, {
    signal,
    onProgress(done) {
      cached ??= done.prompts
      onProgress?.(done.prompts, users.length)
    },
  })
  const missing = [...unanswered]
  return {
    profiles: answers.map((answer) => (answer === undefined ? undefined : cleanProfile(answer))),
    cached: cached ?? 0,
    notes,
    lacking:
      missing.length === 0
        ? undefined
        : `${model.name} gave no profile of ${missing.length} of ${users.length} users (${few(missing.map(([u]) => users[u].id))}: ${missing[0][1].message}).`,
  }
}
