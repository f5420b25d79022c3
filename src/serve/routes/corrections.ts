// Corrections: what a user says about their profile, and no later refresh can undo.
import { createRoute, z } from '@hono/zod-openapi'
import { addCorrection, listCorrections, retractCorrection } from '../../store/corrections.ts'
import type { Store } from '../../store/open.ts'
import { userScopeOf } from '../auth.ts'
import { type Api, answers, body, idSchema, interactionParam, timeSchema, userParam } from './route.ts'

export const correction = z
  .object({
    id: z.string(),
    kind: z.enum(['state', 'deny', 'exclude']),
    text: z.string().optional(),
    interactions: z.array(z.string()).optional().describe('Ids, of exclude.'),
    by: z.string().describe('The key that made it.'),
    createdAt: timeSchema,
  })
  .openapi('Correction')

export const newCorrection = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('state').describe("The user's own sentence, served word for word."),
    text: z.string(),
  }),
  z.strictObject({ kind: z.literal('deny').describe('What the profile may not say.'), text: z.string() }),
  z.strictObject({
    kind: z.literal('exclude').describe('Interactions that the writer may not see.'),
    interactions: z.array(idSchema).min(1).max(1000),
  }),
])

const list = createRoute({
  method: 'get',
  path: '/users/{user}/corrections',
  summary: 'Corrections in force, oldest first',
  request: { params: userParam },
  responses: answers('Corrections.', z.object({ data: z.array(correction) })),
})

const add = createRoute({
  method: 'post',
  path: '/users/{user}/corrections',
  summary: 'Correct the profile',
  request: { params: userParam, body: body(newCorrection) },
  responses: answers('The correction.', correction),
})

const retract = createRoute({
  method: 'delete',
  path: '/users/{user}/corrections/{id}',
  summary: 'Take a correction back',
  request: { params: interactionParam },
  responses: answers('It is retracted.', z.object({ id: z.string() })),
})

/** The routes of corrections. */
export function correctionRoutes(api: Api, store: Store): void {
  api.openapi(list, async (c) =>
    c.json({ data: await listCorrections(store, userScopeOf(c, 'read', c.req.valid('param').user)) }, 200),
  )

  api.openapi(add, async (c) =>
    c.json(await addCorrection(store, userScopeOf(c, 'write', c.req.valid('param').user), c.req.valid('json')), 200),
  )

  api.openapi(retract, async (c) => {
    const { user, id } = c.req.valid('param')
    await retractCorrection(store, userScopeOf(c, 'write', user), id)
    return c.json({ id }, 200)
  })
}
