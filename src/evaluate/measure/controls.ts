// What profiles are measured against: texts in a profile's place, and other people's profiles (docs/method.md §10).
import { buildProfilePrompt } from '../../generator/history.ts'
import { DEFAULT_WORDING } from '../../generator/prompt.ts'
import type { Interaction } from '../../logs/types.ts'
import type { Tokenizer } from '../../model/contract.ts'
import { seedFrom, shuffled } from '../../util/random.ts'

/** How much of a history is shown: of a generator, its `prompt.historyTokens` and `prompt.interactionTokens`. */
export interface HistoryBudget {
  /** Tokens of all interactions together; the latest ones that fit are shown. */
  historyTokens: number
  /**
   * Longer interactions are cut to this many tokens. Without it they stay whole, and the latest one stands in any case.
   */
  interactionTokens?: number
}

/**
 * The raw history in a profile's place, one interaction a line, oldest first. With a generator's budget it is the very
 * interactions that the generator reads, cut alike.
 */
export function rawHistory(history: readonly Interaction[], tokenizer: Tokenizer, budget: HistoryBudget): string {
  const { historyTokens, interactionTokens } = budget
  const texts =
    interactionTokens === undefined
      ? wholeInteractions(history, tokenizer, historyTokens)
      : buildProfilePrompt(history, tokenizer, { ...DEFAULT_WORDING, historyTokens, interactionTokens }).texts
  return texts.map((text) => `- ${text}`).join('\n')
}

function wholeInteractions(history: readonly Interaction[], tokenizer: Tokenizer, maxTokens: number): string[] {
  const texts: string[] = []
  let left = maxTokens
  for (let i = history.length - 1; i >= 0; i--) {
    const text = history[i].text.trim().replace(/\s+/g, ' ')
    left -= tokenizer.encode(`- ${text}\n`).length
    if (left < 0 && texts.length > 0) break
    texts.unshift(text)
  }
  return texts
}

/** Generic text: what anyone could be called. A judge that ranks it high rewards padding. */
export const GENERIC_PROFILE =
  'A thoughtful person with many different interests who enjoys learning new things and shares honest opinions.'

/**
 * No profile: a sentence, so that every scorer reads a well-formed prompt. It is the same for all users, so forward it
 * can only show which interactions the judge finds likely of anybody, and backward all tie.
 */
export const NO_PROFILE = 'Nothing is known about this person.'

/**
 * [user] the other user by whose profile the mismatched control represents them. A judge that reads profiles must be at
 * chance there.
 */
export function mismatchedWith(users: number, seed: number): number[] {
  // The word 'donors' is part of the seed: another word would draw other users.
  return derangement(users, seedFrom('donors', seed))
}

/** [i] another index for each of `count`, every one exactly once: a single cycle through all in a seeded order. */
export function derangement(count: number, seed: number): number[] {
  const cycle = shuffled([...Array(count).keys()], seed)
  const other = new Array<number>(count)
  cycle.forEach((index, i) => {
    other[index] = cycle[(i + 1) % count]
  })
  return other
}
