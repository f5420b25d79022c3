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

/** The prior work's way, as a baseline: the metric of a LaMP task, whose answers a frozen backbone writes (docs/method.md §10). */
const labelRewardSchema = z.strictObject({
  type: z.literal('labels'),
  /** Number of the LaMP task. */
  task: z.literal([1, 2, 3, 4, 5, 6, 7]),
  /** Folder with the questions and golds of the task. */
  data: z.string().min(1),
  /** The model that answers: a Hugging Face folder, a .gguf file or a hub name; default: the frozen base of the policy. */
  backbone: z.string().min(1).optional(),
  /** Tokens that a question with the profile may have; longer profiles are cut. */
  budget: z.int().min(16).default(512),
  /** Questions asked of each user; where there are more, as many are drawn once. */
  maxQuestions: z.int().min(1).default(2),
  ...pools,
  ...guards,
})

export const rewardConfigSchema = z
  .discriminatedUnion('type', [bidirectionalRewardSchema, labelRewardSchema])
  .prefault({})

export type RewardConfig = z.infer<typeof rewardConfigSchema>
export type BidirectionalConfig = z.infer<typeof bidirectionalRewardSchema>
export type LabelRewardConfig = z.infer<typeof labelRewardSchema>
/** What a profile loses for length and copied text. */
export type GuardConfig = Pick<BidirectionalConfig, keyof typeof guards>
