// A profile by sentence, and which interactions have words in common with one.
import { sentencesOf } from '../safety/sentences.ts'

/** The sentences of a profile, in order; none is empty. */
export function saidIn(text: string): string[] {
  return sentencesOf(text)
    .map((sentence) => sentence.trim())
    .filter((sentence) => sentence !== '')
}

/** Shorter words are in every text. */
const SHORTEST = 4

function wordsOf(text: string): Set<string> {
  const words =
    text
      .normalize('NFKC')
      .toLowerCase()
      .match(/[\p{L}\p{N}]+/gu) ?? []
  return new Set(words.filter((word) => word.length >= SHORTEST))
}

/** The interactions with words of the sentence, those with most of them first, each with these words. */
export function sharing<T extends { text: string }>(
  sentence: string,
  interactions: readonly T[],
): { of: T; words: string[] }[] {
  const wanted = wordsOf(sentence)
  return interactions
    .map((of) => ({ of, words: [...wordsOf(of.text)].filter((word) => wanted.has(word)) }))
    .filter(({ words }) => words.length > 0)
    .sort((a, b) => b.words.length - a.words.length)
}
