// Answers of a text model, cached by content: the key is the digest of model, prompt and way of asking, and every
// answer is appended to a JSONL file as soon as it is known. An interrupted evaluation goes on where it stopped, and
// the same question is never put to the same model twice.
import { z } from 'zod'
import { BumpError, CancelledError } from '../util/errors.ts'
import { sha256 } from '../util/files.ts'
import { JsonlCache } from '../util/jsonl-cache.ts'
import type { ChatMessage } from './contract.ts'
import type { AnswerOptions, TextModel } from './text-model.ts'

/**
 * Prompts of one call of the model: what an interruption loses at most. Where answers come one by one it loses none, and
 * only the first call, which tells whether there are any answers, has so few.
 */
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

/** `notes`: what the model said of its answers by then (`TextModel.notes`). */
const answerSchema = z.object({ key: z.string(), answer: z.string(), notes: z.array(z.string()).optional() })

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
  /** Called with what the cache already had, and then as answers come. */
  onProgress?: (done: AnswerProgress) => void
}

/** Characters of a prompt. */
export function promptCharacters(prompt: readonly ChatMessage[]): number {
  return prompt.reduce((sum, { content }) => sum + content.length, 0)
}

/** Answers to prompts. */
export interface Answers {
  /** [prompt]; undefined where there is none. */
  answers: (string | undefined)[]
  /** By the index of a prompt without an answer: why. Such prompts are not cached, so they are asked again. */
  unanswered: Map<number, BumpError>
  /** What must be known to read the answers: what the model said of itself when it gave them. */
  notes: string[]
}

/**
 * The answers, from the cache where it has them. The others are asked the longest first, so that prompts of one call
 * are of similar length; equal prompts are asked once. A prompt that a server cannot answer (too long, filtered, an
 * empty answer) has none. Throws its error where no prompt has one, at once unless all were too long; CancelledError
 * where the signal aborts, what was answered by then being kept; and BumpError (`model-unusable`) where `ask` chooses
 * and the model gives no probabilities.
 */
export async function cachedAnswers(
  model: TextModel,
  prompts: readonly ChatMessage[][],
  ask: Ask,
  cache: AnswerCache,
  options: CachedAnswersOptions = {},
): Promise<Answers> {
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
  let anyAnswer = done.prompts > 0
  const failed = new Map<string, BumpError>()
  const order = [...waiting].sort(([, a], [, b]) => b.characters - a.characters)
  for (let at = 0; at < order.length; ) {
    if (options.signal?.aborted) throw new CancelledError()
    const part = order.slice(at, model.oneByOne && at > 0 ? undefined : at + PROMPTS_AT_ONCE)
    at += part.length
    const settled = new Set<number>()
    const settle = (i: number, answer: string | undefined) => {
      const [key, { characters, times }] = part[i]
      if (answer !== undefined) {
        cache.add({ key, answer, ...notesOf(model) })
        anyAnswer = true
      }
      settled.add(i)
      done.prompts += times
      done.characters += characters * times
    }
    const asked = part.map(([, { prompt }]) => prompt)
    const answers = await asking(model, asked, ask, {
      signal: options.signal,
      onUnanswered: (i, why) => failed.set(part[i][0], why),
      onAnswer(i, answer) {
        settle(i, answer)
        options.onProgress?.({ ...done })
      },
    })
    for (const [i, [key]] of part.entries()) if (!settled.has(i)) settle(i, failed.has(key) ? undefined : answers[i])
    const hopeless = !anyAnswer && [...failed.values()].find(({ code }) => code !== 'context-exceeded')
    if (hopeless) throw hopeless
    options.onProgress?.({ ...done })
  }
  if (!anyAnswer && failed.size > 0) throw [...failed.values()][0]
  const entries = keys.map((key) => cache.get(key))
  return {
    answers: entries.map((entry) => entry?.answer),
    unanswered: new Map(keys.flatMap((key, i) => (failed.has(key) ? [[i, failed.get(key)!] as const] : []))),
    notes: [...new Set(entries.flatMap((entry) => entry?.notes ?? []))],
  }
}

function notesOf({ notes = [] }: TextModel): { notes?: string[] } {
  return notes.length > 0 ? { notes: [...notes] } : {}
}

function answerKey(model: TextModel, prompt: readonly ChatMessage[], ask: Ask): string {
  const messages = prompt.map(({ role, content }) => [role, content])
  const how = ask.type === 'choose' ? ['choose', ...ask.labels] : ['generate', ask.maxTokens]
  return sha256(JSON.stringify([model.identity, messages, how]))
}

/**
 * [prompt] the answers, asked all together and not cached. Throws as `cachedAnswers`, and where any prompt has no
 * answer.
 */
export async function answersOf(
  model: TextModel,
  prompts: readonly ChatMessage[][],
  ask: Ask,
  signal?: AbortSignal,
): Promise<string[]> {
  return await asking(model, prompts, ask, { signal })
}

async function asking(
  model: TextModel,
  prompts: readonly ChatMessage[][],
  ask: Ask,
  options: Pick<AnswerOptions, 'signal' | 'onUnanswered' | 'onAnswer'>,
): Promise<string[]> {
  if (ask.type === 'generate')
    return await model.answer(prompts, { maxTokens: ask.maxTokens, temperature: 0, ...options })
  if (!model.chooseLogprobs)
    throw new BumpError(
      'model-unusable',
      `${model.name} gives no probabilities, so it cannot choose among labels. Ask it for answers in free text.`,
    )
  const logprobs = await model.chooseLogprobs(prompts, ask.labels, { signal: options.signal })
  return logprobs.map((row) => ask.labels[row.reduce((best, value, i) => (value > row[best] ? i : best), 0)])
}
