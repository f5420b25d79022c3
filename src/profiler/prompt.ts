// The prompt of the profile generator: a user's history in, a short free-text profile out.
import type { ChatMessage } from '../llm/contract.ts'

/** Messages that ask for a profile of the user who wrote `texts` (oldest first). The nano model is trained on this very form. */
export function profilePrompt(texts: readonly string[]): ChatMessage[] {
  const listed = texts.map((text) => `- ${text}`).join('\n')
  return [
    {
      role: 'user',
      content: `Records of one person, oldest first:\n${listed}\n\nWrite a short profile of this person: their interests, preferences and style, in at most three sentences. Write only the profile.`,
    },
  ]
}
