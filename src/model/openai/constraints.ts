// How an answer is held to the labels of a list: servers of different makes know different fields for that, and pass
// over those that they do not know. Used by served.ts, which finds out what a server has and checks every answer.

/** One way to ask for labels. */
export interface Constraint {
  /** Field of the request. */
  name: string
  /** What holds an answer to the labels of `fixed`, in this order, and then as many of `left` as these are. */
  request(fixed: readonly string[], left: readonly string[]): Record<string, unknown>
  /** Tokens that an answer of so many labels may need. */
  tokens(labels: number): number
  /** The labels of an answer; undefined where it is of another form. */
  read(answer: string): string[] | undefined
}

/** Letters one after the other, as a judge's prompt asks for them; the pattern repeats labels where the model does. */
function pattern(name: string, request: (fixed: string, left: string, count: number) => unknown): Constraint {
  return {
    name,
    request: (fixed, left) => ({ [name]: request(fixed.join(''), left.join(''), left.length) }),
    tokens: (labels) => labels + 4,
    read: (answer) => (/^[A-Z]+$/.test(answer) ? [...answer] : undefined),
  }
}

const regex = (fixed: string, left: string, count: number) => `${fixed}[${left}]{${count}}`

/** The labels as values of an object with numbered keys: schemas know no lists whose items differ. */
const schema: Constraint = {
  name: 'response_format',
  request(fixed, left) {
    const choices = [...fixed.map((label) => [label]), ...left.map(() => left)]
    const properties = Object.fromEntries(choices.map((labels, i) => [String(i + 1), { type: 'string', enum: labels }]))
    const object = { type: 'object', properties, required: Object.keys(properties), additionalProperties: false }
    return { response_format: { type: 'json_schema', json_schema: { name: 'order', strict: true, schema: object } } }
  },
  tokens: (labels) => 16 * labels + 32,
  read(answer) {
    try {
      const value: unknown = JSON.parse(answer)
      if (typeof value !== 'object' || value === null) return undefined
      const labels = Object.keys(value).map((_, i) => (value as Record<string, unknown>)[i + 1])
      return labels.every((label) => typeof label === 'string') ? labels : undefined
    } catch {
      return undefined
    }
  },
}

/** In the order tried: vLLM of today and of before, SGLang, llama.cpp, and what hosted services know. */
export const CONSTRAINTS: readonly Constraint[] = [
  pattern('structured_outputs', (...parts) => ({ regex: regex(...parts) })),
  pattern('guided_regex', regex),
  pattern('regex', regex),
  pattern(
    'grammar',
    (fixed, left, count) => `root ::= ${fixed === '' ? '' : `${JSON.stringify(fixed)} `}[${left}]{${count}}`,
  ),
  schema,
]

/** Whether labels are the fixed ones and then as many of those left as there are. */
export function satisfies(labels: readonly string[], fixed: readonly string[], left: readonly string[]): boolean {
  return (
    labels.length === fixed.length + left.length &&
    labels.every((label, i) => (i < fixed.length ? label === fixed[i] : left.includes(label)))
  )
}
