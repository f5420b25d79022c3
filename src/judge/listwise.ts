// The listwise judge: the query and the lettered candidates stand in one prompt, shown in M random orders, and the
// answer is a complete ordering by constrained decoding (docs/method.md §5) [paper].
import { z } from 'zod'
import type { LanguageModel, TokenIds } from '../model/contract.ts'
import { cutText } from '../model/cut.ts'
import { BumpError } from '../util/errors.ts'
import { seedFrom, shuffled } from '../util/random.ts'
import { checkFits } from './budget.ts'
import { type ScoreStore, scoreKey } from './cache.ts'
import { LISTWISE_LABELS, listwisePrompt } from './prompts.ts'
import { describeJudge, type Scorer, scorerFields } from './scorer.ts'
import type { Judge, JudgeOptions, JudgeRequest, JudgeScores, Pool } from './types.ts'

const config = z.strictObject({
  scorer: z.literal('listwise'),
  decoder: z
    .enum(['permutation', 'first-token'])
    .default('permutation')
    .describe(
      'permutation: one constrained step a candidate [paper]; first-token: candidates by the logit of their label.',
    ),
  orders: z
    .int()
    .min(1)
    .max(16)
    .default(2)
    .describe('M random orders in which each pool is shown; the NDCG values are averaged.'),
  ...scorerFields,
})
type Config = z.infer<typeof config>

/** How a listwise judge's answer is read. */
export const DECODERS = config.shape.decoder.unwrap().options

export const listwise = {
  config,
  name: ({ decoder, orders }) => `listwise (${decoder}, ${orders} orders)`,
  open: listwiseJudge,
} satisfies Scorer<typeof config>

/** A pool in one order, as a prompt. `order[i]` is the candidate shown under label i. */
interface ShownPool {
  prompt: TokenIds
  order: number[]
  key: string
}

/**
 * A judge that reads whole pools. Throws BumpError where the labels are no single tokens, or a pool has too many
 * candidates.
 */
function listwiseJudge(model: LanguageModel, config: Config, store: ScoreStore): Judge {
  const { tokenizer } = model
  const labels = labelTokens(model)

  /** [order] the pool's prompts. */
  function shownPools(direction: 'forward' | 'backward', pool: Pool): ShownPool[] {
    const n = pool.candidates.length
    if (n > labels.length)
      throw new BumpError(
        'judge-unusable',
        `a listwise judge ranks at most ${labels.length} candidates, but a pool has ${n}: ` +
          'lower the number of negatives, or use the likelihood or pointwise scorer',
      )
    const [queryBudget, candidateBudget] =
      direction === 'forward'
        ? [config.maxProfileTokens, config.maxInteractionTokens]
        : [config.maxInteractionTokens, config.maxProfileTokens]
    const query = cutText(tokenizer, pool.query, queryBudget)
    const candidates = pool.candidates.map((candidate) => cutText(tokenizer, candidate, candidateBudget))
    return Array.from({ length: config.orders }, (_, i) => {
      const order = shuffled([...candidates.keys()], seedFrom(pool.seed, 'order', i))
      const shown = order.map((candidate) => candidates[candidate])
      const prompt = tokenizer.chat(listwisePrompt(direction, query, shown))
      checkFits(model, prompt.length + n)
      return {
        prompt,
        order,
        key: scoreKey(config.scorer, config.decoder, model.info.digest, direction, query, ...shown),
      }
    })
  }

  /** [prompt][label]: scores of the labels, the higher the better, all prompts showing `n` candidates. */
  async function answer(
    prompts: readonly TokenIds[],
    n: number,
    { signal, onProgress }: JudgeOptions,
  ): Promise<number[][]> {
    const shown = labels.slice(0, n)
    if (config.decoder === 'first-token') {
      const logits = await model.labelLogits(prompts, shown, { weights: 'base', signal, onProgress })
      return logits.map((row) => Array.from(row))
    }
    const completions = await model.sample(
      prompts.map((prompt) => ({ prompt, seeds: [0] })),
      {
        maxTokens: n,
        temperature: 0,
        stopTokens: [],
        allowed: { steps: [shown], distinct: true },
        weights: 'base',
        signal,
        onProgress: (tokens) => onProgress?.(tokens / (prompts.length * n)),
      },
    )
    return completions.map(([{ tokens }]) => shown.map((label) => -tokens.indexOf(label)))
  }

  return {
    name: listwise.name(config),
    describe: () => describeJudge(config, model),
    async score(request: JudgeRequest, options = {}): Promise<JudgeScores> {
      const forward = request.forward.map((pool) => shownPools('forward', pool))
      const backward = request.backward.map((pool) => shownPools('backward', pool))
      const known = new Map<string, readonly number[]>()
      const missing = new Map<number, Map<string, ShownPool>>()
      for (const shown of [...forward.flat(), ...backward.flat()]) {
        if (known.has(shown.key)) continue
        const stored = store.get(shown.key)
        if (stored !== undefined) {
          known.set(shown.key, stored)
          continue
        }
        const n = shown.order.length
        const sameSize = missing.get(n) ?? new Map<string, ShownPool>()
        missing.set(n, sameSize.set(shown.key, shown))
      }
      const usage = { pairs: 0, tokens: 0 }
      const total = [...missing.values()].reduce((sum, pools) => sum + pools.size, 0)
      let done = 0
      for (const [n, pools] of missing) {
        const prompts = [...pools.values()].map(({ prompt }) => prompt)
        const scores = await answer(prompts, n, {
          signal: options.signal,
          onProgress: (share) => options.onProgress?.((done + share * prompts.length) / total),
        })
        done += prompts.length
        let i = 0
        for (const [key, { prompt }] of pools) {
          usage.pairs += n
          usage.tokens += prompt.length + (config.decoder === 'permutation' ? n : 0)
          known.set(key, scores[i])
          store.set(key, scores[i++])
        }
      }
      const scoresOf = (orders: readonly ShownPool[]) =>
        orders.map((shown) => byCandidate(shown, known.get(shown.key) ?? []))
      return { forward: forward.map(scoresOf), backward: backward.map(scoresOf), usage }
    },
  }
}

/** [candidate] the scores that the pool's labels got. */
function byCandidate({ order }: ShownPool, byLabel: readonly number[]): number[] {
  const scores = new Array<number>(order.length)
  order.forEach((candidate, label) => {
    scores[candidate] = byLabel[label]
  })
  return scores
}

/** One token a label: all labels without a leading space where that works, else all with one. */
function labelTokens(model: LanguageModel): number[] {
  for (const space of ['', ' ']) {
    const encoded = LISTWISE_LABELS.map((label) => model.tokenizer.encode(space + label))
    if (encoded.every((tokens) => tokens.length === 1)) return encoded.map(([token]) => token)
  }
  throw new BumpError(
    'judge-unusable',
    `the tokenizer of ${model.info.name} splits the letters A to Z into several tokens, ` +
      'so the listwise judge cannot label candidates: use the likelihood or pointwise scorer',
  )
}
