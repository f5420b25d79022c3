// The other measures of a ranking, beside NDCG: reciprocal rank and whether it is among the first. Ties count as the
// mean over their orders, so a judge that cannot tell is worth exactly chance here as well.

/** How the best-scored positive stands: candidates above it, candidates of its score, and positives among these. */
function bestPositive(
  scores: ArrayLike<number>,
  relevant: readonly boolean[],
): { above: number; tied: number; hits: number } {
  if (scores.length !== relevant.length)
    throw new RangeError(`${scores.length} scores for ${relevant.length} candidates`)
  let best: number | undefined
  for (const [candidate, positive] of relevant.entries()) {
    if (Number.isNaN(scores[candidate])) throw new RangeError('a score is not a number')
    if (positive && (best === undefined || scores[candidate] > best)) best = scores[candidate]
  }
  if (best === undefined) throw new RangeError('the rank of a positive is not defined in a pool without one')
  let above = 0
  let tied = 0
  let hits = 0
  for (const [candidate, positive] of relevant.entries()) {
    if (scores[candidate] > best) above++
    if (scores[candidate] !== best) continue
    tied++
    if (positive) hits++
  }
  return { above, tied, hits }
}

/**
 * Reciprocal rank in (0, 1] of the first positive, candidates ranked by descending score; its mean over queries is MRR.
 * Among ties, the expected value over their orders. Throws a RangeError for NaN scores, unequal lengths or no positive.
 */
export function reciprocalRankFromScores(scores: ArrayLike<number>, relevant: readonly boolean[]): number {
  const { above, tied, hits } = bestPositive(scores, relevant)
  // Probability that the first positive of the tied group has place j in it: C(tied - j, hits - 1) / C(tied, hits).
  let probability = hits / tied
  let expected = 0
  for (let j = 1; j <= tied - hits + 1; j++) {
    expected += probability / (above + j)
    probability *= (tied - hits - j + 1) / (tied - j)
  }
  return expected
}

/**
 * Recall at 1, in [0, 1]: 1 where a positive has the first place, 0 where none has; with several positives in a pool
 * any of them counts. Among ties, the expected value over their orders. Throws as `reciprocalRankFromScores`.
 */
export function recallAtOneFromScores(scores: ArrayLike<number>, relevant: readonly boolean[]): number {
  const { above, tied, hits } = bestPositive(scores, relevant)
  return above > 0 ? 0 : hits / tied
}

/**
 * Recall at k, in [0, 1]: 1 where a positive has one of the first `k` places. Among ties, the expected value over their
 * orders. Throws as `reciprocalRankFromScores`.
 */
export function recallFromScores(k: number, scores: ArrayLike<number>, relevant: readonly boolean[]): number {
  const { above, tied, hits } = bestPositive(scores, relevant)
  const places = Math.min(tied, Math.max(0, k - above))
  let missed = 1
  for (let i = 0; i < places; i++) missed *= Math.max(0, tied - hits - i) / (tied - i)
  return 1 - missed
}
