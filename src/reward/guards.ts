// Guards of the reward (docs/method.md §6): what a profile loses for length, for copied text, and for saying nothing.
import { longestCopiedNgram } from '../util/copied-words.ts'
import type { GuardConfig } from './config.ts'

/** True where a profile holds no letter and no digit. */
export function isEmptyProfile(text: string): boolean {
  return !/[\p{L}\p{N}]/u.test(text)
}

/** R_len: 0 up to T tokens, then λ·(tokens − T)/T, at most the cap. */
export function lengthPenalty(
  tokens: number,
  config: Pick<GuardConfig, 'lengthBudget' | 'lengthPenalty' | 'lengthCap'>,
): number {
  const excess = Math.max(0, tokens - config.lengthBudget) / config.lengthBudget
  return Math.min(config.lengthCap, config.lengthPenalty * excess)
}

/** 0 up to N = maxCopiedNgram copied words in one piece, then copyPenalty·(words − N)/N, at most the cap. */
export function copiedPenalty(
  profile: string,
  history: readonly string[],
  config: Pick<GuardConfig, 'maxCopiedNgram' | 'copyPenalty' | 'copyCap'>,
): number {
  const excess = Math.max(0, longestCopiedNgram(profile, history) - config.maxCopiedNgram) / config.maxCopiedNgram
  return Math.min(config.copyCap, config.copyPenalty * excess)
}
