// What profiles are measured against: texts in a profile's place, and other people's profiles (docs/method.md §10).
import { buildProfilePrompt, type PromptBudget } from '../../generator/history.ts'
import { DEFAULT_WORDING } from '../../generator/prompt.ts'
import type { Interaction } from '../../logs/types.ts'
import type { Tokenizer } from '../../model/contract.ts'
import { seedFrom, shuffled } from '../../util/random.ts'

/**
 * The raw history in a profile's place: the very interactions that the generator of this prompt reads, cut alike, one a
 * line, oldest first.
 */
export function rawHistory(
  history: readonly Pick<Interaction, 'text'>[],
  tokenizer: Tokenizer,
  budget: HistoryBudget,
): string {
  const { texts } = buildProfilePrompt(history, tokenizer, { ...DEFAULT_WORDING, ...budget })
  return texts.map((text) => `- ${text}`).join('\n')
}

/** How much of a history is shown: a generator's `prompt` but for its words. */
export type HistoryBudget = Pick<PromptBudget, 'historyTokens' | 'interactionTokens' | 'redact'>

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
