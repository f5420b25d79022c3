// Answers of a text model, cached by content: the key is the digest of model, prompt and way of asking, and every
// answer is appended to a JSONL file as soon as it is known. An interrupted evaluation goes on where it stopped, and
// the same question is never put to the same model twice.
import { z } from 'zod'
import { BumpError, CancelledError } from '../util/errors.ts'
import { sha256 } from '../util/files.ts'
import { JsonlCache } from '../util/jsonl-cache.ts'
import type { ChatMessage } from './contract.ts'
import type { TextModel } from './text-model.ts'

/** Prompts of one call of the model: what an interruption loses at most. */
const PROMPTS_AT_ONCE = 16

/** How a prompt is answered: greedily in free text, or by the likeliest of some labels. */
export type Ask = { type: 'generate'; maxTokens: number } | { type: 'choose'; labels: readonly string[] }

/** By the likeliest label where there are labels and the model gives probabilities, else in free text. */
export function askFor(
  { labels, maxTokens }: { labels?: readonly string[]; maxTokens: number },
  model: TextModel,
): Ask {
  return labels !== undefined && model.chooseLogprobs ? { type: 'choose', labels } : { type: 'generate', maxTokens }
}

const answerSchema = z.object({ key: z.string(), answer: z.string() })

/** A JSONL file of answers by their keys. */
export class AnswerCache extends JsonlCache<z.infer<typeof answerSchema>> {
  /** Opens `path`, which need not exist. Throws a BumpError (`file-unusable`) that names a line that is no answer. */
  constructor(path: string) {
    super(path, {
      parse: (value) => answerSchema.safeParse(value).data,
      key: ({ key }) => key,
      damaged: (at) => `${at} is no cached answer: the file was changed. Remove it to ask anew.`,
    })
  }
}

/** What is done: prompts, and their characters (the work is nearly proportional to these). */
export interface AnswerProgress {
  prompts: number
  characters: number
}

export interface CachedAnswersOptions {
  signal?: AbortSignal
  /** Called with what the cache already had, and then after each call of the model. */
  onProgress?: (done: AnswerProgress) => void
}

/** Characters of a prompt. */
export function promptCharacters(prompt: readonly ChatMessage[]): number {
  return prompt.reduce((sum, { content }) => sum + content.length, 0)
}

/**
 * [prompt] the answers, from the cache where it has them. The others are asked the longest first, so that prompts of
 * one call are of similar length; equal prompts are asked once. Throws CancelledError where the signal aborts, what was
 * answered by then being kept, and BumpError (`model-unusable`) where `ask` chooses and the model gives no
 * probabilities.
 */
export async function cachedAnswers(
  model: TextModel,
  prompts: readonly ChatMessage[][],
  ask: Ask,
  cache: AnswerCache,
  options: CachedAnswersOptions = {},
): Promise<string[]> {
  const keys = prompts.map((prompt) => answerKey(model, prompt, ask))
  const characters = prompts.map(promptCharacters)
  const waiting = new Map<string, { prompt: ChatMessage[]; characters: number; times: number }>()
  const done: AnswerProgress = { prompts: 0, characters: 0 }
  for (const [i, key] of keys.entries()) {
    if (cache.get(key) !== undefined) {
      done.prompts++
      done.characters += characters[i]
    } else {
      const same = waiting.get(key)
      waiting.set(key, { prompt: prompts[i], characters: characters[i], times: (same?.times ?? 0) + 1 })
    }
  }
  options.onProgress?.({ ...done })
  const order = [...waiting].sort(([, a], [, b]) => b.characters - a.characters)
  for (let at = 0; at < order.length; at += PROMPTS_AT_ONCE) {
    if (options.signal?.aborted) throw new CancelledError()
    const part = order.slice(at, at + PROMPTS_AT_ONCE)
    const asked = part.map(([, { prompt }]) => prompt)
    const answers = await answersOf(model, asked, ask, options.signal)
    cache.add(...part.map(([key], i) => ({ key, answer: answers[i] })))
    for (const [, { characters, times }] of part) {
      done.prompts += times
      done.characters += characters * times
    }
    options.onProgress?.({ ...done })
  }
  return keys.map((key) => cache.get(key)!.answer)
}

function answerKey(model: TextModel, prompt: readonly ChatMessage[], ask: Ask): string {
  const messages = prompt.map(({ role, content }) => [role, content])
  const how = ask.type === 'choose' ? ['choose', ...ask.labels] : ['generate', ask.maxTokens]
  return sha256(JSON.stringify([model.identity, messages, how]))
}

/** [prompt] the answers, asked all together and not cached. Throws as `cachedAnswers`. */
export async function answersOf(
  model: TextModel,
  prompts: readonly ChatMessage[][],
  ask: Ask,
  signal?: AbortSignal,
): Promise<string[]> {
  if (ask.type === 'generate') return await model.answer(prompts, { maxTokens: ask.maxTokens, temperature: 0, signal })
  if (!model.chooseLogprobs)
    throw new BumpError(
      'model-unusable',
      `${model.name} gives no probabilities, so it cannot choose among labels. Ask it for answers in free text.`,
    )
  const logprobs = await model.chooseLogprobs(prompts, ask.labels, { signal })
  return logprobs.map((row) => ask.labels[row.reduce((best, value, i) => (value > row[best] ? i : best), 0)])
}
