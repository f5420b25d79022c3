// The embedding scorer: how alike a profile and an interaction are to a sentence encoder (docs/method.md §5). One encoding
// of each text serves every pool that it stands in, in both directions.
import { z } from 'zod'
import { type Encoder, POOLINGS, type TextRole } from '../model/encoder.ts'
import { type ScoreStore, scoreKey } from './cache.ts'
import { describeJudge, type Scorer, scorerFields } from './scorer.ts'
import type { Judge, JudgeOptions, JudgeRequest, Pool } from './types.ts'

/** Where an encoder is; `reader`: what needs one. */
export const encoderField = (reader: string) =>
  z
    .string({ error: `${reader} an encoder, such as BAAI/bge-small-en-v1.5` })
    .min(1)
    .describe('A sentence encoder of the BERT family: a Hugging Face folder or a hub name.')

export const poolingField = z
  .enum(POOLINGS)
  .optional()
  .describe("How the vectors of a text's tokens become one, where the encoder's folder does not say.")

const config = z.strictObject({
  scorer: z.literal('embedding'),
  ...scorerFields,
  model: encoderField('the embedding scorer needs'),
  pooling: poolingField,
})
type Config = z.infer<typeof config>

export const embedding = { config, name: () => 'embedding', open: embeddingJudge } satisfies Scorer<
  typeof config,
  Encoder
>

/** A profile looks for the interactions that it foretells. */
const ROLES = { profile: 'query', interaction: 'passage' } as const satisfies Record<string, TextRole>
type Kind = keyof typeof ROLES
type Budgets = Pick<Config, 'maxProfileTokens' | 'maxInteractionTokens'>

/** Key of an encoding in a `ScoreStore`: `digest` is that of the encoder. */
export function encodingKey(config: Budgets, digest: string, kind: Kind, text: string): string {
  return scoreKey('embedding', digest, kind, budgetOf(config, kind), text)
}

const budgetOf = (config: Budgets, kind: Kind) =>
  kind === 'profile' ? config.maxProfileTokens : config.maxInteractionTokens

/** score(profile, interaction) = the cosine of their vectors. `store` keeps the vectors. */
function embeddingJudge(encoder: Encoder, config: Config, store: ScoreStore): Judge {
  /** Vectors of all texts of a kind, those that the store lacks in one call of the encoder. */
  async function encode(kind: Kind, texts: ReadonlySet<string>, options: JudgeOptions) {
    const vectors = new Map<string, ArrayLike<number>>()
    for (const text of texts) {
      const stored = store.get(encodingKey(config, encoder.info.digest, kind, text))
      if (stored) vectors.set(text, stored)
    }
    const missing = [...texts].filter((text) => !vectors.has(text))
    if (missing.length === 0) return { vectors, tokens: 0 }
    const encoded = await encoder.encode(missing, { role: ROLES[kind], maxTokens: budgetOf(config, kind), ...options })
    for (const [i, text] of missing.entries()) {
      vectors.set(text, encoded.vectors[i])
      store.set(encodingKey(config, encoder.info.digest, kind, text), [...encoded.vectors[i]])
    }
    return { vectors, tokens: encoded.tokens }
  }

  return {
    name: embedding.name(),
    describe: () => describeJudge(config, encoder),
    async score({ forward, backward }: JudgeRequest, { signal, onProgress } = {}) {
      const texts = (queries: readonly Pool[], candidates: readonly Pool[]) =>
        new Set([...queries.map(({ query }) => query), ...candidates.flatMap((pool) => pool.candidates)])
      const profileTexts = texts(forward, backward)
      const interactionTexts = texts(backward, forward)
      const share = profileTexts.size / (profileTexts.size + interactionTexts.size)
      const profiles = await encode('profile', profileTexts, {
        signal,
        onProgress: (done) => onProgress?.(share * done),
      })
      const interactions = await encode('interaction', interactionTexts, {
        signal,
        onProgress: (done) => onProgress?.(share + (1 - share) * done),
      })
      const cells = new Map<string, Map<string, number>>()
      const cosine = (profile: string, interaction: string): number => {
        const row = cells.get(profile) ?? new Map<string, number>()
        const known = row.get(interaction)
        if (known !== undefined) return known
        const cell = product(profiles.vectors.get(profile)!, interactions.vectors.get(interaction)!)
        cells.set(profile, row.set(interaction, cell))
        return cell
      }
      return {
        forward: forward.map(({ query, candidates }) => [candidates.map((candidate) => cosine(query, candidate))]),
        backward: backward.map(({ query, candidates }) => [candidates.map((candidate) => cosine(candidate, query))]),
        usage: {
          pairs: [...cells.values()].reduce((sum, row) => sum + row.size, 0),
          tokens: profiles.tokens + interactions.tokens,
        },
      }
    },
  }
}

function product(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i]
  return sum
}
