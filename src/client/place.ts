// Where a profile goes in a request of OpenAI's chat or responses API. Templates of many models refuse a second system
// message, and prompt caches want what is the same for all users first: so the profile ends the first system message.

type Fields = Record<string, unknown>

/**
 * The body of a chat completion with the block at the end of its first system or developer message, or in a system
 * message before all others where there is none. Nothing else is touched. Undefined where the body has no messages, or
 * the message no content that can be added to.
 */
export function placeInMessages(body: Fields, block: string): Fields | undefined {
  const { messages } = body
  if (!Array.isArray(messages) || messages.length === 0) return undefined
  const at = messages.findIndex((message) => message?.role === 'system' || message?.role === 'developer')
  if (at === -1) return { ...body, messages: [{ role: 'system', content: block }, ...messages] }
  const content = withBlock(messages[at].content, block)
  if (content === undefined) return undefined
  return { ...body, messages: messages.with(at, { ...messages[at], content }) }
}

/** A string with the block after an empty line, or a list of parts with one part more. */
function withBlock(content: unknown, block: string): unknown {
  if (typeof content === 'string') return joined(content, block)
  // Servers put parts together without anything between.
  if (Array.isArray(content)) return [...content, { type: 'text', text: content.length === 0 ? block : `\n\n${block}` }]
  return undefined
}

/** The body of a request to the responses API with the block at the end of its instructions. */
export function placeInInstructions(body: Fields, block: string): Fields | undefined {
  const { instructions } = body
  if (instructions !== undefined && instructions !== null && typeof instructions !== 'string') return undefined
  return { ...body, instructions: joined(instructions ?? '', block) }
}

function joined(text: string, block: string): string {
  return text === '' ? block : `${text}\n\n${block}`
}
