// Any model of the contract as a text model: chat template in, sampled tokens out, answers cleaned. Task backbones of
// the evaluation are opened this way (cli/shared/text-model.ts).

import { cleanText } from '../util/clean-text.ts'
import { BumpError, CancelledError } from '../util/errors.ts'
import { seedFrom } from '../util/random.ts'
import type { ChatMessage, LanguageModel, TokenIds, WeightSet } from './contract.ts'
import { cutText } from './cut.ts'
import { seedOf, type TextModel } from './text-model.ts'

/** Prompts of one call of the model: between calls the work reports progress and can be cancelled. */
const DEFAULT_BATCH = 32
/** Tokens of one call, prompts and answers padded to the longest: bounds the time between two reports. */
const BATCH_TOKENS = 16384

export interface TextModelOptions {
  /** Which weights answer. */
  weights: WeightSet
  /** What makes answers equal: the digest of the weights that answer, and whatever else decides them. */
  identity: string
  /** Most prompts of one call of the model; default 32. It decides speed and memory, not answers. */
  batch?: number
}

/**
 * A text model on a language model. The caller still owns and closes `model`. An answer depends on its prompt, the
 * options and the seed, never on the prompts beside it, so that work may be cut into parts and resumed.
 *
 * `answer` and `chooseLogprobs` throw a BumpError where a prompt with its answer is longer than the context.
 * `chooseLogprobs` is log p(label and then the end of the turn | prompt), summed over the model's stop tokens.
 */
export function textModel(model: LanguageModel, options: TextModelOptions): TextModel {
  const { tokenizer, info } = model
  const { weights, identity, batch = DEFAULT_BATCH } = options

  function encoded(prompts: readonly ChatMessage[][], answerTokens: number): TokenIds[] {
    const tokens = prompts.map((messages) => tokenizer.chat(messages))
    const longest = tokens.reduce((at, ids, i) => (ids.length > tokens[at].length ? i : at), 0)
    const length = tokens[longest]?.length ?? 0
    if (length + answerTokens > info.contextLength)
      throw new BumpError(
        'context-exceeded',
        `prompt ${longest + 1} of ${prompts.length} has ${length} tokens and its answer up to ${answerTokens}: together ` +
          `more than the ${info.contextLength} tokens of ${info.name}. Shorten the prompt (fewer or shorter items of ` +
          'history), allow a shorter answer, or use a model with a longer context.',
      )
    return tokens
  }

  return {
    name: info.name,
    identity,
    contextLength: info.contextLength,
    countTokens: (text) => tokenizer.encode(text).length,
    cut: (text, limit) => cutText(tokenizer, text, limit),

    async answer(prompts, { maxTokens, temperature = 0, seed, signal, onProgress }) {
      const tokens = encoded(prompts, maxTokens)
      return inBatches(tokens, { batch, answerTokens: maxTokens, signal, onProgress }, async (part, at) => {
        const seeds = (i: number) => seedFrom('answer', seedOf(seed, at[i]), ...part[i])
        const requests = part.map((prompt, i) => ({ prompt, seeds: [seeds(i)] }))
        const completions = await model.sample(requests, { maxTokens, temperature, weights, signal })
        return completions.map(([completion]) => cleanText(tokenizer.decode(completion.tokens)))
      })
    },

    async chooseLogprobs(prompts, labels, { signal, onProgress } = {}) {
      const ends = tokenizer.stopTokens.length > 0 ? tokenizer.stopTokens.map((token) => [token]) : [[]]
      const continuations = labels.flatMap((label) => {
        const ids = tokenizer.encode(label)
        return ends.map((end) => [...ids, ...end])
      })
      const answerTokens = Math.max(0, ...continuations.map((ids) => ids.length))
      const tokens = encoded(prompts, answerTokens)
      return inBatches(tokens, { batch, answerTokens, signal, onProgress }, async (part) => {
        const requests = part.map((prefix) => ({ prefix, continuations }))
        const scores = await model.score(requests, { weights, signal })
        return scores.map((logprobs) => {
          const ofContinuation = logprobs.map((values) => values.reduce((sum, value) => sum + value, 0))
          return labels.map((_, i) => logSumExp(ofContinuation.slice(i * ends.length, (i + 1) * ends.length)))
        })
      })
    },
  }
}

interface BatchOptions {
  batch: number
  answerTokens: number
  signal?: AbortSignal
  onProgress?: (answered: number) => void
}

/**
 * Runs `work` over prompts of similar length, the longest first (what does not fit in memory fails at once); [prompt].
 */
async function inBatches<T>(
  prompts: readonly TokenIds[],
  { batch, answerTokens, signal, onProgress }: BatchOptions,
  work: (part: TokenIds[], at: readonly number[]) => Promise<T[]>,
): Promise<T[]> {
  const order = prompts.map((_, i) => i).sort((a, b) => prompts[b].length - prompts[a].length)
  const out = new Array<T>(prompts.length)
  for (let at = 0; at < order.length; ) {
    if (signal?.aborted) throw new CancelledError()
    const padded = prompts[order[at]].length + answerTokens
    const part = order.slice(at, at + Math.max(1, Math.min(batch, Math.floor(BATCH_TOKENS / padded))))
    const results = await work(
      part.map((i) => prompts[i]),
      part,
    )
    part.forEach((i, k) => {
      out[i] = results[k]
    })
    at += part.length
    onProgress?.(at)
  }
  return out
}

function logSumExp(values: readonly number[]): number {
  const top = Math.max(...values)
  if (top === Number.NEGATIVE_INFINITY) return top
  return top + Math.log(values.reduce((sum, value) => sum + Math.exp(value - top), 0))
}
