// A deterministic language model for tests: words that stand in the prompt are likelier to come again. It keeps the
// contract (shared prefixes, labels, constrained sampling, cancellation) and counts its calls; it does not train.

import { CancelledError } from '../../util/errors.ts'
import { seedFrom, uniform } from '../../util/random.ts'
import type { ChatMessage, LanguageModel, TokenIds, Tokenizer } from '../contract.ts'

const BOS = 0
const STOP = 1

/** Words with the space before them, single spaces, single other characters: joining texts before a space is clean. */
class ToyTokenizer implements Tokenizer {
  readonly vocabSize = 1 << 20
  readonly stopTokens = [STOP]
  readonly bosToken = BOS
  private readonly pieces = ['', '']
  private readonly ids = new Map<string, number>()

  encode(text: string): number[] {
    return (text.match(/ ?[\p{L}\p{N}]+|[^\p{L}\p{N}]/gu) ?? []).map((piece) => {
      const known = this.ids.get(piece)
      if (known !== undefined) return known
      this.ids.set(piece, this.pieces.length)
      return this.pieces.push(piece) - 1
    })
  }

  decode(tokens: TokenIds): string {
    return tokens.map((token) => this.pieces[token]).join('')
  }

  chat(messages: readonly ChatMessage[]): number[] {
    return [BOS, ...this.encode(messages.map((message) => `${message.content}\n\n`).join(''))]
  }
}

export interface ToyModel extends LanguageModel {
  /** Number of calls so far, by method. */
  readonly calls: { score: number; labelLogits: number; sample: number }
}

/** Options: `blind` makes every answer the same, whatever the prompt; `positionBias` favours candidates shown early. */
export function toyModel(options: { blind?: boolean; positionBias?: number; contextLength?: number } = {}): ToyModel {
  const { blind = false, positionBias = 0, contextLength = 4096 } = options
  const tokenizer = new ToyTokenizer()
  const calls = { score: 0, labelLogits: 0, sample: 0 }
  const contentWords = (text: string) => new Set(text.toLowerCase().match(/[\p{L}\p{N}]{4,}/gu) ?? [])

  function overlap(a: string, b: string): number {
    if (blind) return 0
    const known = contentWords(a)
    const asked = [...contentWords(b)]
    return asked.filter((word) => known.has(word)).length / Math.max(1, asked.length)
  }

  /** Yes and No: do the two described texts overlap? A letter: does the text listed under it overlap with the query? */
  function labelLogit(prompt: string, label: string): number {
    const answer = label.trim()
    const [question, ...sections] = prompt.trim().split('\n\n')
    if (answer === 'Yes' || answer === 'No')
      return answer === 'Yes' ? overlap(sections[0] ?? question, sections[1] ?? '') - 0.3 : 0
    const listed = (sections[1] ?? '').split('\n').slice(1)
    const index = listed.findIndex((line) => line.startsWith(`${answer}. `))
    return index < 0 ? -10 : overlap(sections[0], listed[index].slice(3)) - positionBias * index
  }

  function check(prompt: TokenIds, more: number, signal?: AbortSignal): void {
    if (signal?.aborted) throw new CancelledError()
    if (prompt.length + more > contextLength) throw new Error('the prompt is longer than the context')
  }

  return {
    info: { name: 'toy', digest: 'toy', contextLength, parameters: 0, trainableParameters: 0 },
    tokenizer,
    calls,

    async score(requests, callOptions) {
      calls.score++
      return requests.map(({ prefix, continuations }) => {
        const known = contentWords(blind ? '' : tokenizer.decode(prefix))
        return continuations.map((continuation) => {
          check(prefix, continuation.length, callOptions?.signal)
          return Float32Array.from(continuation, (token) => {
            const word = tokenizer.decode([token]).trim().toLowerCase()
            // Frequency of a word in general (by its hash), mixed with the words of the prompt.
            const general = 0.001 + (0.01 * (seedFrom(word) % 100)) / 100
            return Math.log(0.8 * general + (known.has(word) ? 0.2 / known.size : 0))
          })
        })
      })
    },

    async labelLogits(prompts, labels, callOptions) {
      calls.labelLogits++
      return prompts.map((prompt) => {
        check(prompt, 1, callOptions?.signal)
        const text = tokenizer.decode(prompt)
        return Float32Array.from(labels, (label) => labelLogit(text, tokenizer.decode([label])))
      })
    },

    async sample(requests, sampleOptions) {
      calls.sample++
      const { maxTokens, temperature = 1, stopTokens = tokenizer.stopTokens, allowed } = sampleOptions
      return requests.map(({ prompt, seeds }) => {
        check(prompt, maxTokens, sampleOptions.signal)
        const text = tokenizer.decode(prompt)
        const free = [...new Set([...stopTokens, ...prompt])]
        return seeds.map((seed) => {
          const next = uniform(seed)
          const tokens: number[] = []
          const logprobs: number[] = []
          while (tokens.length < maxTokens) {
            const step = allowed?.steps[Math.min(tokens.length, allowed.steps.length - 1)] ?? free
            const open = allowed?.distinct ? step.filter((token) => !tokens.includes(token)) : step
            const logits = open.map((token) => (allowed ? labelLogit(text, tokenizer.decode([token])) : 0))
            const scale = temperature === 0 ? 1 : temperature
            const top = Math.max(...logits)
            const weights = logits.map((logit) => Math.exp((logit - top) / scale))
            const total = weights.reduce((sum, weight) => sum + weight, 0)
            let chosen = logits.indexOf(top)
            if (temperature > 0) {
              let left = next() * total - weights[0]
              for (chosen = 0; left >= 0 && chosen + 1 < weights.length; left -= weights[chosen]) chosen++
            }
            tokens.push(open[chosen])
            logprobs.push(Math.log(weights[chosen] / total))
            if (stopTokens.includes(open[chosen])) break
          }
          const stopped = stopTokens.includes(tokens[tokens.length - 1])
          return { tokens, logprobs: Float32Array.from(logprobs), stopReason: stopped ? 'stop' : 'length' }
        })
      })
    },

    forwardBackward: untrainable,
    optimStep: untrainable,
    saveState: untrainable,
    loadState: untrainable,
    savePolicy: untrainable,
    loadPolicy: untrainable,
    async close() {},
  }
}

async function untrainable(): Promise<never> {
  throw new Error('the toy model does not train')
}
