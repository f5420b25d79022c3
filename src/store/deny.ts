// What a profile may not say. A sentence that holds all the words of a denial is cut wherever a profile is served, so
// no version, new or restored, can bring it back. By words: a paraphrase can slip through, excluding its interactions
// cannot.
import { sentencesOf } from '../safety/sentences.ts'

/** Words that say nothing by themselves. */
const FUNCTION_WORDS = new Set(
  'a am an and are as at be been but by did do does for from had has have he her his i in is it its me my no not of on or our she so that the their them they this to too very was we were who will with would you your person people user someone'.split(
    ' ',
  ),
)

/** The words of a text that a denial is compared by: lower case, without function words, possessives and plurals. */
export function contentWords(text: string): string[] {
  const words =
    text
      .normalize('NFKC')
      .toLowerCase()
      .match(/[\p{L}\p{N}\p{M}]+/gu) ?? []
  return words.filter((word) => !FUNCTION_WORDS.has(word) && word !== 's').map((word) => word.replace(/(?<=..)s$/, ''))
}

/** Whether a sentence says what is denied: all content words of one of the denials are in it. */
export function isDenied(sentence: string, denials: readonly string[]): boolean {
  const said = new Set(contentWords(sentence))
  return denials.some((denial) => {
    const words = contentWords(denial)
    return words.length > 0 && words.every((word) => said.has(word))
  })
}

/** The text without the sentences that are denied. */
export function cutDenied(text: string, denials: readonly string[]): string {
  if (denials.length === 0) return text
  return sentencesOf(text)
    .filter((sentence) => !isDenied(sentence, denials))
    .join('')
    .trim()
}
