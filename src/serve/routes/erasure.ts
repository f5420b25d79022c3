// What a person may ask for by law: everything that is stored about them, and that it goes.
import { createRoute, z } from '@hono/zod-openapi'
import { exportUser } from '../../store/export.ts'
import { deleteUser, forgetInteractions } from '../../store/forget.ts'
import type { Store } from '../../store/open.ts'
import { userScopeOf } from '../auth.ts'
import { Problem } from '../problem.ts'
import { type Api, answers, body, idSchema, interactionParam, timeSchema, userParam } from './route.ts'

const beyond = z.array(z.string()).describe('What deletion cannot reach.')

export const receipt = z
  .object({
    dryRun: z.boolean().describe('Nothing went: this would.'),
    interactions: z.int(),
    ids: z.array(z.string()).describe('The first of them.'),
    versions: z.int().describe('Versions of the profile that were withdrawn and erased.'),
    at: timeSchema,
    beyond,
  })
  .openapi('ForgetReceipt')

const deletion = z
  .object({
    interactions: z.int(),
    versions: z.int(),
    corrections: z.int(),
    keys: z.int().describe('Keys that were for this user.'),
    at: timeSchema,
    writers: z.array(z.string()).describe("Digests of the generators that wrote the user's profiles."),
    beyond,
  })
  .openapi('DeletionReceipt')

const forget = createRoute({
  method: 'post',
  path: '/users/{user}/forget',
  summary: 'Erase interactions, and every text that was written from them',
  request: {
    params: userParam,
    body: body(
      z.strictObject({
        ids: z.array(idSchema).min(1).max(10_000).optional(),
        before: timeSchema.optional(),
        after: timeSchema.optional(),
        match: z.string().min(1).max(1000).optional().describe('Words that the text holds, whatever their case.'),
        dryRun: z.boolean().default(true).describe('Say what would go, and erase nothing.'),
      }),
    ),
  },
  responses: answers('The receipt.', receipt),
})

const forgetOne = createRoute({
  method: 'delete',
  path: '/users/{user}/interactions/{id}',
  summary: 'Erase an interaction, and every text that was written from it',
  request: { params: interactionParam },
  responses: answers('The receipt.', receipt),
})

const forgetAll = createRoute({
  method: 'delete',
  path: '/users/{user}',
  summary: 'Erase a user',
  request: { params: userParam },
  responses: answers('The receipt.', deletion),
})

const all = createRoute({
  method: 'get',
  path: '/users/{user}/export',
  summary: 'Everything that is stored about a user',
  request: { params: userParam },
  responses: answers('One document.', z.object({ exportedAt: timeSchema }).loose().openapi('Export')),
})

/** The routes of erasing and exporting. */
export function erasureRoutes(api: Api, store: Store): void {
  api.openapi(forget, async (c) => {
    const { dryRun, ...selection } = c.req.valid('json')
    const scope = userScopeOf(c, 'write', c.req.valid('param').user)
    return c.json(await forgetInteractions(store, scope, selection, { dryRun }), 200)
  })

  api.openapi(forgetOne, async (c) => {
    const { user, id } = c.req.valid('param')
    const answer = await forgetInteractions(store, userScopeOf(c, 'write', user), { ids: [id] }, { dryRun: false })
    if (answer.interactions === 0) throw new Problem('not-found', 'the user has no such interaction')
    return c.json(answer, 200)
  })

  api.openapi(forgetAll, async (c) => {
    const scope = userScopeOf(c, 'write', c.req.valid('param').user)
    return c.json(await deleteUser(store, scope), 200)
  })

  api.openapi(all, async (c) => {
    const scope = userScopeOf(c, 'write', c.req.valid('param').user)
    return c.json({ ...(await exportUser(store, scope)) }, 200)
  })
}
