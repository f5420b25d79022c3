// Texts made comparable: by the leak guard of the split and by the judge's false-negative rule (docs/method.md §2, §5).

const LEADING_PUNCTUATION = /^[\p{P}\p{S}\s]+/u
const PUNCTUATION = /^[\p{P}\p{S}\s]$/u

/** Text without punctuation at its ends. A pattern for the last ones would take the square of a long run's length. */
function withoutEdges(text: string): string {
  let end = text.length
  while (end > 0) {
    const pair = end > 1 && (text.codePointAt(end - 2) as number) > 0xffff
    const start = end - (pair ? 2 : 1)
    if (!PUNCTUATION.test(text.slice(start, end))) break
    end = start
  }
  return text.slice(0, end).replace(LEADING_PUNCTUATION, '')
}

/**
 * The form in which two texts are compared: Unicode NFKC, lower case, runs of whitespace as one space, punctuation
 * stripped from both ends. A text of punctuation or emoji only keeps it. Idempotent.
 */
export function normaliseText(text: string): string {
  // Lower-casing can decompose a letter and stripping can expose another edge: two rounds reach the fixed point.
  const folded = text.normalize('NFKC').toLowerCase().normalize('NFKC').replace(/\s+/gu, ' ').trim()
  const stripped = withoutEdges(folded)
  return stripped === '' ? folded : stripped
}

/** A looser key under which near-identical texts fall together: the letters and digits of the normalised text. */
export function duplicateKey(text: string): string {
  const normalised = normaliseText(text)
  const letters = normalised.replace(/[^\p{L}\p{N}\p{M}]+/gu, '')
  return letters === '' ? normalised : letters
}
