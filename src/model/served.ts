// The contract of a language model that is reached by text alone, such as one on a server (model/openai/served.ts):
// what a judge asks of it. It lies on the ground floor like that of a model whose tokens are known (contract.ts).
import type { ChatMessage, Tokenizer } from './contract.ts'

/**
 * What a judge may need: `orders`, answers held to the labels of a list; `labels`, the probabilities of an answer's
 * first token; `continuations`, those of a given text.
 */
export type ServedAbility = 'orders' | 'labels' | 'continuations'

/** What a server charges for a million tokens, in any currency. */
export interface ServerPrice {
  read: number
  written: number
}

/** A server, and how it is asked. */
export interface ServerAccess {
  /** Address of the API, usually ending in /v1. */
  baseUrl: string
  /** Default: $OPENAI_API_KEY, for Azure first $AZURE_OPENAI_API_KEY. Sent to `baseUrl` only, and never shown. */
  apiKey?: string
  /** Requests under way at a time; default 8. */
  concurrency?: number
  /** Times a request is sent again where the server is busy or failing; default 5. */
  maxRetries?: number
  /** Seconds that one request may take; default 240. */
  timeout?: number
  /** Seconds before the first retry, doubled for each further one; default 0.5. A Retry-After header goes first. */
  backoff?: number
  /** Tokens that a model which thinks before it answers gets for that, beside those of the answer; default 4096. */
  thinkingTokens?: number
  /** By it the tokens spent are told as a sum, too. */
  price?: ServerPrice
  /** Default: one that knows the proxies of the environment (HTTPS_PROXY, HTTP_PROXY, NO_PROXY). */
  fetch?: typeof fetch
}

export interface ServedOptions {
  signal?: AbortSignal
  /** Called now and then with the share of the call's work that is done, from 0 to 1. */
  onProgress?: (share: number) => void
}

/** Answers, one for each thing asked. */
export interface ServedAnswers<Answer> {
  answers: Answer[]
  /** Read and written for these answers, also where they were kept from an earlier call. */
  tokens: number
}

/** A text, and how likely another one is behind it. */
export interface ContinuationRequest {
  /** Ends without white space; the continuation begins with it. */
  prefix: string
  continuation: string
  /** Only the first so many tokens of the continuation count. */
  maxTokens: number
}

/** A continuation's log probability (nats), summed over its tokens, and how many these are. */
export interface ContinuationLogprob {
  logprob: number
  tokens: number
}

/** A frozen language model that somebody serves. All methods throw what `ready` throws. */
export interface ServedModel {
  readonly info: {
    /** As the server calls it. */
    name: string
    /** Of the name alone: what is at an address, nobody can tell. */
    digest: string
  }
  /** An estimate, for budgets: servers do not share theirs. */
  readonly tokenizer: Tokenizer
  /**
   * Finds out, once, whether and how the server can do this. Throws BumpError: `judge-unusable` with the reason where
   * it cannot, `server-failed` where it does not answer; CancelledError where the signal aborts.
   */
  ready(ability: ServedAbility, signal?: AbortSignal): Promise<void>
  /** [prompt][place] the index of the label there: a complete order, each label once, greedily chosen. */
  orders(
    prompts: readonly ChatMessage[][],
    labels: readonly string[],
    options?: ServedOptions,
  ): Promise<ServedAnswers<number[]>>
  /**
   * [prompt][label] log probability that the answer begins with this label. One that the server does not list among the
   * likeliest has that of the least likely one listed; where it lists none of them, all are equal.
   */
  labelLogprobs(
    prompts: readonly ChatMessage[][],
    labels: readonly string[],
    options?: ServedOptions,
  ): Promise<ServedAnswers<number[]>>
  /** [request] */
  continuationLogprobs(
    requests: readonly ContinuationRequest[],
    options?: ServedOptions,
  ): Promise<ServedAnswers<ContinuationLogprob>>
  /** What the server was asked so far, in words; undefined where nothing. */
  spent(): string | undefined
  /** Frees nothing: the server goes on. */
  close(): Promise<void>
}

export function isServed(model: object): model is ServedModel {
  return 'orders' in model
}
