// CISPO (arXiv 2506.13585): the ratio, capped from above, only weighs the log-probability gradient, so that a capped
// token still learns; mean over all tokens of the global batch. `clipLow` is not used.
import type { PolicyLoss } from './types.ts'

export const cispo: PolicyLoss = {
  tokenLoss: ({ clipHigh, klCoef, temperature }) => ({ type: 'cispo', clipHigh, klCoef, temperature }),
  tokenWeight: (_length, { tokens }) => 1 / tokens,
}
