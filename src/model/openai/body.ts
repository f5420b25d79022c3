// The body of a server's answer: a stream of events put together to the one completion that it is in pieces. Used by
// server.ts.
import { z } from 'zod'
import { parseJson } from '../../util/parse-json.ts'

/** Whether a text is a stream of server-sent events, whatever its header says. */
export function isEventStream(text: string): boolean {
  return /^\s*(?:data|event|id|retry)?:/.test(text)
}

// Lenient: a piece of an odd shape says nothing.
const deltaSchema = z.object({
  content: z.unknown().optional(),
  reasoning_content: z.unknown().optional(),
  reasoning: z.unknown().optional(),
  refusal: z.unknown().optional(),
})
const eventSchema = z.object({
  model: z.unknown().optional(),
  choices: z.array(
    z.object({
      index: z.number().catch(0),
      delta: deltaSchema.optional().catch(undefined),
      message: deltaSchema.optional().catch(undefined),
      finish_reason: z.string().nullish().catch(undefined),
    }),
  ),
})

/**
 * The completion that a stream of events holds, in the form of one that is not streamed, or the event that tells of an
 * error, with its text; undefined where the stream ends in the middle.
 */
export function completionOfEvents(text: string): { json: object; words: string } | undefined {
  const message = { content: [] as unknown[], reasoning_content: '', refusal: '' }
  let seen = false
  let model: unknown
  let finish_reason: string | undefined
  let ended = false
  for (const data of eventsOf(text)) {
    if (data === '[DONE]') ended = true
    const json = parsedJson(data)
    if (typeof json === 'object' && json !== null && 'error' in json && json.error) return { json, words: data }
    const event = eventSchema.safeParse(json).data
    const choice = event?.choices.find(({ index }) => index === 0)
    if (choice === undefined) continue
    seen = true
    model = event?.model
    const delta: z.infer<typeof deltaSchema> = choice.delta ?? choice.message ?? {}
    if (typeof delta.content === 'string') message.content.push(delta.content)
    else if (Array.isArray(delta.content)) for (const part of delta.content) message.content.push(part)
    for (const thought of [delta.reasoning_content, delta.reasoning])
      if (typeof thought === 'string') message.reasoning_content += thought
    if (typeof delta.refusal === 'string') message.refusal += delta.refusal
    finish_reason = choice.finish_reason ?? finish_reason
  }
  if (!ended && finish_reason === undefined) return undefined
  return { json: { model, choices: seen ? [{ message, finish_reason }] : [] }, words: '' }
}

/** The data of each event; comments, which keep a connection open, are none. */
function eventsOf(text: string): string[] {
  return text.split(/\r\n?\r\n?|\n\n/).flatMap((block) => {
    const lines = block.split(/\r\n|\n|\r/).flatMap((line) => (line.startsWith('data:') ? [line.slice(5).trim()] : []))
    const whole = lines.join('\n')
    // Some servers leave out the empty line between events.
    return parsedJson(whole) === undefined ? lines : [whole]
  })
}

/** The value of a JSON text; undefined where it is none, or null. */
export function parsedJson(text: string): unknown {
  try {
    return parseJson(text) ?? undefined
  } catch {
    return undefined
  }
}
