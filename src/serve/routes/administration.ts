// What the operator of a project needs: its keys, its audit and its queue; and projects, for the holder of a root key.
import { createRoute, z } from '@hono/zod-openapi'
import { readAudit } from '../../store/audit.ts'
import { createKey, listKeys, ROLES, revokeKey } from '../../store/keys.ts'
import type { Store } from '../../store/open.ts'
import { createProject, listProjects } from '../../store/projects.ts'
import { listQueue } from '../../store/queue.ts'
import { rootOnly, scopeOf } from '../auth.ts'
import { type Api, answers, body, idSchema, pageAnswer, pageOf, pageQuery, timeSchema } from './route.ts'

const keyInfo = z
  .object({
    id: z.string(),
    project: z.string().optional(),
    role: z.enum(ROLES),
    user: z.string().optional().describe('The one user that the key is for.'),
    createdAt: timeSchema,
    expiresAt: timeSchema.optional(),
    revokedAt: timeSchema.optional(),
    lastUsedAt: timeSchema.optional().describe('To the minute.'),
  })
  .openapi('Key')

const listOfKeys = createRoute({
  method: 'get',
  path: '/keys',
  summary: 'Keys of the project',
  responses: answers('Keys, without what they are made of.', z.object({ data: z.array(keyInfo) })),
})

const newKey = createRoute({
  method: 'post',
  path: '/keys',
  summary: 'Make a key',
  request: {
    body: body(
      z.strictObject({
        role: z.enum(['ingest', 'read', 'write', 'admin']),
        user: idSchema.optional().describe('The one user that it is for.'),
        expiresAt: timeSchema.optional(),
      }),
    ),
  },
  responses: answers('The key, in full for the only time.', keyInfo.extend({ key: z.string() })),
})

const endKey = createRoute({
  method: 'delete',
  path: '/keys/{id}',
  summary: 'Revoke a key',
  request: { params: z.object({ id: idSchema }) },
  responses: answers('It is revoked.', z.object({ id: z.string() })),
})

const audit = createRoute({
  method: 'get',
  path: '/audit',
  summary: 'Who did what, newest first',
  request: { query: pageQuery.extend({ user: idSchema.optional().describe('What is about this user.') }) },
  responses: answers(
    'A page.',
    pageOf(
      z
        .object({
          id: z.string(),
          at: timeSchema,
          actor: z.string(),
          action: z.string(),
          details: z.record(z.string(), z.unknown()),
        })
        .openapi('AuditEntry'),
    ),
  ),
})

const queue = createRoute({
  method: 'get',
  path: '/queue',
  summary: 'Users whose profile is due, the longest due first',
  request: { query: pageQuery.omit({ cursor: true }) },
  responses: answers(
    'Users.',
    z.object({
      data: z.array(
        z
          .object({
            user: z.string(),
            dueAt: timeSchema,
            reason: z.string().optional(),
            claimed: z.boolean().describe('Whether a worker has it.'),
            attempts: z.int(),
            lastError: z.string().optional(),
          })
          .openapi('QueuedUser'),
      ),
    }),
  ),
})

const project = z.object({ id: z.string(), name: z.string(), createdAt: timeSchema }).openapi('Project')

const listOfProjects = createRoute({
  method: 'get',
  path: '/projects',
  summary: 'Projects, for a root key',
  responses: answers('Projects.', z.object({ data: z.array(project) })),
})

const newProject = createRoute({
  method: 'post',
  path: '/projects',
  summary: 'Make a project with its first key, for a root key',
  request: { body: body(z.strictObject({ id: z.string(), name: z.string().optional() })) },
  responses: answers('The project, and its admin key in full for the only time.', project.extend({ key: z.string() })),
})

/** The routes of keys, the audit, the queue and projects. */
export function administrationRoutes(api: Api, store: Store): void {
  api.openapi(listOfKeys, async (c) => c.json({ data: await listKeys(store, scopeOf(c, 'admin')) }, 200))

  api.openapi(newKey, async (c) => {
    const { key, info } = await createKey(store, scopeOf(c, 'admin'), c.req.valid('json'))
    return c.json({ ...info, key }, 200)
  })

  api.openapi(endKey, async (c) => {
    const { id } = c.req.valid('param')
    await revokeKey(store, scopeOf(c, 'admin'), id)
    return c.json({ id }, 200)
  })

  api.openapi(audit, async (c) =>
    c.json(pageAnswer(await readAudit(store, scopeOf(c, 'admin'), c.req.valid('query'))), 200),
  )

  api.openapi(queue, async (c) =>
    c.json({ data: await listQueue(store, scopeOf(c, 'admin'), c.req.valid('query')) }, 200),
  )

  api.openapi(listOfProjects, async (c) => {
    rootOnly(c)
    const data = (await listProjects(store)).map(({ id, name, createdAt }) => ({ id, name, createdAt }))
    return c.json({ data }, 200)
  })

  api.openapi(newProject, async (c) => {
    const actor = rootOnly(c)
    const { id, name, createdAt } = await createProject(store, c.req.valid('json'))
    const { key } = await createKey(store, { project: id, actor }, { role: 'admin' })
    return c.json({ id, name, createdAt, key }, 200)
  })
}
