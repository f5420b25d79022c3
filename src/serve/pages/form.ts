// What a form sends: fields of text, each at most so long, as the page that holds the form named them.
import type { Context } from 'hono'
import type { ServeEnv } from '../auth.ts'
import { Problem } from '../problem.ts'

export interface Form {
  /** The text of a field; '' where it is missing. Throws Problem where it came twice or is a file. */
  text(name: string): string
  /** All texts of a field that may come several times. */
  all(name: string): string[]
}

export async function formOf(c: Context<ServeEnv>): Promise<Form> {
  const fields = await c.req.parseBody({ all: true })
  const all = (name: string): string[] => {
    const values = Object.hasOwn(fields, name) ? [fields[name]].flat() : []
    if (values.some((value) => typeof value !== 'string'))
      throw new Problem('invalid-request', `${name}: a text is wanted`)
    return values as string[]
  }
  return {
    all,
    text(name) {
      const values = all(name)
      if (values.length > 1) throw new Problem('invalid-request', `${name}: one text is wanted`)
      // Browsers send line ends as two characters.
      return (values[0] ?? '').replaceAll('\r\n', '\n')
    },
  }
}
