// How much of a text stands word for word in others.

/** Lower-cased words; punctuation and spacing do not hide a copy. */
export function wordsOf(text: string): string[] {
  return text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []
}

/** Words in the longest piece of the profile that stands word for word in one text of the history. */
export function longestCopiedNgram(profile: string, history: readonly string[]): number {
  const ids = new Map<string, number>()
  const profileIds = wordsOf(profile).map((word) => {
    const id = ids.get(word) ?? ids.size
    ids.set(word, id)
    return id
  })
  let longest = 0
  // runs[i + 1]: words in common that end at word i of the profile and at the current word of the history text.
  const runs = new Int32Array(profileIds.length + 1)
  for (const text of history) {
    runs.fill(0)
    for (const word of wordsOf(text)) {
      const id = ids.get(word)
      for (let i = profileIds.length - 1; i >= 0; i--) {
        runs[i + 1] = profileIds[i] === id ? runs[i] + 1 : 0
        if (runs[i + 1] > longest) longest = runs[i + 1]
      }
    }
  }
  return longest
}
