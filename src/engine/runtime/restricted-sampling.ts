// Drawing one token from logits where only some tokens are allowed: constrained decoding.

/** What a step of constrained decoding may give. */
export interface Restrictions {
  /** 0 is greedy. */
  temperature: number
  /** At least one. */
  allowed: readonly number[]
}

/**
 * A token of `logits` [V] chosen by `u` in (0,1), and its log probability under the restricted distribution
 * (0 when greedy). Tokens are ordered by logit, ties by id.
 * @throws RangeError where no token is allowed
 */
export function drawToken(
  logits: Float32Array,
  { temperature, allowed }: Restrictions,
  u: number,
): { token: number; logprob: number } {
  if (allowed.length === 0) throw new RangeError('no token is allowed here')
  if (temperature === 0) {
    let best = allowed[0]
    for (const i of allowed) if (logits[i] > logits[best]) best = i
    return { token: best, logprob: 0 }
  }
  const candidates = [...allowed].sort((a, b) => logits[b] - logits[a] || a - b)
  const top = logits[candidates[0]]
  const weights = candidates.map((i) => Math.exp((logits[i] - top) / temperature))
  const total = weights.reduce((a, b) => a + b, 0)
  let target = u * total
  let index = 0
  while (index < weights.length - 1 && target >= weights[index]) target -= weights[index++]
  return { token: candidates[index], logprob: Math.log(weights[index] / total) }
}
