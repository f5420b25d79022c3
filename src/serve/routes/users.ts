// Users: who there is, whether profiles are written of them, and everything that is stored about one.
import { createRoute, z } from '@hono/zod-openapi'
import { createKey } from '../../store/keys.ts'
import type { Store } from '../../store/open.ts'
import { listUsers, readUser, setProfiling } from '../../store/persons.ts'
import { ofUser, PROFILING } from '../../store/scope.ts'
import { scopeOf, userScopeOf } from '../auth.ts'
import { originOf } from '../origin.ts'
import { type Api, answers, body, pageAnswer, pageOf, pageQuery, timeSchema, userParam } from './route.ts'

export const user = z
  .object({
    user: z.string(),
    profiling: z.enum(PROFILING).describe('on; off: nothing is written or served; frozen: what is served stays.'),
    interactions: z.int(),
    included: z.int().describe('Those that profiles are written from.'),
    newInteractions: z.int().describe('Since the last refresh.'),
    firstTime: timeSchema.optional(),
    lastTime: timeSchema.optional(),
    version: z.int().optional().describe('The version that is served.'),
    dueAt: timeSchema.optional().describe('When the next refresh is due.'),
    dueReason: z.string().optional(),
    attempts: z.int().describe('Failures of the last refresh, one after the other.'),
    lastError: z.string().optional(),
  })
  .openapi('User')

const list = createRoute({
  method: 'get',
  path: '/users',
  summary: 'Users of the project, by id',
  request: { query: pageQuery },
  responses: answers('A page.', pageOf(user)),
})

const read = createRoute({
  method: 'get',
  path: '/users/{user}',
  summary: 'One user',
  request: { params: userParam },
  responses: answers('The user.', user),
})

const change = createRoute({
  method: 'patch',
  path: '/users/{user}',
  summary: 'Switch the writing of profiles on or off, or freeze what is served',
  request: { params: userParam, body: body(z.strictObject({ profiling: z.enum(PROFILING) })) },
  responses: answers('The user.', user),
})

/** Seconds. */
const TTL = 900

const link = createRoute({
  method: 'post',
  path: '/users/{user}/links',
  summary: 'Make a link to the page where a user reads, corrects and erases what is said of them',
  request: {
    params: userParam,
    body: {
      ...body(z.strictObject({ ttl: z.int().min(60).max(3600).default(TTL).describe('Seconds that it works.') })),
      required: false,
    },
  },
  responses: answers(
    'The link. Who has it is the user: hand it to nobody else.',
    z.object({ url: z.string(), expiresAt: timeSchema }).openapi('Link'),
  ),
})

/** The routes of users. */
export function userRoutes(api: Api, store: Store): void {
  api.openapi(list, async (c) =>
    c.json(pageAnswer(await listUsers(store, scopeOf(c, 'read'), c.req.valid('query'))), 200),
  )

  api.openapi(read, async (c) => c.json(await readUser(store, userScopeOf(c, 'read', c.req.valid('param').user)), 200))

  api.openapi(change, async (c) => {
    const scope = userScopeOf(c, 'write', c.req.valid('param').user)
    return c.json(await setProfiling(store, scope, c.req.valid('json').profiling), 200)
  })

  api.openapi(link, async (c) => {
    const scope = scopeOf(c, 'write')
    const { user } = c.req.valid('param')
    await readUser(store, ofUser(scope, user))
    const expiresAt = Date.now() + (c.req.valid('json')?.ttl ?? TTL) * 1000
    const { key } = await createKey(store, scope, { role: 'write', user, expiresAt })
    return c.json({ url: `${originOf(c)}/me/enter/${key}`, expiresAt }, 200)
  })
}
