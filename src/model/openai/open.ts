// Any OpenAI-compatible server (vLLM, llama.cpp, Ollama, a hosted API) as a text model: chat completions over HTTP.
import { requireOptions } from '../../util/required.ts'
import { seedOf, type TextModel } from '../text-model.ts'
import { complete } from './chat.ts'
import { type ConnectionOptions, connectionOf } from './connection.ts'
import { cutByEstimate, estimateTokens } from './estimate.ts'
import { inParallel } from './parallel.ts'
import { spentText } from './server.ts'

/** `notes` of the model keeps what `onNote` is called with. */
export interface OpenAiOptions extends ConnectionOptions {
  /** Tokens that prompt and answer may have together; servers do not tell. Default 8192. */
  contextLength?: number
}

/** Prompts that fail one after the other in the server (500) before it is the server that is at fault. */
const FAILURES = 3

/**
 * A text model on a server; nothing is sent before the first answer is asked for. `countTokens` and `cut` are
 * estimates: servers do not share their tokenizer. It has no `chooseLogprobs`.
 *
 * What the server refuses of a request (temperature, seed, a limit's name, a system message) is left out from then on
 * and said once. `answer` throws a BumpError that names the address and what to do where the server cannot be reached
 * or refuses; with `onUnanswered`, a refusal or an empty answer that may be one prompt's alone is given to that.
 */
export function openOpenAi(options: OpenAiOptions): TextModel {
  requireOptions('openOpenAi()', options, ['baseUrl', 'model'])
  const { contextLength = 8192 } = options
  const { server, parameters, concurrency } = connectionOf(options)
  let failures = 0

  return {
    name: `${options.model} at ${server.shown}`,
    identity: JSON.stringify(['openai', server.shown, options.model]),
    contextLength,
    concurrency,
    notes: parameters.notes,
    oneByOne: true,
    countTokens: estimateTokens,
    cut: cutByEstimate,
    spent: () => spentText(server),
    async answer(prompts, answerOptions) {
      const { signal, onProgress, onUnanswered, onAnswer, maxTokens, temperature = 0 } = answerOptions
      const answers = new Array<string>(prompts.length)
      let done = 0
      await inParallel(prompts.length, concurrency, signal, async (at, ending) => {
        const seed = seedOf(answerOptions.seed, at)
        const wanted = { messages: prompts[at], maxTokens, temperature, seed }
        const answer = await complete(server, parameters, wanted, ending)
        if ('text' in answer) {
          failures = 0
          onAnswer?.(at, answer.text)
        } else {
          failures += answer.failing ? 1 : 0
          if (onUnanswered === undefined || failures >= FAILURES) throw answer.unanswered
          onUnanswered(at, answer.unanswered)
        }
        answers[at] = 'text' in answer ? answer.text : ''
        onProgress?.(++done)
      })
      return answers
    },
  }
}
