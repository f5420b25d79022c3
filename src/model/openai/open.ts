// Any OpenAI-compatible server (vLLM, llama.cpp, Ollama, a hosted API) as a text model: chat completions over HTTP.
import { BumpError } from '../../util/errors.ts'
import { requireOptions } from '../../util/required.ts'
import { patientFetch } from '../../util/web-fetch.ts'
import type { TextModel } from '../text-model.ts'
import { type Completion, modelOf, readCompletion } from './completion.ts'
import { cutByEstimate, estimateTokens } from './estimate.ts'
import { Parameters, type Wanted } from './parameters.ts'
import { asksForLess, faultOfPrompt, problem } from './refusal.ts'
import { checkedServer, modelNames, post, type Server } from './server.ts'

export interface OpenAiOptions {
  /** Address of the API, usually ending in /v1. */
  baseUrl: string
  /** The model's name on that server. */
  model: string
  /** Default: $OPENAI_API_KEY, for Azure first $AZURE_OPENAI_API_KEY. Sent to `baseUrl` only, and never shown. */
  apiKey?: string
  /** Requests under way at a time; default 8. */
  concurrency?: number
  /** Times a request is sent again where the server is busy or failing; default 5. */
  maxRetries?: number
  /** Tokens that prompt and answer may have together; servers do not tell. Default 8192. */
  contextLength?: number
  /** Seconds that one request may take; default 240. */
  timeout?: number
  /** Seconds before the first retry, doubled for each further one; default 0.5. A Retry-After header goes first. */
  backoff?: number
  /** Tokens that a model which thinks before it answers gets for that, beside those of the answer; default 4096. */
  thinkingTokens?: number
  /**
   * Called once with each thing that the server does not take (a parameter, a system message) and what follows for the
   * answers; `notes` of the model keeps them. Default: a warning of the process.
   */
  onNote?: (line: string) => void
  /** Default: one that knows the proxies of the environment (HTTPS_PROXY, HTTP_PROXY, NO_PROXY). */
  fetch?: typeof fetch
}

/** Prompts that fail one after the other in the server (500) before it is the server that is at fault. */
const FAILURES = 3
/** Less room for thinking than this is none. */
const LEAST_THINKING = 256

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
  const { concurrency = 8, maxRetries = 5, contextLength = 8192, timeout = 240, backoff = 0.5 } = options
  const server = checkedServer({
    baseUrl: options.baseUrl,
    model: options.model,
    apiKey: options.apiKey,
    maxRetries,
    timeout: timeout * 1000,
    backoff: backoff * 1000,
    fetch: options.fetch ?? patientFetch,
  })
  const onNote = options.onNote ?? ((line: string) => process.emitWarning(line))
  let failures = 0
  const parameters = new Parameters(options.model, options.thinkingTokens ?? 4096, onNote)

  return {
    name: `${options.model} at ${server.shown}`,
    identity: JSON.stringify(['openai', server.shown, options.model]),
    contextLength,
    notes: parameters.notes,
    countTokens: estimateTokens,
    cut: cutByEstimate,
    async answer(prompts, answerOptions) {
      const { signal, onProgress, onUnanswered, maxTokens, temperature = 0, seed = 1 } = answerOptions
      // The first failure ends the requests beside it.
      const ending = new AbortController()
      const end = () => ending.abort()
      signal?.addEventListener('abort', end, { once: true })
      if (signal?.aborted) end()
      const answers = new Array<string>(prompts.length)
      let next = 0
      let done = 0
      const work = async () => {
        while (next < prompts.length) {
          const at = next++
          const wanted = { messages: prompts[at], maxTokens, temperature, seed }
          const answer = await complete(server, parameters, wanted, ending.signal)
          if (typeof answer === 'string') failures = 0
          else {
            failures += answer.failing ? 1 : 0
            if (onUnanswered === undefined || failures >= FAILURES) throw answer.unanswered
            onUnanswered(at, answer.unanswered)
          }
          answers[at] = typeof answer === 'string' ? answer : ''
          onProgress?.(++done)
        }
      }
      const workers = Array.from({ length: Math.min(concurrency, prompts.length) }, work)
      try {
        await Promise.all(workers)
      } catch (error) {
        end()
        await Promise.allSettled(workers)
        throw error
      } finally {
        signal?.removeEventListener('abort', end)
      }
      return answers
    },
  }
}

/**
 * One answer, or why this prompt has none; `failing`: the fault may be the server's. Throws where no prompt would have
 * one.
 */
async function complete(
  server: Server,
  parameters: Parameters,
  wanted: Wanted,
  signal: AbortSignal,
): Promise<string | { unanswered: BumpError; failing?: boolean }> {
  let { thinking } = parameters
  for (let shortened = false; ; ) {
    const body = parameters.body(wanted, thinking)
    const answer = await post(server, '/chat/completions', body, signal)
    if ('status' in answer) {
      if (thinking > 0 && asksForLess(answer)) {
        thinking = thinking >= 2 * LEAST_THINKING ? Math.floor(thinking / 2) : 0
        shortened = true
        continue
      }
      if (parameters.learn(answer, body)) continue
      const models = answer.status === 404 ? await modelNames(server, signal) : undefined
      const error = problem(server, answer, models)
      if (faultOfPrompt(answer) === undefined && ![400, 422, 500].includes(answer.status)) throw error
      return { unanswered: error, failing: answer.status === 500 && faultOfPrompt(answer) === undefined }
    }
    const read = readCompletion(answer.json)
    if ('problem' in read)
      throw new BumpError(
        'server-failed',
        `${server.shown} sent no chat completion: ${read.problem}. Is it the address of an OpenAI-compatible API?`,
      )
    parameters.heard(modelOf(answer.json))
    if ('text' in read) return parameters.unlimited ? cutByEstimate(read.text, wanted.maxTokens) : read.text
    if (read.allThinking && thinking === 0 && !shortened && parameters.allowThinking()) thinking = parameters.thinking
    else return { unanswered: emptyAnswer(server, read, wanted.maxTokens + thinking) }
  }
}

function emptyAnswer(
  { model, shown }: Server,
  read: Extract<Completion, { missing: string }>,
  tokens: number,
): BumpError {
  if (read.allThinking)
    return new BumpError(
      'server-failed',
      `${model} spends all of the ${tokens} tokens on thinking and answers nothing. Allow longer answers, or switch thinking off on the server.`,
    )
  return new BumpError('server-failed', `the answer of ${model} at ${shown} ${read.missing}.`)
}
