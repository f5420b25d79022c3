// Interactions in, and one by one what became of them.
import { createHash } from 'node:crypto'
import { createRoute, z } from '@hono/zod-openapi'
import type { NewInteraction } from '../../store/interaction-input.ts'
import { addInteractions, listInteractions, setExcluded } from '../../store/interactions.ts'
import type { Store } from '../../store/open.ts'
import { readUser } from '../../store/persons.ts'
import { BumpError } from '../../util/errors.ts'
import { isShallow, MAX_DEPTH, parseJson } from '../../util/parse-json.ts'
import { scopeOf, userScopeOf } from '../auth.ts'
import type { ServerMetrics } from '../metrics.ts'
import { Problem } from '../problem.ts'
import {
  type Api,
  answers,
  body,
  interactionParam,
  pageAnswer,
  pageOf,
  pageQuery,
  timeSchema,
  userParam,
} from './route.ts'

const MOST = 1000
const REASONS = ['user', 'id', 'time', 'text', 'metadata', 'deleted', 'full'] as const

const newInteraction = z.strictObject({
  user: z.string(),
  id: z
    .string()
    .optional()
    .describe('Of the event; the same id is stored once. Default: a digest of user, time and text.'),
  time: z
    .union([timeSchema, z.iso.datetime({ offset: true })])
    .optional()
    .describe('Milliseconds since 1970, or an ISO 8601 time with its offset. Default: now.'),
  text: z.string(),
  metadata: z.record(z.string(), z.unknown()).refine(isShallow, `nested deeper than ${MAX_DEPTH} levels`).optional(),
})

const batch = z.strictObject({ interactions: z.array(newInteraction).min(1).max(MOST) })

export const added = z
  .object({
    accepted: z.int(),
    duplicates: z.int().describe('There before, with the same text.'),
    replaced: z.int().describe('By upsert.'),
    conflicts: z
      .array(z.object({ index: z.int(), id: z.string() }))
      .describe('There before with another text, which stayed.'),
    rejected: z.array(z.object({ index: z.int(), reason: z.enum(REASONS), message: z.string() })),
  })
  .openapi('AddedInteractions')

export const stored = z
  .object({
    id: z.string(),
    time: timeSchema,
    text: z.string(),
    metadata: z.record(z.string(), z.unknown()).optional(),
    excluded: z.boolean().describe('Kept from the writer of profiles.'),
  })
  .openapi('Interaction')

const flag = z.enum(['true', 'false']).default('false')

const add = createRoute({
  method: 'post',
  path: '/interactions',
  summary: 'Store interactions, each once',
  description: 'JSON, or NDJSON with one interaction a line. Indices in the answer count from 0.',
  request: {
    query: z.strictObject({
      upsert: flag.describe('Replace texts that are there; profiles written from them are withdrawn.'),
      revive: flag.describe('Take what was deleted before.'),
    }),
    headers: z.object({
      'idempotency-key': z
        .string()
        .min(1)
        .max(200)
        .optional()
        .describe('The same key and body get the same answer for a day.'),
    }),
    body: {
      // Until it is registered, or lines would be checked as JSON.
      required: false as boolean,
      content: { 'application/json': { schema: batch }, 'application/x-ndjson': { schema: z.string() } },
    },
  },
  responses: answers('What became of each.', added),
})

const list = createRoute({
  method: 'get',
  path: '/users/{user}/interactions',
  summary: "A user's interactions, oldest first",
  request: { params: userParam, query: pageQuery },
  responses: answers('A page.', pageOf(stored)),
})

const exclude = createRoute({
  method: 'patch',
  path: '/users/{user}/interactions/{id}',
  summary: 'Keep an interaction from the writer of profiles, or give it back',
  request: { params: interactionParam, body: body(z.strictObject({ excluded: z.boolean() })) },
  responses: answers('As it is now.', z.object({ id: z.string(), excluded: z.boolean() })),
})

/** The routes of interactions. */
export function interactionRoutes(api: Api, store: Store, { interactions: counted }: ServerMetrics): void {
  api.openapi(add, async (c) => {
    const scope = scopeOf(c, 'ingest')
    const { upsert, revive } = c.req.valid('query')
    const text = await c.req.text()
    const lines = /^application\/x-ndjson\b/i.test(c.req.header('content-type') ?? '')
    const { interactions } = lines ? { interactions: ofLines(text) } : (c.req.valid('json') as Partial<Batch>)
    if (interactions === undefined) throw new Problem('invalid-request', 'there is no body')
    if (interactions.some(({ user }) => scope.user !== undefined && user !== scope.user))
      throw new Problem('forbidden', 'an interaction is of another user than the key is for')
    const key = c.req.header('idempotency-key')
    const digest = createHash('sha256').update(`${upsert} ${revive}\n${text}`).digest('hex')
    const answer = await addInteractions(store, scope, interactions.map(withTime), {
      upsert: upsert === 'true',
      revive: revive === 'true',
      ...(key !== undefined && { idempotency: { key, digest } }),
    }).catch((error) => {
      throw key !== undefined && BumpError.isInstance(error) && error.code === 'conflict'
        ? new Problem('idempotency-mismatch')
        : error
    })
    for (const result of ['accepted', 'duplicates', 'replaced'] as const) counted.inc({ result }, answer[result])
    for (const result of ['conflicts', 'rejected'] as const) counted.inc({ result }, answer[result].length)
    return c.json(answer, 200)
  })
  add.request.body.required = true

  api.openapi(list, async (c) => {
    const { user } = c.req.valid('param')
    const scope = userScopeOf(c, 'read', user)
    await readUser(store, scope)
    const page = await listInteractions(store, scope, c.req.valid('query'))
    return c.json(pageAnswer(page), 200)
  })

  api.openapi(exclude, async (c) => {
    const { user, id } = c.req.valid('param')
    const { excluded } = c.req.valid('json')
    await setExcluded(store, userScopeOf(c, 'write', user), [id], excluded)
    return c.json({ id, excluded }, 200)
  })
}

type Batch = z.infer<typeof batch>

function withTime({ time, ...rest }: Batch['interactions'][number]): NewInteraction {
  return { ...rest, time: typeof time === 'string' ? Date.parse(time) : time }
}

/** One interaction a line. Throws Problem that names the line. */
function ofLines(text: string): Batch['interactions'] {
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  if (lines.length === 0 || lines.length > MOST)
    throw new Problem('invalid-request', `the body has ${lines.length} interactions: send 1 to ${MOST}`)
  return lines.map((line, i) => {
    const checked = newInteraction.safeParse(jsonOf(line, i))
    if (checked.success) return checked.data
    const [{ path, message }] = checked.error.issues
    throw new Problem('invalid-request', `interaction ${i}: ${path.join('.') || 'it'}: ${message}`)
  })
}

function jsonOf(line: string, index: number): unknown {
  try {
    return parseJson(line)
  } catch {
    throw new Problem('invalid-request', `interaction ${index} is no JSON`)
  }
}
