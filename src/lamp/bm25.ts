// BM25 Okapi as the Python package rank_bm25 0.2.2 computes it, which is what LaMP retrieves profile items with.
// Words are split on whitespace, without lowercasing; the golden figures of golden/lamp-metrics.jsonl hold it to that.

const K1 = 1.5
const B = 0.75
/** A word in more than half of the documents gets this share of the mean idf instead of its negative idf. */
const EPSILON = 0.25

/** Whitespace as Python's `str.split()` has it. */
const SPACES = '\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000'
const WHITESPACE = new RegExp(`[${SPACES}]+`)

/** Words of a text, as BM25 counts them. */
export function words(text: string): string[] {
  return text.split(WHITESPACE).filter((word) => word !== '')
}

/** [document] BM25 score of each document for the query; 0 throughout where there is nothing to search. */
export function bm25Scores(documents: readonly string[], query: string): Float64Array {
  const counts: Map<string, number>[] = []
  const lengths: number[] = []
  /** Documents that hold the word. */
  const holding = new Map<string, number>()
  for (const document of documents) {
    const own = words(document)
    const count = new Map<string, number>()
    for (const word of own) count.set(word, (count.get(word) ?? 0) + 1)
    for (const word of count.keys()) holding.set(word, (holding.get(word) ?? 0) + 1)
    counts.push(count)
    lengths.push(own.length)
  }
  const scores = new Float64Array(documents.length)
  if (holding.size === 0) return scores
  const idf = inverseFrequencies(holding, documents.length)
  const meanLength = lengths.reduce((sum, length) => sum + length, 0) / documents.length
  for (const word of words(query)) {
    const weight = idf.get(word)
    if (weight === undefined) continue
    for (const [i, count] of counts.entries()) {
      const frequency = count.get(word) ?? 0
      const norm = K1 * (1 - B + (B * lengths[i]) / meanLength)
      scores[i] += weight * ((frequency * (K1 + 1)) / (frequency + norm))
    }
  }
  return scores
}

/** Places of the `n` best documents, best first; of equal ones the later comes first (items run oldest to newest). */
export function bm25Top(documents: readonly string[], query: string, n: number): number[] {
  const scores = bm25Scores(documents, query)
  return Array.from(scores.keys())
    .sort((a, b) => scores[b] - scores[a] || b - a)
    .slice(0, n)
}

function inverseFrequencies(holding: ReadonlyMap<string, number>, documents: number): Map<string, number> {
  const idf = new Map<string, number>()
  let sum = 0
  for (const [word, count] of holding) {
    const value = Math.log(documents - count + 0.5) - Math.log(count + 0.5)
    idf.set(word, value)
    sum += value
  }
  const floor = EPSILON * (sum / idf.size)
  for (const [word, value] of idf) if (value < 0) idf.set(word, floor)
  return idf
}
