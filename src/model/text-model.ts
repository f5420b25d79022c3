// A language model as a task backbone sees it: text in, text out. Any model of the contract is one
// (text-from-tokens.ts), and so is any OpenAI-compatible server (openai/).
import type { BumpError } from '../util/errors.ts'
import type { ChatMessage } from './contract.ts'

export interface AnswerOptions {
  /** Upper bound of an answer's tokens. */
  maxTokens: number
  /** 0 (the default) is greedy. */
  temperature?: number
  /** Determines the answers at a temperature above 0, where the model supports it: of all prompts or each. Default 1. */
  seed?: number | readonly number[]
  signal?: AbortSignal
  /** Called after each part of the work with the prompts answered so far. */
  onProgress?: (answered: number) => void
  /**
   * Called for a prompt that has no answer while others may have one: a server finds it too long, filters it, or answers
   * nothing. An empty text stands in the place of its answer. Without it, such a prompt ends the call.
   */
  onUnanswered?: (prompt: number, why: BumpError) => void
  /** Called with each answer as soon as it is there, where the model gives them `oneByOne`. */
  onAnswer?: (prompt: number, answer: string) => void
}

export interface TextModel {
  /** What the user named. */
  readonly name: string
  /** Equal identities give equal answers: part of the key of every cached answer. */
  readonly identity: string
  /** Tokens that prompt and answer may have together. */
  readonly contextLength: number
  /** What must be known to read its answers, as far as the answers so far have shown; a sentence each. */
  readonly notes?: readonly string[]
  /** Prompts that are answered side by side. */
  readonly concurrency?: number
  /** Whether answers of a call come one by one, so that it may have any number of prompts and lose none; default no. */
  readonly oneByOne?: boolean
  /** What it was asked so far, in words; undefined where nothing. Absent where it costs nothing but time. */
  spent?(): string | undefined
  /** Number of tokens of a text; an estimate where the server does not tell. */
  countTokens(text: string): number
  /** The first `limit` tokens of a text. */
  cut(text: string, limit: number): string
  /** [prompt] one answer each, trimmed, without chat markup or thinking. */
  answer(prompts: readonly ChatMessage[][], options: AnswerOptions): Promise<string[]>
  /**
   * [prompt][label] log probability that the answer is exactly this label: constrained choice. Absent where the model
   * gives no probabilities.
   */
  chooseLogprobs?(
    prompts: readonly ChatMessage[][],
    labels: readonly string[],
    options?: { signal?: AbortSignal; onProgress?: (answered: number) => void },
  ): Promise<number[][]>
}

/** The seed of a prompt. */
export const seedOf = (seed: AnswerOptions['seed'], prompt: number): number =>
  typeof seed === 'object' ? seed[prompt] : (seed ?? 1)
