// Any OpenAI-compatible server (vLLM, llama.cpp, Ollama, a hosted API) as a text model: chat completions over HTTP.
import { z } from 'zod'
import { cleanText } from '../../util/clean-text.ts'
import { BumpError } from '../../util/errors.ts'
import type { ChatMessage } from '../contract.ts'
import type { AnswerOptions, TextModel } from '../text-model.ts'
import { cutByEstimate, estimateTokens } from './estimate.ts'
import { checkedServer, post, type Server } from './server.ts'

export interface OpenAiOptions {
  /** Address of the API, usually ending in /v1. */
  baseUrl: string
  /** The model's name on that server. */
  model: string
  /** Default: $OPENAI_API_KEY. Sent to `baseUrl` only, and never shown. */
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
  fetch?: typeof fetch
}

// Lenient: servers add fields of their own and leave out what they do not know.
const completionSchema = z.object({
  choices: z
    .array(z.object({ message: z.object({ content: z.string().nullish() }), finish_reason: z.string().nullish() }))
    .min(1),
})

interface Answer {
  text: string
  /** Cut at the token limit before it began: all tokens went into thinking. */
  allThinking: boolean
}

/**
 * A text model on a server; nothing is sent before the first answer is asked for. `countTokens` and `cut` are
 * estimates: servers do not share their tokenizer. It has no `chooseLogprobs`. `answer` throws a BumpError that names
 * the address and what to do where the server cannot be reached or refuses.
 */
export function openOpenAi(options: OpenAiOptions): TextModel {
  const { concurrency = 8, maxRetries = 5, contextLength = 8192, timeout = 240, backoff = 0.5 } = options
  const server = checkedServer({
    baseUrl: options.baseUrl,
    model: options.model,
    apiKey: (options.apiKey ?? process.env.OPENAI_API_KEY)?.trim() || undefined,
    maxRetries,
    timeout: timeout * 1000,
    backoff: backoff * 1000,
    fetch: options.fetch ?? fetch,
  })
  const limit = { name: 'max_tokens' as 'max_tokens' | 'max_completion_tokens' }

  return {
    name: `${options.model} at ${server.shown}`,
    identity: JSON.stringify(['openai', server.shown, options.model]),
    contextLength,
    countTokens: estimateTokens,
    cut: cutByEstimate,
    async answer(prompts, answerOptions) {
      const { signal, onProgress } = answerOptions
      // The first failure ends the requests beside it.
      const ending = new AbortController()
      const end = () => ending.abort()
      signal?.addEventListener('abort', end, { once: true })
      if (signal?.aborted) end()
      const answers = new Array<Answer>(prompts.length)
      let next = 0
      let done = 0
      const work = async () => {
        while (next < prompts.length) {
          const at = next++
          answers[at] = await complete(server, limit, prompts[at], { ...answerOptions, signal: ending.signal })
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
      if (answers.length > 0 && answers.every(({ allThinking }) => allThinking))
        throw new BumpError(
          'server-failed',
          `${options.model} spends all of the ${answerOptions.maxTokens} tokens on thinking and answers nothing. Allow longer answers, or switch thinking off on the server.`,
        )
      return answers.map(({ text }) => text)
    },
  }
}

async function complete(
  server: Server,
  limit: { name: 'max_tokens' | 'max_completion_tokens' },
  messages: readonly ChatMessage[],
  { maxTokens, temperature = 0, seed = 1, signal }: AnswerOptions,
): Promise<Answer> {
  const send = (name: typeof limit.name) => {
    const body = { model: server.model, messages, temperature, seed, [name]: maxTokens }
    return post(server, '/chat/completions', body, signal)
  }
  const sent = limit.name
  const json = await send(sent).catch((error: Error) => {
    // Newer models of OpenAI refuse the name that all other servers know.
    if (sent === 'max_completion_tokens' || !error.message.includes('max_completion_tokens')) throw error
    limit.name = 'max_completion_tokens'
    return send(limit.name)
  })
  const parsed = completionSchema.safeParse(json)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    throw new BumpError(
      'server-failed',
      `${server.shown} sent no chat completion: "${issue.path.join('.')}": ${issue.message}. Is it the address of an OpenAI-compatible API?`,
    )
  }
  const { message, finish_reason } = parsed.data.choices[0]
  const text = cleanText(message.content ?? '')
  return { text, allThinking: text === '' && finish_reason === 'length' }
}
