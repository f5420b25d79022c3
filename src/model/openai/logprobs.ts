// The log probabilities in a server's answer: of the tokens that an answer could begin with, and of a prompt's own.
// Used by served.ts.
import { z } from 'zod'

export interface ListedToken {
  token: string
  logprob: number
}

const firstSchema = z.object({
  choices: z
    .array(
      z.object({
        logprobs: z.object({
          content: z
            .array(z.object({ top_logprobs: z.array(z.object({ token: z.string(), logprob: z.number() })).min(1) }))
            .min(1),
        }),
      }),
    )
    .min(1),
})

/** The likeliest first tokens of a chat completion; undefined where it does not list them. */
export function firstTokens(json: unknown): ListedToken[] | undefined {
  return firstSchema.safeParse(json).data?.choices[0].logprobs.content[0].top_logprobs
}

/** What vocabularies write for a space before a word. */
const bare = (token: string) => token.replace(/^[\sĠ▁]+|\s+$/gu, '')

/** [label] of those listed; undefined where none is. One that is not listed is at most as likely as the last. */
export function labelLogprobs(listed: readonly ListedToken[], labels: readonly string[]): number[] | undefined {
  const found = labels.map(
    (label) => listed.find(({ token }) => token === label) ?? listed.find(({ token }) => bare(token) === label),
  )
  if (found.every((each) => each === undefined)) return undefined
  const least = Math.min(...listed.map(({ logprob }) => logprob))
  return found.map((each) => each?.logprob ?? least)
}

/** A text's tokens as the server writes them, each with its log probability; the first has none. */
export interface ScoredText {
  tokens: string[]
  logprobs: (number | null)[]
}

/** One way to ask for the log probabilities of a text. */
export interface TextScoring {
  /** Field of the request. */
  name: string
  request: Record<string, unknown>
  /** Undefined where the answer does not have them for this very text. */
  read(json: unknown, text: string): ScoredText | undefined
}

const echoSchema = z.object({
  choices: z
    .array(
      z.object({
        text: z.string(),
        logprobs: z.object({ tokens: z.array(z.string()), token_logprobs: z.array(z.number().nullable()) }),
      }),
    )
    .min(1),
})
const promptSchema = z.object({
  choices: z
    .array(
      z.object({ prompt_logprobs: z.array(z.record(z.string(), z.object({ logprob: z.number() })).nullable()).min(1) }),
    )
    .min(1),
})

/** In the order tried. */
export const TEXT_SCORINGS: readonly TextScoring[] = [
  {
    name: 'echo',
    request: { echo: true, max_tokens: 0, logprobs: 1 },
    read(json, text) {
      const choice = echoSchema.safeParse(json).data?.choices[0]
      if (choice === undefined || !choice.text.includes(text)) return undefined
      const { tokens, token_logprobs: logprobs } = choice.logprobs
      return tokens.length === logprobs.length ? { tokens, logprobs } : undefined
    },
  },
  {
    name: 'prompt_logprobs',
    request: { prompt_logprobs: 0, max_tokens: 1 },
    read(json) {
      const places = promptSchema.safeParse(json).data?.choices[0].prompt_logprobs.map((at) => Object.entries(at ?? {}))
      // More than the text's own token at a place could not be told apart.
      if (places === undefined || places.some((entries, i) => entries.length !== (i === 0 ? 0 : 1))) return undefined
      const tokens = places.map((entries) => entries[0]?.[0] ?? '')
      return { tokens, logprobs: places.map((entries) => entries[0]?.[1].logprob ?? null) }
    },
  },
]
