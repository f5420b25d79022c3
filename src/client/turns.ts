// What a person said in a conversation since the last answer, as interactions that are stored once.

/**
 * The latest turns of the user. An id is the digest of the conversation up to the turn, without what the application
 * says in it: a request that is sent again, or goes on with the next turn, stores nothing twice.
 */
export async function latestTurns(input: unknown): Promise<{ id: string; text: string }[]> {
  const messages = (Array.isArray(input) ? input : [{ role: 'user', content: input }]).filter(
    (message) => message?.role !== 'system' && message?.role !== 'developer',
  )
  const answered = messages.findLastIndex((message) => message?.role !== 'user') + 1
  const turns = messages.slice(answered).map(async (message, i) => {
    const before = messages.slice(0, answered + i + 1).map(({ role, content }) => [role, content])
    return { id: `turn-${(await sha256(JSON.stringify(before))).slice(0, 32)}`, text: textOf(message.content) }
  })
  return (await Promise.all(turns)).filter(({ text }) => text.trim() !== '')
}

function textOf(content: unknown): string {
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return ''
  return content.flatMap((part) => (typeof part?.text === 'string' ? [part.text] : [])).join('\n')
}

/** In hexadecimal; of the runtime itself, since this also runs where there is no Node. */
async function sha256(text: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}
