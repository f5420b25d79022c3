// DAPO (arXiv 2503.14476): clipped ratio per token, mean over all tokens of the global batch, so that every token
// counts the same whatever completion it stands in. Its paper sets clipHigh above clipLow (0.28 and 0.2).
import type { PolicyLoss } from './types.ts'

export const dapo: PolicyLoss = {
  tokenLoss: ({ clipLow, clipHigh, klCoef, temperature }) => ({ type: 'ppo', clipLow, clipHigh, klCoef, temperature }),
  tokenWeight: (_length, { tokens }) => 1 / tokens,
}
