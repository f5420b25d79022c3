// Normalised discounted cumulative gain: the currency of both reward directions and of the evaluation (docs/method.md
// §3, §6). Ties share the expected DCG over their orders, so a judge that cannot tell is worth exactly chance.

function discount(rank: number): number {
  return 1 / Math.log2(rank + 1)
}

/** Sum of the discounts of ranks first..last, counted from 1. */
function discounts(first: number, last: number): number {
  let sum = 0
  for (let rank = first; rank <= last; rank++) sum += discount(rank)
  return sum
}

function countPositives(relevant: readonly boolean[]): number {
  const positives = relevant.filter(Boolean).length
  if (positives === 0) throw new RangeError('the NDCG of a pool without a positive is not defined')
  return positives
}

/**
 * NDCG in (0, 1] of candidates ranked by descending score, `relevant[c]` marking the positives; candidates of equal
 * score share the expected DCG over their orders. Throws a RangeError for NaN scores, unequal lengths or no positive.
 */
export function ndcgFromScores(scores: ArrayLike<number>, relevant: readonly boolean[]): number {
  if (scores.length !== relevant.length)
    throw new RangeError(`${scores.length} scores for ${relevant.length} candidates`)
  const positives = countPositives(relevant)
  const order = relevant.map((_, candidate) => candidate)
  for (const candidate of order) if (Number.isNaN(scores[candidate])) throw new RangeError('a score is not a number')
  order.sort((a, b) => (scores[a] === scores[b] ? 0 : scores[a] > scores[b] ? -1 : 1))
  let dcg = 0
  for (let first = 0; first < order.length; ) {
    let last = first
    while (last + 1 < order.length && scores[order[last + 1]] === scores[order[first]]) last++
    let hits = 0
    for (let i = first; i <= last; i++) if (relevant[order[i]]) hits++
    if (hits > 0) dcg += (hits * discounts(first + 1, last + 1)) / (last - first + 1)
    first = last + 1
  }
  return dcg / discounts(1, positives)
}

/**
 * Expected NDCG of a uniformly random order: docs/method.md §6's formula, for any number of positives. It is 0.473 for
 * one positive among 8 negatives.
 */
export function chanceNdcg(positives: number, negatives: number): number {
  if (positives < 1) throw new RangeError('the NDCG of a pool without a positive is not defined')
  const candidates = positives + negatives
  return (positives * discounts(1, candidates)) / candidates / discounts(1, positives)
}

/** (NDCG − chance) / (1 − chance): 0 at chance, 1 for a perfect ranking. 0 where the pool leaves nothing to rank. */
export function gainOverChance(ndcg: number, chance: number): number {
  return chance >= 1 ? 0 : (ndcg - chance) / (1 - chance)
}
