/**
 * The profile of a user in every call of a model of the AI SDK, placed as the proxy places it.
 *
 * ```ts
 * import { wrapLanguageModel } from 'ai'
 * import { profileMiddleware } from 'bump-profiles/ai-sdk'
 * import { BumpClient } from 'bump-profiles/client'
 *
 * const client = new BumpClient({ url: 'http://127.0.0.1:8080', key: process.env.BUMP_KEY! })
 * const model = wrapLanguageModel({ model: openai('gpt-5'), middleware: profileMiddleware({ client, user: 'u7' }) })
 * ```
 *
 * @module
 */
import type { BumpClient } from './client.ts'
import { placeInMessages } from './place.ts'
import { latestTurns } from './turns.ts'

export interface ProfileMiddlewareOptions {
  client: BumpClient
  /** Whose profile. Of your session, never of a request's body. */
  user: string
  /** About the most tokens of what is said. Default: 256. */
  maxTokens?: number
  /** Stores what the user said since the last answer as interactions, each once. Default: false. */
  record?: boolean
  /** Milliseconds that a call waits for the store. Default: 200. */
  timeoutMs?: number
  /** Told why a call went without its profile, or its turns were not stored: a chat goes on. */
  onProblem?: (problem: unknown) => void
}

/** Fits `LanguageModelMiddleware` of the AI SDK, whose package this one does not need. */
export interface ProfileMiddleware {
  specificationVersion: 'v3'
  transformParams<P extends { prompt: unknown[] }>(options: { params: P }): Promise<P>
}

/** A middleware for `wrapLanguageModel`, for one user. */
export function profileMiddleware(options: ProfileMiddlewareOptions): ProfileMiddleware {
  const { client, user, maxTokens = 256, record = false, timeoutMs = 200, onProblem = () => {} } = options
  const block = async (): Promise<string> => {
    try {
      return await client.profileBlock(user, { maxTokens, signal: AbortSignal.timeout(timeoutMs) })
    } catch (problem) {
      onProblem(problem)
      return ''
    }
  }
  const stored = async (prompt: unknown[]): Promise<void> => {
    try {
      const turns = await latestTurns(prompt)
      if (turns.length === 0) return
      const interactions = turns.map((turn) => ({ user, ...turn }))
      await client.addInteractions(interactions, { signal: AbortSignal.timeout(timeoutMs) })
    } catch (problem) {
      onProblem(problem)
    }
  }
  return {
    specificationVersion: 'v3',
    async transformParams({ params }) {
      const [said] = await Promise.all([block(), record && stored(params.prompt)])
      if (said === '') return params
      const placed = placeInMessages({ messages: params.prompt }, said)
      return placed === undefined ? params : { ...params, prompt: placed.messages as unknown[] }
    },
  }
}
