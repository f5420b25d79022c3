// What the routes of the API share: how a request that does not fit is refused, and parts of the OpenAPI document.
import { OpenAPIHono, z } from '@hono/zod-openapi'
import { idProblem, LONGEST_ID } from '../../store/text-input.ts'
import type { ServeEnv } from '../auth.ts'
import { PROBLEMS, Problem } from '../problem.ts'

export type Api = OpenAPIHono<ServeEnv>

/** An application whose requests are checked against their schemas before a handler sees them. */
export function newApi(): Api {
  return new OpenAPIHono<ServeEnv>({
    defaultHook: (result) => {
      if (result.success) return
      const problems = result.error.issues
        .slice(0, 5)
        .map(({ path, message }) => `${path.join('.') || 'body'}: ${message}`)
      throw new Problem('invalid-request', problems.join('; '))
    },
  })
}

/** Answers every other method of an address that has been given a route: comes after all routes. */
export function refuseOtherMethods(api: Api): void {
  const methods = new Map<string, string[]>()
  for (const definition of api.openAPIRegistry.definitions)
    if (definition.type === 'route') {
      const { method, path } = definition.route
      methods.set(path, [...(methods.get(path) ?? []), method.toUpperCase()])
    }
  for (const [path, taken] of methods)
    api.all(path.replace(/\{(\w+)\}/g, ':$1'), () => {
      throw new Problem('method-not-allowed', undefined, { allow: taken.join(', ') })
    })
}

const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    code: z.enum(Object.keys(PROBLEMS) as [string, ...string[]]).describe('Stable, for programs.'),
    detail: z.string().describe('For people: what was wrong, where, and what to do.'),
    requestId: z.string(),
    error: z.object({}).loose().describe('The same in the form of OpenAI, for clients of the proxy.'),
  })
  .openapi('Problem')

/** The answers of a route: its own, and a problem for everything else, which no handler returns. */
export function answers<S extends z.ZodType>(description: string, schema: S) {
  const success = { 200: { description, content: { 'application/json': { schema } } } } as const
  const problem = {
    default: {
      description: 'A problem (RFC 9457).',
      content: { 'application/problem+json': { schema: problemSchema } },
    },
  }
  return { ...success, ...problem } as typeof success
}

/** A body of JSON. */
export function body<S extends z.ZodType>(schema: S) {
  return { required: true, content: { 'application/json': { schema } } } as const
}

/** What `\p{Cc}` leaves, in the words of every reader of JSON Schema. */
const NO_CONTROL = '^[^\\u0000-\\u001f\\u007f-\\u009f]+$'

/** The id of something: nothing that a database would choke on. */
export const idSchema = z
  .string()
  .refine((id) => idProblem(id) === undefined, 'cannot be an id')
  .openapi({ minLength: 1, maxLength: LONGEST_ID, pattern: NO_CONTROL })

/** A page of a list. */
export function pageOf<S extends z.ZodType>(schema: S) {
  return z.object({
    data: z.array(schema),
    nextCursor: z.string().nullable().describe('Of the next page; null at the end.'),
  })
}

/** A page of the store as the API has it. */
export function pageAnswer<T>({ data, nextCursor }: { data: T[]; nextCursor: string | undefined }) {
  return { data, nextCursor: nextCursor ?? null }
}

export const pageQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  cursor: idSchema.optional().describe('The nextCursor of the page before.'),
})

/** The same of a list whose places are numbers. */
export const numberedPageQuery = pageQuery.extend({
  cursor: z
    .string()
    .regex(/^[1-9]\d{0,8}$/, 'give the nextCursor of the page before')
    .optional()
    .describe('The nextCursor of the page before.'),
})

/** Milliseconds since 1970. */
export const timeSchema = z
  .int()
  .describe('Milliseconds since 1970.')
  // As z.int() has it, which the document leaves out.
  .openapi({ minimum: Number.MIN_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER })

export const userParam = z.object({ user: idSchema })
export const interactionParam = z.object({ user: idSchema, id: idSchema })
