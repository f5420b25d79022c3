// The judge's prompts, laid out so that what repeats comes first. The likelihood prompts are plain text, not chat:
// any causal language model can continue them, also a tiny one. The nano model is trained on these very forms.
import type { ChatMessage } from '../model/contract.ts'

/** Text before an interaction, given the person's profile: conditional side of the likelihood scorer. */
export function likelihoodPrefix(query: string): string {
  return `Profile of a person: ${query.trim()}\n\nA record of this person: `
}

/** Text before an interaction of nobody in particular: the unconditional side of the likelihood scorer. */
export const UNCONDITIONAL_PREFIX = 'A record of a person: '

/** Answers that the pointwise scorer compares. */
export const POINTWISE_ANSWERS = ['Yes', 'No'] as const

/** Asks whether one interaction belongs to one profile. */
export function pointwisePrompt(profile: string, interaction: string): ChatMessage[] {
  return [
    {
      role: 'user',
      content: `Did the person described in the profile write the record? Answer with one word, ${POINTWISE_ANSWERS.join(' or ')}.\n\nProfile: ${oneLine(profile)}\n\nRecord: ${oneLine(interaction)}`,
    },
  ]
}

/** Labels of the candidates in a listwise prompt, in the order shown. */
export const LISTWISE_LABELS = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZ']

const LISTWISE_ANSWER =
  'Rank all of them, the most likely first. Answer with their letters only, best first, without spaces.'

/** Asks for an order of interactions, given a profile (forward), or of profiles, given an interaction (backward). */
export function listwisePrompt(
  direction: 'forward' | 'backward',
  query: string,
  candidates: readonly string[],
): ChatMessage[] {
  const listed = candidates.map((candidate, i) => `${LISTWISE_LABELS[i]}. ${oneLine(candidate)}`).join('\n')
  const content =
    direction === 'forward'
      ? `Which records were written by the person described? ${LISTWISE_ANSWER}\n\nProfile: ${oneLine(query)}\n\nRecords:\n${listed}`
      : `Which profile describes the person who wrote the record? ${LISTWISE_ANSWER}\n\nRecord: ${oneLine(query)}\n\nProfiles:\n${listed}`
  return [{ role: 'user', content }]
}

function oneLine(text: string): string {
  return text.trim().replace(/\s+/g, ' ')
}
