// The body of a server's answer, read up to a bound.

/** Far more than any answer with its thinking; a server that sends more is no API, or means harm. */
const MOST_BYTES = 16 * 2 ** 20

/** The text of a response; undefined where it is longer than 16 MiB, and the connection is closed then. */
export async function boundedText(response: Response): Promise<string | undefined> {
  if (response.body === null) return ''
  const decoder = new TextDecoder()
  const reader = response.body.getReader()
  const parts: string[] = []
  for (let bytes = 0; ; ) {
    const { done, value } = await reader.read()
    if (done) return parts.join('') + decoder.decode()
    bytes += value.byteLength
    if (bytes > MOST_BYTES) {
      await reader.cancel().catch(() => {})
      return undefined
    }
    parts.push(decoder.decode(value, { stream: true }))
  }
}
