// Options of the reward, checked once at the edge. The defaults are the paper's setting (docs/method.md §3-6).
import { z } from 'zod'
import { encoderField, poolingField } from '../judge/embedding.ts'

/** Pools of NDCG: those of the bidirectional reward, and those of the final test whatever the reward. */
const pools = {
  positives: z.int().min(1).default(1).describe('P: held-out interactions of the user in a pool.'),
  negatives: z.int().min(1).default(8).describe('K: candidates of other users in a pool.'),
}

const guards = {
  lengthBudget: z.int().min(1).default(96).describe('T: tokens of a profile that cost nothing.'),
  lengthPenalty: z.number().min(0).default(1).describe('λ: penalty of a profile twice as long as the budget.'),
  lengthCap: z.number().min(0).default(1).describe('Upper bound of the length penalty.'),
  maxCopiedNgram: z.int().min(1).default(8).describe('Words that a profile may copy from the history in one piece.'),
  copyPenalty: z.number().min(0).default(1).describe('Penalty of a copied piece twice as long as allowed.'),
  copyCap: z.number().min(0).default(1).describe('Upper bound of the penalty for copied text.'),
}

/** Rewards beside the run's (added.ts): functions, so this says only which they were. */
const added = {
  added: z
    .array(
      z.strictObject({
        name: z.string().min(1).max(200).describe('What the reward calls itself, or the module that it is from.'),
        weight: z.number().describe('What its value is multiplied by.'),
        options: z.record(z.string(), z.unknown()).default({}).describe('Its own settings.'),
      }),
    )
    .min(1)
    .refine((rewards) => new Set(rewards.map(({ name }) => name)).size === rewards.length, 'two rewards have one name')
    .optional()
    .describe(
      'Rewards of your own that are added to this one, each with name, weight and options. They are functions: `rewards` of train(), or --add-reward, gives them.',
    ),
}

/** BUMP+ (hard-examples.ts). */
const hardExamplesSchema = z
  .strictObject({
    embedder: encoderField('hard examples need'),
    pooling: poolingField,
    positives: z
      .boolean()
      .default(true)
      .describe('Positives are the held-out interactions least like the visible history.'),
    negatives: z
      .boolean()
      .default(true)
      .describe('Rival profiles are of the users with the most similar visible histories, who share batches.'),
    ceiling: z
      .number()
      .min(-1)
      .max(1)
      .default(0.98)
      .describe('Users more similar than this (cosine) are near-duplicates, and no rivals of each other.'),
  })
  .refine(({ positives, negatives }) => positives || negatives, 'positives and negatives are both off: leave it out')

/** Label-free: NDCG in both directions by the judge. */
export const bidirectionalRewardSchema = z.strictObject({
  type: z.literal('bidirectional').default('bidirectional'),
  forwardWeight: z.number().min(0).default(1).describe('w_fwd: weight of NDCG forward.'),
  backwardWeight: z.number().min(0).default(1).describe('w_bwd: weight of NDCG backward.'),
  hardExamples: hardExamplesSchema
    .optional()
    .describe(
      'BUMP+: harder positives and rivals in training, by a sentence encoder; validation and test keep theirs.',
    ),
  ...added,
  ...pools,
  ...guards,
})

/** A reward of one's own (custom.ts): given to train() as a function, so this says only which one it was. */
const customRewardSchema = z.strictObject({
  type: z.literal('custom'),
  name: z.string().min(1).max(200).describe('What the reward calls itself.'),
  options: z.record(z.string(), z.unknown()).default({}).describe('Its own settings.'),
  ...added,
  ...pools,
  ...guards,
})

export const rewardConfigSchema = z
  .discriminatedUnion('type', [bidirectionalRewardSchema, customRewardSchema])
  .prefault({})

export type RewardConfig = z.infer<typeof rewardConfigSchema>
export type BidirectionalConfig = z.infer<typeof bidirectionalRewardSchema>
export type HardExamplesConfig = z.infer<typeof hardExamplesSchema>
/** What a profile loses for length and copied text. */
export type GuardConfig = Pick<BidirectionalConfig, keyof typeof guards>
