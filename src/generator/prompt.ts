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

/**
 * Messages that ask for a profile of the user who wrote `texts` (oldest first). With `previous`, their profile so far,
 * the texts are what is new, and the profile is to be rewritten: the same question, so that a trained generator knows it.
 */
export function profilePrompt(texts: readonly string[], wording: PromptWording, previous?: string): ChatMessage[] {
  const records = texts.map((text) => `- ${text}`).join('\n')
  const known =
    previous === undefined
      ? `Records of one person, oldest first:\n${records}`
      : `What is known of one person:\n${previous}\n\nNew records of the same person, oldest first:\n${records}`
  const keep = previous === undefined ? '' : ' Keep what still holds, and add what is new.'
  const ask: ChatMessage = { role: 'user', content: `${known}\n\n${wording.instruction}${keep}` }
  return wording.system === '' ? [ask] : [{ role: 'system', content: wording.system }, ask]
}
