// Options of the judge, checked once at the edge. Each scorer is a variant with its own vetted defaults.
import { z } from 'zod'

const common = {
  /** Another model as the judge: a Hugging Face folder, a .gguf file or a hub name; default: the frozen base of the policy. */
  model: z.string().min(1).optional(),
  /** Longer profiles are cut to this many tokens before the judge reads them. */
  maxProfileTokens: z.int().min(1).default(256),
  /** Longer interactions are cut to this many tokens before the judge reads them. */
  maxInteractionTokens: z.int().min(1).default(64),
}

const variants = z.discriminatedUnion('scorer', [
  z.strictObject({ scorer: z.literal('likelihood'), ...common }),
  z.strictObject({ scorer: z.literal('pointwise'), ...common }),
  z.strictObject({
    scorer: z.literal('listwise'),
    /** permutation: one constrained step a candidate [paper]; first-token: candidates by the logit of their label. */
    decoder: z.enum(['permutation', 'first-token']).default('permutation'),
    /** M random orders in which each pool is shown; the NDCG values are averaged. */
    orders: z.int().min(1).max(16).default(2),
    ...common,
  }),
])

/** How candidates are scored (docs/method.md §5); default: the likelihood scorer. */
export const judgeConfigSchema = variants.prefault({ scorer: 'likelihood' })

export type JudgeConfig = z.infer<typeof variants>
