// Dr. GRPO (arXiv 2503.20783): clipped ratio per token, divided by a constant (the token limit) instead of the
// completion's length, so that no length is preferred. Pair it with `scaleRewards: none`, as its paper does.
import type { PolicyLoss } from './types.ts'

export const drGrpo: PolicyLoss = {
  tokenLoss: ({ clipLow, clipHigh, klCoef, temperature }) => ({ type: 'ppo', clipLow, clipHigh, klCoef, temperature }),
  tokenWeight: (_length, { sequences, maxTokens }) => 1 / (sequences * maxTokens),
}
