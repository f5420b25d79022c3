// A language model on any OpenAI-compatible server as a judge's model: orders by constrained answers, log probabilities
// of labels and of texts. What the server has of these is found out by trying, and every answer is checked: a field
// that a server does not know it passes over without a word.
import { BumpError } from '../../util/errors.ts'
import { sha256 } from '../../util/files.ts'
import { requireOptions } from '../../util/required.ts'
import type { ChatMessage } from '../contract.ts'
import type { ContinuationRequest, ServedAbility, ServedAnswers, ServedModel, ServedOptions } from '../served.ts'
import { answerOf, complete, unansweredBy } from './chat.ts'
import { type ConnectionOptions, connectionOf } from './connection.ts'
import { CONSTRAINTS, type Constraint, satisfies } from './constraints.ts'
import { estimateTokens, estimatingTokenizer } from './estimate.ts'
import { firstTokens, labelLogprobs, type ScoredText, TEXT_SCORINGS, type TextScoring } from './logprobs.ts'
import { inParallel } from './parallel.ts'
import { post, spentText, usageOf } from './server.ts'

/** Answers by content: the tokens that each took, and then its numbers. */
export interface AnswerStore {
  get(key: string): readonly number[] | undefined
  set(key: string, answer: readonly number[]): void
}

export interface ServedModelOptions extends ConnectionOptions {
  /** Keeps each answer as soon as it is there; what it holds is not asked again. Default: a Map. */
  answers?: AnswerStore
}

/** Likeliest tokens that are asked for, most first: more is what no server allows. */
const LISTED = [20, 5] as const
const QUESTION: ChatMessage[] = [{ role: 'user', content: 'Is water wet? Answer with one word, Yes or No.' }]
const UNCONSTRAINED: ChatMessage[] = [{ role: 'user', content: 'Write the word "apple".' }]
const SAMPLE = 'A record of a person: likes gardening'
/** Characters of an answer that an error repeats. */
const QUOTED = 80

/**
 * A model on a server as a judge reads with it; nothing is sent before it is asked. Throws BumpError
 * (`invalid-options`) where address or key cannot be used. Its name is what its scores are kept under: two servers that
 * call different models alike would be taken for one.
 */
export function openServedModel(options: ServedModelOptions): ServedModel {
  requireOptions('openServedModel()', options, ['baseUrl', 'model'])
  const { server, parameters, concurrency, onNote } = connectionOf(options)
  const { answers: kept = new Map<string, readonly number[]>() } = options
  const { model, shown } = server
  const digest = sha256(JSON.stringify(['served', model]))
  const where = `${model} at ${shown}`
  const unusable = (why: string) => new BumpError('judge-unusable', `${where} ${why}`)
  let unlisted = false

  /** [item] the answer's numbers. Equal items are asked once, those that the store has never. */
  async function answered<Item>(
    ability: ServedAbility,
    items: readonly Item[],
    ask: (item: Item, signal: AbortSignal) => Promise<readonly number[]>,
    { signal, onProgress }: ServedOptions,
  ): Promise<ServedAnswers<readonly number[]>> {
    const keys = items.map((item) => sha256(JSON.stringify([digest, ability, item])))
    const found = new Map<string, readonly number[]>()
    const missing = new Map<string, Item>()
    for (const [i, key] of keys.entries()) {
      const known = kept.get(key)
      if (known) found.set(key, known)
      else missing.set(key, items[i])
    }
    const waiting = [...missing]
    if (waiting.length > 0) await ready(ability, signal)
    let done = 0
    await inParallel(waiting.length, concurrency, signal, async (at, ending) => {
      const [key, item] = waiting[at]
      const answer = await ask(item, ending)
      found.set(key, answer)
      kept.set(key, answer)
      onProgress?.(++done / waiting.length)
    })
    const answers = keys.map((key) => found.get(key)!.slice(1))
    return { answers, tokens: [...found.values()].reduce((sum, [tokens]) => sum + tokens, 0) }
  }

  /** The labels of one answer, the fixed ones first, and its tokens; undefined where it does not keep to them. */
  async function constrained(
    constraint: Constraint,
    messages: readonly ChatMessage[],
    fixed: readonly string[],
    left: readonly string[],
    signal: AbortSignal | undefined,
  ): Promise<{ labels?: string[]; text: string; tokens: number } | { unanswered: BumpError }> {
    const maxTokens = constraint.tokens(fixed.length + left.length)
    const wanted = { messages, maxTokens, temperature: 0, seed: 1, more: constraint.request(fixed, left) }
    const answer = await complete(server, parameters, wanted, signal)
    if (!('text' in answer)) return answer
    const labels = constraint.read(answer.text)
    return {
      labels: labels && satisfies(labels, fixed, left) ? labels : undefined,
      text: answer.text,
      tokens: tokensOf(answer.json, messages),
    }
  }

  const constraint = once(async (signal) => {
    const tried: string[] = []
    for (const each of CONSTRAINTS) {
      const answer = await constrained(each, UNCONSTRAINED, ['Q', 'Z'], ['A', 'B', 'C'], signal)
      if ('labels' in answer && answer.labels) {
        onNote(`${where}: orders by ${each.name}`)
        return each
      }
      tried.push('text' in answer ? `${each.name} is ignored` : `${each.name}: ${answer.unanswered.message}`)
    }
    throw unusable(`cannot be held to the labels of a list (${tried.join('; ')}): use a scorer that needs no order`)
  })

  const listed = once(async (signal) => {
    const tried: string[] = []
    for (const count of LISTED) {
      const answer = await answerOf(server, parameters, firstToken(QUESTION, count), signal)
      if ('unanswered' in answer) {
        tried.push(answer.unanswered.message)
        continue
      }
      const tokens = firstTokens(answer.json)
      if (tokens === undefined) throw unusable('ignores "logprobs": it tells no probability of a label')
      if (labelLogprobs(tokens, ['Yes', 'No'])) return count
      throw unusable(
        `begins its answers with ${JSON.stringify(tokens[0].token)} and not with a label: a model that thinks first gives no probabilities of labels`,
      )
    }
    throw unusable(`gives no log probabilities of labels (${tried.join('; ')})`)
  })

  const scoring = once(async (signal) => {
    const tried: string[] = []
    for (const each of TEXT_SCORINGS) {
      const answer = await scored(each, SAMPLE, SAMPLE, signal)
      if (answer instanceof BumpError) tried.push(`${each.name}: ${answer.message}`)
      else if (answer && answer.tokens.length > 3) return each
      else tried.push(`${each.name} is ignored`)
    }
    throw unusable(`gives no log probabilities of a text (${tried.join('; ')}): use another scorer than likelihood`)
  })

  async function ready(ability: ServedAbility, signal?: AbortSignal): Promise<void> {
    await { orders: constraint, labels: listed, continuations: scoring }[ability](signal)
  }

  /** The error where the server has no answer, undefined where it is another one. `found`: what it must repeat. */
  async function scored(
    { request, read }: TextScoring,
    text: string,
    found: string,
    signal: AbortSignal | undefined,
  ): Promise<ScoredText | BumpError | undefined> {
    const answer = await post(server, '/completions', { model, prompt: text, ...request }, signal)
    if (!('status' in answer)) return read(answer.json, found)
    if (answer.status === 404) return unusable('has no /completions')
    return (await unansweredBy(server, answer, signal)).unanswered
  }

  /** The log probabilities of a text. Throws where there are none. */
  async function scoredText(text: string, signal: AbortSignal): Promise<ScoredText> {
    const answer = await scored(await scoring(signal), text, '', signal)
    if (answer instanceof BumpError) throw answer
    if (answer) return answer
    throw new BumpError('server-failed', `${where} gave no log probabilities of a text, though of others it did`)
  }

  return {
    info: { name: model, digest },
    tokenizer: estimatingTokenizer(),
    ready,

    async orders(prompts, labels, options = {}) {
      const ask = async ({ messages }: { messages: ChatMessage[] }, signal: AbortSignal) => {
        const fixed: string[] = []
        let tokens = 0
        // An answer may repeat a label: what stands before is what a greedy choice among all others gives, and stays.
        for (;;) {
          const left = labels.filter((label) => !fixed.includes(label))
          if (left.length < 2) return [tokens, ...[...fixed, ...left].map((label) => labels.indexOf(label))]
          const how = await constraint(signal)
          const answer = await constrained(how, messages, fixed, left, signal)
          if ('unanswered' in answer) throw answer.unanswered
          if (!answer.labels)
            throw new BumpError(
              'server-failed',
              `${where} ignored ${how.name}, though before it did not: it answered ${JSON.stringify(answer.text.slice(0, QUOTED))} where an order of ${labels.join('')} was asked`,
            )
          tokens += answer.tokens
          for (const label of answer.labels.slice(fixed.length)) {
            if (fixed.includes(label)) break
            fixed.push(label)
          }
        }
      }
      const { answers, tokens } = await answered(
        'orders',
        prompts.map((messages) => ({ messages, labels })),
        ask,
        options,
      )
      return { answers: answers.map((order) => [...order]), tokens }
    },

    async labelLogprobs(prompts, labels, options = {}) {
      const ask = async ({ messages }: { messages: ChatMessage[] }, signal: AbortSignal) => {
        const answer = await answerOf(server, parameters, firstToken(messages, await listed(signal)), signal)
        if ('unanswered' in answer) throw answer.unanswered
        const tokens = firstTokens(answer.json)
        if (tokens === undefined) throw new BumpError('server-failed', `${where} listed no probabilities of an answer`)
        const logprobs = labelLogprobs(tokens, labels)
        if (!logprobs && !unlisted) {
          unlisted = true
          onNote(
            `${where}: an answer begins with ${JSON.stringify(tokens[0].token)}, and none of ${labels.join(', ')} is among its likeliest tokens: such candidates tie`,
          )
        }
        return [tokensOf(answer.json, messages), ...(logprobs ?? labels.map(() => 0))]
      }
      const { answers, tokens } = await answered(
        'labels',
        prompts.map((messages) => ({ messages, labels })),
        ask,
        options,
      )
      return { answers: answers.map((logprobs) => [...logprobs]), tokens }
    },

    async continuationLogprobs(requests, options = {}) {
      // A prefix is asked by itself once: how many tokens it has nobody else can say.
      const prefixes = new Map<string, Promise<ScoredText>>()
      const ask = async ({ prefix, continuation, maxTokens }: ContinuationRequest, signal: AbortSignal) => {
        const before = prefixes.get(prefix) ?? scoredText(prefix, signal)
        prefixes.set(prefix, before)
        const [{ tokens }, whole] = await Promise.all([before, scoredText(prefix + continuation, signal)])
        const end = tokens.findIndex((token, i) => token !== whole.tokens[i])
        const start = Math.max(1, end < 0 ? tokens.length : end)
        const own = whole.logprobs.slice(start, start + maxTokens)
        if (own.length === 0 || own.includes(null))
          throw new BumpError('server-failed', `${where} gave no log probabilities of ${JSON.stringify(continuation)}`)
        return [whole.tokens.length, own.reduce<number>((sum, logprob) => sum + logprob!, 0), own.length]
      }
      const { answers, tokens } = await answered('continuations', requests, ask, options)
      return { answers: answers.map(([logprob, own]) => ({ logprob, tokens: own })), tokens }
    },

    spent: () => spentText(server),
    async close() {},
  }
}

/** Asks for the first token of an answer, and what else it could be. */
const firstToken = (messages: readonly ChatMessage[], count: number) => ({
  messages,
  maxTokens: 1,
  // Where a server scales them by it, this leaves the probabilities what the model says.
  temperature: 1,
  seed: 1,
  more: { logprobs: true, top_logprobs: count },
})

/** Tokens that an answer took: what the server says, else an estimate. */
function tokensOf(json: unknown, messages: readonly ChatMessage[]): number {
  const { read = 0, written = 0 } = usageOf(json) ?? {}
  return read + written || messages.reduce((sum, { content }) => sum + estimateTokens(content), 0)
}

/** What is found out once; a failure other than a plain no is forgotten, so that the next call tries again. */
function once<T>(find: (signal?: AbortSignal) => Promise<T>): (signal?: AbortSignal) => Promise<T> {
  let found: Promise<T> | undefined
  return (signal) => {
    found ??= find(signal).catch((error: unknown) => {
      if (!BumpError.isInstance(error) || error.code !== 'judge-unusable') found = undefined
      throw error
    })
    return found
  }
}
