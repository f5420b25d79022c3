// Drawing one token from logits under restrictions: allowed tokens, temperature, top-k, top-p.

export interface Restrictions {
  /** 0 is greedy. */
  temperature: number
  /** In (0, 1]; 1 is off. */
  topP: number
  /** 0 is off. */
  topK: number
  /** Only these tokens; undefined allows all. */
  allowed?: readonly number[]
}

/**
 * A token of `logits` [V] chosen by `u` in (0,1), and its log probability under the restricted distribution
 * (0 when greedy). Kept tokens are ordered by logit, ties by id.
 */
export function drawToken(logits: Float32Array, r: Restrictions, u: number): { token: number; logprob: number } {
  const candidates = r.allowed ? [...r.allowed] : Array.from(logits, (_, i) => i)
  if (candidates.length === 0) throw new RangeError('no token is allowed here')
  if (r.temperature === 0) {
    let best = candidates[0]
    for (const i of candidates) if (logits[i] > logits[best]) best = i
    return { token: best, logprob: 0 }
  }
  candidates.sort((a, b) => logits[b] - logits[a] || a - b)
  if (r.topK > 0) candidates.length = Math.min(candidates.length, r.topK)
  const top = logits[candidates[0]]
  const weights = candidates.map((i) => Math.exp((logits[i] - top) / r.temperature))
  let total = weights.reduce((a, b) => a + b, 0)
  if (r.topP < 1) {
    let kept = 0
    let mass = 0
    while (kept < weights.length && (kept === 0 || mass < r.topP * total)) mass += weights[kept++]
    weights.length = kept
    total = mass
  }
  let target = u * total
  let index = 0
  while (index < weights.length - 1 && target >= weights[index]) target -= weights[index++]
  return { token: candidates[index], logprob: Math.log(weights[index] / total) }
}
