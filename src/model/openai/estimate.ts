// Token counts without a tokenizer: servers do not say how they cut text, so lengths are estimated from its shape.

// A token holds about one short word or a piece of a long one; scripts without spaces take about one a character.
const PIECE =
  /\p{sc=Han}|\p{sc=Hiragana}|\p{sc=Katakana}|\p{sc=Hangul}|\p{sc=Thai}|\p{L}{1,6}|\p{N}{1,3}|[^\s\p{L}\p{N}]/gu

/** About how many tokens a text has: a little more than usual vocabularies need for English. */
export function estimateTokens(text: string): number {
  return text.match(PIECE)?.length ?? 0
}

/** The text up to about its first `limit` tokens: `estimateTokens` of it is at most `limit`. */
export function cutByEstimate(text: string, limit: number): string {
  let pieces = 0
  for (const match of text.matchAll(PIECE)) if (++pieces > limit) return text.slice(0, match.index).trimEnd()
  return text
}
