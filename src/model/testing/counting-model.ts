// A text model for tests: answers with the longest word of a prompt, chooses the label that stands in it, and counts.

import { type BumpError, CancelledError } from '../../util/errors.ts'
import type { ChatMessage } from '../contract.ts'
import type { TextModel } from '../text-model.ts'

export interface CountingModel extends TextModel {
  /** [call] characters of each prompt, in the order asked. */
  readonly calls: number[][]
}

interface CountingOptions {
  identity?: string
  choose?: boolean
  /** The call (from 1) that ends as if it were cancelled. */
  failAt?: number
  contextLength?: number
  /** Why a prompt gets no answer; undefined where it gets one. */
  unanswered?: (text: string) => BumpError | undefined
  notes?: readonly string[]
}

export function countingModel(options: CountingOptions = {}): CountingModel {
  const { identity = 'counting', choose = false, failAt, contextLength = 2048, unanswered, notes } = options
  const calls: number[][] = []
  const textOf = (prompt: readonly ChatMessage[]) => prompt.map(({ content }) => content).join('\n')
  const count = (prompts: readonly ChatMessage[][], signal?: AbortSignal): void => {
    if (signal?.aborted || calls.length + 1 === failAt) throw new CancelledError()
    calls.push(prompts.map((prompt) => textOf(prompt).length))
  }
  return {
    name: identity,
    identity,
    contextLength,
    calls,
    countTokens: (text) => text.split(/\s+/).filter(Boolean).length,
    cut: (text, limit) => text.split(/\s+/).filter(Boolean).slice(0, limit).join(' '),
    notes,
    async answer(prompts, { signal, onUnanswered }) {
      count(prompts, signal)
      return prompts.map((prompt, i) => {
        const why = unanswered?.(textOf(prompt))
        if (why) onUnanswered?.(i, why)
        const words = textOf(prompt).match(/\w+/g)!
        return why ? '' : words.reduce((a, b) => (b.length > a.length ? b : a))
      })
    },
    ...(choose && {
      async chooseLogprobs(prompts: readonly ChatMessage[][], labels: readonly string[], o?: { signal?: AbortSignal }) {
        count(prompts, o?.signal)
        return prompts.map((prompt) => labels.map((label) => (textOf(prompt).endsWith(label) ? -1 : -5)))
      },
    }),
  }
}
