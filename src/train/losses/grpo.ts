// GRPO (arXiv 2402.03300): clipped ratio per token, mean over a completion's tokens, then mean over completions.
// Long completions count per token less than short ones.
import type { PolicyLoss } from './types.ts'

export const grpo: PolicyLoss = {
  tokenLoss: ({ clipLow, clipHigh, klCoef, temperature }) => ({ type: 'ppo', clipLow, clipHigh, klCoef, temperature }),
  tokenWeight: (length, { sequences }) => 1 / (length * sequences),
}
