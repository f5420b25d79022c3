// From sampled text to profile.
import { cleanText } from '../util/clean-text.ts'

/** A profile as it is judged, stored and shown: trimmed, without chat markup, thinking blocks or a heading. */
export function cleanProfile(text: string): string {
  return cleanText(text)
    .replace(/^(?:\*\*)?profile:(?:\*\*)?/i, '')
    .replace(/[^\S\n]+/g, ' ')
    .replace(/ ?\n[\s]*\n/g, '\n\n')
    .trim()
}
