// The listwise judge: the query and the lettered candidates stand in one prompt, shown in M random orders, and the
// answer is a complete ordering by constrained decoding (docs/method.md §5) [paper].
import type { LanguageModel, TokenIds } from '../model/contract.ts'
import { BumpError } from '../util/errors.ts'
import { seedFrom, shuffled } from '../util/random.ts'
import { checkFits, truncateText } from './budget.ts'
import { type ScoreStore, scoreKey } from './cache.ts'
import type { JudgeConfig } from './config.ts'
import { LISTWISE_LABELS, listwisePrompt } from './prompts.ts'
import type { Judge, Pool, RankRequest, RankResult } from './types.ts'

/** One prompt: a pool in one order. `order[i]` is the candidate shown under label i. */
interface Look {
  prompt: TokenIds
  order: number[]
  key: string
}

/** A judge that reads whole pools. Throws BumpError where the labels are no single tokens, or a pool has too many candidates. */
export function listwiseJudge(
  model: LanguageModel,
  config: Extract<JudgeConfig, { scorer: 'listwise' }>,
  cache: ScoreStore,
): Judge {
  const { tokenizer } = model
  const labels = labelTokens(model)

  function looksAt(direction: 'forward' | 'backward', pool: Pool): Look[] {
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
    const query = truncateText(tokenizer, pool.query, queryBudget)
    const candidates = pool.candidates.map((candidate) => truncateText(tokenizer, candidate, candidateBudget))
    return Array.from({ length: config.orders }, (_, view) => {
      const order = shuffled([...candidates.keys()], seedFrom(pool.seed, 'order', view))
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
  async function answer(prompts: readonly TokenIds[], n: number, signal?: AbortSignal): Promise<number[][]> {
    const shown = labels.slice(0, n)
    if (config.decoder === 'first-token') {
      const logits = await model.labelLogits(prompts, shown, { weights: 'base', signal })
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
      },
    )
    return completions.map(([{ tokens }]) => shown.map((label) => -tokens.indexOf(label)))
  }

  return {
    config,
    async rank(request: RankRequest, options = {}): Promise<RankResult> {
      const forward = request.forward.map((pool) => looksAt('forward', pool))
      const backward = request.backward.map((pool) => looksAt('backward', pool))
      const known = new Map<string, readonly number[]>()
      const missing = new Map<number, Map<string, Look>>()
      for (const look of [...forward.flat(), ...backward.flat()]) {
        if (known.has(look.key)) continue
        const cached = cache.get(look.key)
        if (cached !== undefined) {
          known.set(look.key, cached)
          continue
        }
        const n = look.order.length
        const sameSize = missing.get(n) ?? new Map<string, Look>()
        missing.set(n, sameSize.set(look.key, look))
      }
      const usage = { pairs: 0, tokens: 0 }
      for (const [n, looks] of missing) {
        const prompts = [...looks.values()].map((look) => look.prompt)
        const scores = await answer(prompts, n, options.signal)
        let i = 0
        for (const [key, look] of looks) {
          usage.pairs += n
          usage.tokens += look.prompt.length + (config.decoder === 'permutation' ? n : 0)
          known.set(key, scores[i])
          cache.set(key, scores[i++])
        }
      }
      const scoresOf = (looks: readonly Look[]) => looks.map((look) => unshuffled(look, known.get(look.key) ?? []))
      return { forward: forward.map(scoresOf), backward: backward.map(scoresOf), usage }
    },
  }
}

function unshuffled(look: Look, byLabel: readonly number[]): number[] {
  const scores = new Array<number>(look.order.length)
  look.order.forEach((candidate, label) => {
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
