// Token counts without a tokenizer: servers do not say how they cut text, so lengths are estimated from its shape.
import type { Tokenizer } from '../contract.ts'

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

/** A tokenizer whose tokens are such pieces, each with the white space before it; ids are this object's own. */
export function estimatingTokenizer(): Tokenizer {
  const ids = new Map<string, number>()
  const pieces: string[] = []
  const encode = (text: string): number[] => {
    const ends = Array.from(text.matchAll(PIECE), (match) => match.index + match[0].length)
    if (ends.length > 0) ends[ends.length - 1] = text.length
    return ends.map((end, i) => {
      const piece = text.slice(ends[i - 1] ?? 0, end)
      const known = ids.get(piece)
      if (known !== undefined) return known
      ids.set(piece, pieces.length)
      return pieces.push(piece) - 1
    })
  }
  return {
    get vocabSize() {
      return pieces.length
    },
    stopTokens: [],
    bosToken: undefined,
    encode,
    decode: (tokens) => tokens.map((token) => pieces[token]).join(''),
    chat: (messages) => encode(messages.map(({ content }) => content).join('\n\n')),
  }
}
