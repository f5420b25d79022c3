// Sentences that tell a special category of personal data. A list of words finds them: it reads seven languages, costs
// nothing and can be read by whoever answers for it, but knows neither irony nor paraphrase.
import { folded } from './folded.ts'
import { HARMLESS_USES, SENSITIVE_CATEGORIES, SENSITIVE_WORDS, type SensitiveCategory } from './sensitive-words.ts'

const PATTERNS = SENSITIVE_CATEGORIES.map((category) => [category, wordsOf(SENSITIVE_WORDS[category])] as const)
const HARMLESS = wordsOf(HARMLESS_USES)

/** The categories that a sentence tells, in the order of SENSITIVE_CATEGORIES; none where it tells nothing of the kind. */
export function sensitiveCategories(sentence: string): SensitiveCategory[] {
  const told = folded(sentence).text.replace(HARMLESS, ' ')
  return PATTERNS.filter(([, pattern]) => pattern.test(told)).map(([category]) => category)
}

function wordsOf(entries: readonly string[]): RegExp {
  // A `*` behind a letter or a group's end is the end of a word, not the repetition that it is in a pattern.
  const words = entries.join('|').replace(/(?<=[\p{L})])\*/gu, '\\p{L}{0,20}')
  return new RegExp(`(?<![\\p{L}\\p{N}-])(?:${words})(?![\\p{L}\\p{N}])`, entries === HARMLESS_USES ? 'giu' : 'iu')
}
