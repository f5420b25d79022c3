// What texts and ids may hold: what either database gives back as it came.

/** Longest id of a user or an interaction, in characters. */
export const LONGEST_ID = 256

/** What is wrong with a text for a database; undefined where nothing is. */
export function textProblem(text: string): string | undefined {
  if (text.includes('\0')) return 'holds a NUL character'
  return /\p{Surrogate}/u.test(text) ? 'holds half of a character (a lone surrogate)' : undefined
}

/** What is wrong with an id; undefined where nothing is. */
export function idProblem(id: string): string | undefined {
  if (id === '') return 'is empty'
  if ([...id].length > LONGEST_ID) return `is longer than ${LONGEST_ID} characters`
  return /\p{Cc}/u.test(id) ? 'holds control characters' : textProblem(id)
}

/** What is wrong with a text of a person, of at most so many characters; undefined where nothing is. */
export function wordsProblem(text: string, longest: number): string | undefined {
  if (text.trim() === '') return 'is empty'
  if (text.length > longest) return `is longer than ${longest} characters`
  return textProblem(text)
}
