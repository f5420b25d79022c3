// The prompt of the profile generator: a user's history in, a short free-text profile out.
import type { ChatMessage } from '../model/contract.ts'

/** What the generator is told around the records. */
export interface PromptWording {
  /** System message; '' sends none. */
  system: string
  /** Stands after the records and asks for the profile. */
  instruction: string
}

/**
 * Asks what the person is interested in, rather than for "a profile": small instruct models then speak of the records
 * instead of flattering everyone alike, and their own system message, which names the assistant, is replaced.
 */
export const DEFAULT_WORDING: PromptWording = {
  system: 'You summarise what a person is interested in.',
  instruction:
    'What is this person interested in, and what do they like? Name the specific topics, in one or two sentences.',
}

/** The form that the bundled nano model was pre-trained on; it knows no other. */
export const NANO_WORDING: PromptWording = {
  system: '',
  instruction:
    'Write a short profile of this person: their interests, preferences and style, in at most three sentences. Write only the profile.',
}

/** Messages that ask for a profile of the user who wrote `texts` (oldest first). */
export function profilePrompt(texts: readonly string[], wording: PromptWording): ChatMessage[] {
  const records = `Records of one person, oldest first:\n${texts.map((text) => `- ${text}`).join('\n')}`
  const ask: ChatMessage = { role: 'user', content: `${records}\n\n${wording.instruction}` }
  return wording.system === '' ? [ask] : [{ role: 'system', content: wording.system }, ask]
}
