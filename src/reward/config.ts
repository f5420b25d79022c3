// Options of the reward, checked once at the edge. The defaults are the paper's setting (METHOD.md §3-6).
import { z } from 'zod'

export const rewardConfigSchema = z
  .strictObject({
    /** w_fwd: weight of NDCG forward. */
    forwardWeight: z.number().min(0).default(1),
    /** w_bwd: weight of NDCG backward. */
    backwardWeight: z.number().min(0).default(1),
    /** P: held-out interactions of the user in a pool. */
    positives: z.int().min(1).default(1),
    /** K: candidates of other users in a pool. */
    negatives: z.int().min(1).default(8),
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
  })
  .prefault({})

export type RewardConfig = z.infer<typeof rewardConfigSchema>
