// Texts made comparable: by the leak guard of the split and by the judge's false-negative rule (docs/method.md §2, §5).

const EDGE_PUNCTUATION = /^[\p{P}\p{S}\s]+|[\p{P}\p{S}\s]+$/gu

/**
 * The form in which two texts are compared: Unicode NFKC, lower case, runs of whitespace as one space, punctuation
 * stripped from both ends. A text of punctuation or emoji only keeps it. Idempotent.
 */
export function normaliseText(text: string): string {
  // Lower-casing can decompose a letter and stripping can expose another edge: two rounds reach the fixed point.
  const folded = text.normalize('NFKC').toLowerCase().normalize('NFKC').replace(/\s+/gu, ' ').trim()
  const stripped = folded.replace(EDGE_PUNCTUATION, '')
  return stripped === '' ? folded : stripped
}

/** A looser key under which near-identical texts fall together: the letters and digits of the normalised text. */
export function duplicateKey(text: string): string {
  const normalised = normaliseText(text)
  const letters = normalised.replace(/[^\p{L}\p{N}\p{M}]+/gu, '')
  return letters === '' ? normalised : letters
}
