// The listwise judge: the query and the lettered candidates stand in one prompt, shown in M random orders, and the
// answer is a complete ordering by constrained decoding (docs/method.md §5) [paper].
import { z } from 'zod'
import type { ChatMessage, LanguageModel } from '../model/contract.ts'
import { cutText } from '../model/cut.ts'
import { isServed, type ServedAnswers, type ServedModel } from '../model/served.ts'
import { BumpError } from '../util/errors.ts'
import { seedFrom, shuffled } from '../util/random.ts'
import { checkFits } from './budget.ts'
import { type ScoreStore, scoreKey } from './cache.ts'
import { LISTWISE_LABELS, listwisePrompt } from './prompts.ts'
import { describeJudge, languageModelFields, ONE_READER, readsOne, type Scorer } from './scorer.ts'
import type { Judge, JudgeOptions, JudgeRequest, JudgeScores, Pool } from './types.ts'

const config = z
  .strictObject({
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
    ...languageModelFields,
  })
  .refine(readsOne, ONE_READER)
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
  prompt: ChatMessage[]
  order: number[]
  key: string
}

/** [prompt][label] scores of the first `n` labels, the higher the better; all prompts show `n` candidates. */
type Ask = (prompts: readonly ChatMessage[][], n: number, options: JudgeOptions) => Promise<ServedAnswers<number[]>>

/**
 * A judge that reads whole pools. Throws BumpError where the labels are no single tokens, or a pool has too many
 * candidates.
 */
function listwiseJudge(model: LanguageModel | ServedModel, config: Config, store: ScoreStore): Judge {
  const { tokenizer } = model
  const ask = isServed(model) ? byText(model, config) : byTokens(model, config)

  /** [order] the pool's prompts. */
  function shownPools(direction: 'forward' | 'backward', pool: Pool): ShownPool[] {
    const n = pool.candidates.length
    if (n > LISTWISE_LABELS.length)
      throw new BumpError(
        'judge-unusable',
        `a listwise judge ranks at most ${LISTWISE_LABELS.length} candidates, but a pool has ${n}: ` +
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
      return {
        prompt: listwisePrompt(direction, query, shown),
        order,
        key: scoreKey(config.scorer, config.decoder, model.info.digest, direction, query, ...shown),
      }
    })
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
        const { answers, tokens } = await ask(prompts, n, {
          signal: options.signal,
          onProgress: (share) => options.onProgress?.((done + share * prompts.length) / total),
        })
        done += prompts.length
        usage.pairs += n * prompts.length
        usage.tokens += tokens
        let i = 0
        for (const key of pools.keys()) {
          known.set(key, answers[i])
          store.set(key, answers[i++])
        }
      }
      const scoresOf = (orders: readonly ShownPool[]) =>
        orders.map((shown) => byCandidate(shown, known.get(shown.key) ?? []))
      return { forward: forward.map(scoresOf), backward: backward.map(scoresOf), usage }
    },
  }
}

function byTokens(model: LanguageModel, { decoder }: Config): Ask {
  const labels = labelTokens(model)
  return async (messages, n, { signal, onProgress }) => {
    const shown = labels.slice(0, n)
    const prompts = messages.map((each) => model.tokenizer.chat(each))
    for (const prompt of prompts) checkFits(model, prompt.length + n)
    const read = prompts.reduce((sum, prompt) => sum + prompt.length, 0)
    if (decoder === 'first-token') {
      const logits = await model.labelLogits(prompts, shown, { weights: 'base', signal, onProgress })
      return { answers: logits.map((row) => Array.from(row)), tokens: read }
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
    const answers = completions.map(([{ tokens }]) => shown.map((label) => -tokens.indexOf(label)))
    return { answers, tokens: read + n * prompts.length }
  }
}

function byText(model: ServedModel, { decoder }: Config): Ask {
  return async (prompts, n, options) => {
    const labels = LISTWISE_LABELS.slice(0, n)
    if (decoder === 'first-token') return await model.labelLogprobs(prompts, labels, options)
    const { answers, tokens } = await model.orders(prompts, labels, options)
    return { answers: answers.map((order) => labels.map((_, label) => -order.indexOf(label))), tokens }
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
