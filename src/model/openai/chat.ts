// One chat completion, asked until the request is one that the server takes. Used by open.ts and served.ts.
import { BumpError } from '../../util/errors.ts'
import { type Completion, modelOf, readCompletion } from './completion.ts'
import { cutByEstimate } from './estimate.ts'
import type { Parameters, Wanted } from './parameters.ts'
import { asksForLess, faultOfPrompt, problem, type Refusal } from './refusal.ts'
import { modelNames, post, type Server } from './server.ts'

/** Less room for thinking than this is none. */
const LEAST_THINKING = 256

/** Why a prompt has no answer; `failing`: the fault may be the server's. */
export interface Unanswered {
  unanswered: BumpError
  failing?: boolean
}

/** One answer, or why this prompt has none. Throws where no prompt would have one. */
export async function complete(
  server: Server,
  parameters: Parameters,
  wanted: Wanted,
  signal: AbortSignal | undefined,
): Promise<{ text: string; json: unknown } | Unanswered> {
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
      return await unansweredBy(server, answer, signal)
    }
    const { json } = answer
    const read = readCompletion(json)
    if ('problem' in read)
      throw new BumpError(
        'server-failed',
        `${server.shown} sent no chat completion: ${read.problem}. Is it the address of an OpenAI-compatible API?`,
      )
    parameters.heard(modelOf(json))
    if ('text' in read)
      return { text: parameters.unlimited ? cutByEstimate(read.text, wanted.maxTokens) : read.text, json }
    if (read.allThinking && thinking === 0 && !shortened && parameters.allowThinking()) thinking = parameters.thinking
    else return { unanswered: emptyAnswer(server, read, wanted.maxTokens + thinking) }
  }
}

/** What the server answers to a prompt, unread, or why it does not. Throws where it would answer no prompt. */
export async function answerOf(
  server: Server,
  parameters: Parameters,
  wanted: Wanted,
  signal: AbortSignal | undefined,
): Promise<{ json: unknown } | Unanswered> {
  for (;;) {
    const body = parameters.body(wanted, 0)
    const answer = await post(server, '/chat/completions', body, signal)
    if (!('status' in answer)) {
      parameters.heard(modelOf(answer.json))
      return answer
    }
    if (!parameters.learn(answer, body)) return await unansweredBy(server, answer, signal)
  }
}

/** The error for a refusal of one prompt. Throws it where it is not about the prompt. */
export async function unansweredBy(
  server: Server,
  refusal: Refusal,
  signal: AbortSignal | undefined,
): Promise<Unanswered> {
  const models = refusal.status === 404 ? await modelNames(server, signal) : undefined
  const error = problem(server, refusal, models)
  const fault = faultOfPrompt(refusal)
  if (fault === undefined && ![400, 422, 500].includes(refusal.status)) throw error
  return { unanswered: error, failing: refusal.status === 500 && fault === undefined }
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
