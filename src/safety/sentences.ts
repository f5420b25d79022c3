// Sentences of a text, by Unicode's rules.

const SEGMENTER = new Intl.Segmenter('en', { granularity: 'sentence' })

/** The sentences of a text, each with the white space behind it; joined, they are the text. */
export function sentencesOf(text: string): string[] {
  return [...SEGMENTER.segment(text)].map(({ segment }) => segment)
}
