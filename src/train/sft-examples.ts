// Examples of supervised fine-tuning: a prompt, and the answer that is wanted after it. Users are either trained on or
// validated on, never both.
import { createHash } from 'node:crypto'
import type { TokenIds, Tokenizer } from '../model/contract.ts'
import { BumpError } from '../util/errors.ts'
import { seedFrom, shuffled } from '../util/random.ts'

export interface SftExample {
  id: string
  /** Whose example it is. */
  user: string
  prompt: TokenIds
  /** What the model is to answer, its stop token included. The loss is on these tokens only. */
  target: TokenIds
}

export interface SftSplit {
  train: SftExample[]
  validation: SftExample[]
}

/**
 * Answers as targets: the ids of a text and the token that ends the assistant's turn in the model's chat template (the
 * first stop token where the model has no template). The returned function throws nothing; making it throws BumpError
 * where the model has no stop token, since it could never learn to end.
 */
export function targetEncoder(tokenizer: Tokenizer): (text: string) => number[] {
  const stop = turnEnd(tokenizer)
  if (stop === undefined)
    throw new BumpError(
      'training-failed',
      'this model names no end-of-text token, so it cannot be taught to end an answer: use another',
    )
  return (text) => [...tokenizer.encode(text), stop]
}

function turnEnd(tokenizer: Tokenizer): number | undefined {
  const question = { role: 'user', content: 'a' } as const
  const prompt = tokenizer.chat([question])
  const whole = tokenizer.chat([question, { role: 'assistant', content: 'b' }])
  const from = whole.findIndex((id, i) => id !== prompt[i])
  return whole.slice(from).find((id) => tokenizer.stopTokens.includes(id)) ?? tokenizer.stopTokens[0]
}

/**
 * Examples by user: a share of the users (below 1, at least one user), or a number of them, is for validation. Both
 * parts keep the order of `examples`. Throws BumpError where no user is left to train on.
 */
export function splitExamples(examples: readonly SftExample[], part: number, seed: number): SftSplit {
  const users = shuffled([...new Set(examples.map(({ user }) => user))].sort(), seedFrom(seed, 'sft-validation'))
  const held = part >= 1 ? Math.floor(part) : part > 0 ? Math.max(1, Math.round(part * users.length)) : 0
  if (held >= users.length)
    throw new BumpError(
      'training-failed',
      `${examples.length} examples of ${users.length} users, and ${held} users for validation: none are left to train on. Lower validation.users, or give more examples.`,
    )
  const validation = new Set(users.slice(0, held))
  return {
    train: examples.filter(({ user }) => !validation.has(user)),
    validation: examples.filter(({ user }) => validation.has(user)),
  }
}

/** SHA-256 over both parts' examples in their order: a resumed run must see the very tokens it was started with. */
export function examplesDigest({ train, validation }: SftSplit): string {
  const hash = createHash('sha256')
  for (const part of [train, validation])
    hash.update(JSON.stringify(part.map(({ id, user, prompt, target }) => [id, user, prompt, target])))
  return hash.digest('hex')
}

/** Examples with the very same prompt. */
export interface PromptGroup {
  prompt: TokenIds
  targets: TokenIds[]
}

/** The examples grouped by prompt, in order of first appearance, so that a prompt is computed once. */
export function groupByPrompt(examples: readonly SftExample[]): PromptGroup[] {
  const groups = new Map<string, PromptGroup>()
  for (const { prompt, target } of examples) {
    const key = prompt.join()
    const group = groups.get(key)
    if (group) group.targets.push(target)
    else groups.set(key, { prompt, targets: [target] })
  }
  return [...groups.values()]
}
