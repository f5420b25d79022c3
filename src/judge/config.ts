// Options of the judge, checked once at the edge. Each scorer is a variant with its own vetted defaults.
import { z } from 'zod'

const budgets = {
  /** Longer profiles are cut to this many tokens before the judge reads them. */
  maxProfileTokens: z.int().min(1).default(256),
  /** Longer interactions are cut to this many tokens before the judge reads them. */
  maxInteractionTokens: z.int().min(1).default(64),
}

const variants = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('likelihood'), ...budgets }),
  z.strictObject({ type: z.literal('pointwise'), ...budgets }),
  z.strictObject({
    type: z.literal('listwise'),
    /** permutation: one constrained step a candidate [paper]; first-token: candidates by the logit of their label. */
    decoder: z.enum(['permutation', 'first-token']).default('permutation'),
    /** M random orders in which each pool is shown; the NDCG values are averaged. */
    orders: z.int().min(1).max(16).default(2),
    ...budgets,
  }),
])

/** How candidates are scored (METHOD.md §5); default: the likelihood scorer. */
export const judgeConfigSchema = variants.prefault({ type: 'likelihood' })

export type JudgeConfig = z.infer<typeof variants>
