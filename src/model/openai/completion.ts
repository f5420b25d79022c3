// What a chat completion says: the answer without thinking, or why there is none. Used by open.ts.
import { z } from 'zod'
import { cleanText } from '../../util/clean-text.ts'

// Lenient: servers add fields of their own and leave out what they do not know.
const text = z.string().nullish().catch(undefined)
const messageSchema = z.object({
  content: z.union([z.string(), z.array(z.unknown())]).nullish(),
  reasoning_content: text,
  reasoning: text,
  thinking: text,
  refusal: text,
})
const completionSchema = z.object({
  choices: z.array(z.object({ message: messageSchema, finish_reason: text })),
})

/** An answer, or why the server's words are none: a phrase that follows "the answer". */
export type Completion = { text: string } | { missing: string; allThinking: boolean }

/** The model that a completion says it is from. */
export function modelOf(json: unknown): string | undefined {
  const { model } = (json ?? {}) as { model?: unknown }
  return typeof model === 'string' && model !== '' ? model.replace(/\p{Cc}/gu, '').slice(0, 200) : undefined
}

/** Reasons to end that leave no answer behind, even where some words came before. */
const ENDED_BY_SERVER = /filter|safety|blocklist|prohibited|sensitive|recitation|error/i

/** Reads a completion; where the JSON is none, `problem` names the field. */
export function readCompletion(json: unknown): Completion | { problem: string } {
  const parsed = completionSchema.safeParse(json)
  if (!parsed.success) {
    const [{ path, message }] = parsed.error.issues
    return { problem: `"${path.join('.')}": ${message}` }
  }
  const [choice] = parsed.data.choices
  const missing = (why: string, allThinking = false) => ({ missing: why, allThinking })
  if (choice === undefined) return missing('is not there: "choices" is empty, as where a filter takes it')
  const { message, finish_reason } = choice
  if (finish_reason && ENDED_BY_SERVER.test(finish_reason))
    return missing(`was taken back by the server (${finish_reason})`)
  const { said, thought } = partsOf(message.content ?? '')
  const answer = cleanText(said)
  if (answer !== '') return { text: answer }
  if (message.refusal) return missing(`is a refusal (${message.refusal.slice(0, 200)})`)
  // Cut at the token limit before it began.
  if (finish_reason === 'length') return missing('is all thinking', true)
  const field = (['reasoning_content', 'reasoning', 'thinking'] as const).find((name) => message[name]?.trim())
  if (field) return missing(`is empty: all words are in "${field}", which is thinking`)
  if (thought || said.trim() !== '') return missing('is empty: all words are thinking')
  return missing(`is empty (${finish_reason ?? 'no reason given'})`)
}

/** The text of a content that is a text or a list of parts, and whether parts of it are thinking. */
function partsOf(content: string | readonly unknown[]): { said: string; thought: boolean } {
  if (typeof content === 'string') return { said: content, thought: false }
  let said = ''
  let thought = false
  for (const part of content) {
    if (typeof part === 'string') said += part
    if (typeof part !== 'object' || part === null) continue
    const { type = 'text', text } = part as { type?: unknown; text?: unknown }
    if (type === 'text' || type === 'output_text') said += typeof text === 'string' ? text : wrapped(text)
    else thought = true
  }
  return { said, thought }
}

/** Some servers wrap a text once more: {value}. */
function wrapped(text: unknown): string {
  const { value } = (text ?? {}) as { value?: unknown }
  return typeof value === 'string' ? value : ''
}
