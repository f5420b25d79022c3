// GSPO (arXiv 2507.18071): one length-normalised ratio for the whole completion, clipped as one; mean over completions.
// Such ratios stay very near 1, so its paper clips at about 3e-4 instead of 0.2.
import type { PolicyLoss } from './types.ts'

export const gspo: PolicyLoss = {
  tokenLoss: ({ clipLow, clipHigh, klCoef, temperature }) => ({
    type: 'ppo',
    clipLow,
    clipHigh,
    klCoef,
    temperature,
    sequenceRatio: true,
  }),
  tokenWeight: (length, { sequences }) => 1 / (length * sequences),
}
