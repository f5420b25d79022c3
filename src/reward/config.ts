// Options of the reward, checked once at the edge. The defaults are the paper's setting (docs/method.md §3-6).
import { z } from 'zod'

/** Pools of NDCG: those of the bidirectional reward, and those of the final test whatever the reward. */
const pools = {
  /** P: held-out interactions of the user in a pool. */
  positives: z.int().min(1).default(1),
  /** K: candidates of other users in a pool. */
  negatives: z.int().min(1).default(8),
}

const guards = {
  /** T: tokens of a profile that cost nothing. */
  lengthBudget: z.int().min(1).default(96),
  /** λ: penalty of a profile twice as long as the budget. */
  lengthPenalty: z.number().min(0).default(1),
  /** Upper bound of the length penalty. */
  lengthCap: z.number().min(0).default(1),
  /** Words that a profile may copy from the history in one piece. */
  maxCopiedNgram: z.int().min(1).default(8),
  /** Penalty of a copied piece twice as long as allowed. */
  copyPenalty: z.number().min(0).default(1),
  /** Upper bound of the penalty for copied text. */
  copyCap: z.number().min(0).default(1),
}

/** Label-free: NDCG in both directions by the judge. */
export const bidirectionalRewardSchema = z.strictObject({
  type: z.literal('bidirectional').default('bidirectional'),
  /** w_fwd: weight of NDCG forward. */
  forwardWeight: z.number().min(0).default(1),
  /** w_bwd: weight of NDCG backward. */
  backwardWeight: z.number().min(0).default(1),
  ...pools,
  ...guards,
})

/** A reward of one's own (custom.ts): given to train() as a function, so this says only which one it was. */
const customRewardSchema = z.strictObject({
  type: z.literal('custom'),
  /** What the reward calls itself. */
  name: z.string().min(1).max(200),
  /** Its own settings. */
  options: z.record(z.string(), z.unknown()).default({}),
  ...pools,
  ...guards,
})

export const rewardConfigSchema = z
  .discriminatedUnion('type', [bidirectionalRewardSchema, customRewardSchema])
  .prefault({})

export type RewardConfig = z.infer<typeof rewardConfigSchema>
export type BidirectionalConfig = z.infer<typeof bidirectionalRewardSchema>
/** What a profile loses for length and copied text. */
export type GuardConfig = Pick<BidirectionalConfig, keyof typeof guards>
