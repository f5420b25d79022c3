// The generator's input: as much of a user's recent history as the token budget allows, in the prompt's form.

import type { Interaction } from '../logs/types.ts'
import type { ChatMessage, Tokenizer } from '../model/contract.ts'
import { cutText } from '../model/cut.ts'
import { redact } from '../safety/redact.ts'
import { type PromptWording, profilePrompt } from './prompt.ts'

/** How the generator's prompt is made: its words and its token budgets. */
export interface PromptBudget extends PromptWording {
  /** Upper bound of the tokens of all listed interactions together. */
  historyTokens: number
  /** Longer interactions are cut to this many tokens. */
  interactionTokens: number
  /** Personal data is taken out of the interactions before the generator reads them. */
  redact?: boolean
}

export interface ProfilePrompt {
  messages: ChatMessage[]
  /** Ids of these under the model's chat template, ready for the profile. */
  tokens: number[]
  /** The interactions shown, oldest first, as they stand in the prompt. */
  texts: string[]
  /** Which of the history they are. */
  indices: number[]
}

// Bounds the work on absurdly long interactions: what stands beyond so many characters a token is not looked at.
const CHARACTERS_PER_TOKEN = 32

/**
 * Prompt for the profile of a user: the most recent interactions that fit the budget, oldest first. White space in an
 * interaction is one space, so that each is one line. Interactions without text are skipped. With `previous`, a profile
 * that is to be rewritten, `history` is what is new; the profile does not count for the budget.
 */
export function buildProfilePrompt(
  history: readonly Pick<Interaction, 'text'>[],
  tokenizer: Tokenizer,
  budget: PromptBudget,
  previous?: string,
): ProfilePrompt {
  const texts: string[] = []
  const indices: number[] = []
  let left = budget.historyTokens
  for (let i = history.length - 1; i >= 0; i--) {
    const cost = (text: string): number => tokenizer.encode(`- ${text}\n`).length
    const text = cut(history[i].text, tokenizer, budget.interactionTokens, budget.redact)
    if (text === '') continue
    const tokens = cost(text)
    if (tokens > left) {
      // A budget below one interaction still shows a part of it.
      if (texts.length === 0) {
        texts.push(cut(text, tokenizer, Math.max(1, left - cost(''))))
        indices.push(i)
      }
      break
    }
    texts.push(text)
    indices.push(i)
    left -= tokens
  }
  texts.reverse()
  indices.reverse()
  const messages = profilePrompt(texts, budget, previous)
  return { messages, tokens: tokenizer.chat(messages), texts, indices }
}

/** The first `limit` tokens of a text on one line; `redacted` before it is cut, or half an address would stay. */
function cut(text: string, tokenizer: Tokenizer, limit: number, redacted = false): string {
  const line = text
    .slice(0, limit * CHARACTERS_PER_TOKEN)
    .replace(/\s+/g, ' ')
    .trim()
  return cutText(tokenizer, redacted ? redact(line).text : line, limit).trim()
}
