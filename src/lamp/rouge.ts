// ROUGE-1 and ROUGE-L as Google's rouge_score computes them without a stemmer, which is what LaMP reports. Held to it
// by the golden figures of golden/lamp-metrics.jsonl.

/** Words as rouge_score cuts them: lowercased, and everything but a-z and 0-9 separates. */
export function rougeWords(text: string): string[] {
  return text
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '')
}

/** F-measure of shared words, each counted as often as both texts have it. In [0, 1]; 0 where a text has no words. */
export function rouge1(gold: string, prediction: string): number {
  const [wanted, given] = [rougeWords(gold), rougeWords(prediction)]
  const left = new Map<string, number>()
  for (const word of wanted) left.set(word, (left.get(word) ?? 0) + 1)
  let shared = 0
  for (const word of given) {
    const count = left.get(word) ?? 0
    if (count === 0) continue
    shared++
    left.set(word, count - 1)
  }
  return fMeasure(shared, wanted.length, given.length)
}

/** F-measure of the longest common subsequence of words. In [0, 1]; 0 where a text has no words. */
export function rougeL(gold: string, prediction: string): number {
  const [wanted, given] = [rougeWords(gold), rougeWords(prediction)]
  /** [words of the prediction so far] longest subsequence shared with the gold's words so far. */
  let row = new Int32Array(given.length + 1)
  for (const word of wanted) {
    const next = new Int32Array(given.length + 1)
    for (let j = 1; j <= given.length; j++)
      next[j] = given[j - 1] === word ? row[j - 1] + 1 : Math.max(row[j], next[j - 1])
    row = next
  }
  return fMeasure(row[given.length], wanted.length, given.length)
}

function fMeasure(shared: number, wanted: number, given: number): number {
  if (shared === 0) return 0
  const precision = shared / given
  const recall = shared / wanted
  return (2 * precision * recall) / (precision + recall)
}
