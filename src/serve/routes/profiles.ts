// Profiles out: as served, by hand, with their versions and what each was written from.

import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { createRoute, z } from '@hono/zod-openapi'
import type { Store } from '../../store/open.ts'
import { readUser, requestRefresh } from '../../store/persons.ts'
import {
  listVersions,
  readProfile,
  readSources,
  readVersion,
  restoreVersion,
  type ServedProfile,
  writeProfileByHand,
} from '../../store/profiles.ts'
import type { UserScope } from '../../store/scope.ts'
import { userScopeOf } from '../auth.ts'
import { profileBlock, profileText } from '../block.ts'
import { explainProfile } from '../explain.ts'
import { Problem } from '../problem.ts'
import { correction } from './corrections.ts'
import { type Api, answers, body, numberedPageQuery, pageOf, timeSchema, userParam } from './route.ts'

const ORIGINS = ['generated', 'manual', 'restored'] as const
const STATUSES = ['published', 'rejected', 'unscored', 'withdrawn'] as const

export const served = z
  .object({
    status: z.enum(['published', 'pending', 'off']).describe('pending: nothing is written yet; off: profiling is off.'),
    version: z.int().optional(),
    text: z.string().describe("Written from interactions; '' where there is none."),
    statements: z.array(z.string()).describe("The user's own sentences, word for word."),
    stale: z.boolean().describe('Whether a refresh is due.'),
    newInteractions: z.int().describe('Since the last refresh.'),
    throughTime: timeSchema.optional().describe('Time of the latest interaction that the version has seen.'),
    origin: z.enum(ORIGINS).optional(),
    judged: z.boolean().describe('Whether the version passed the gate; false where nothing could judge it.'),
    createdAt: timeSchema.optional(),
  })
  .openapi('Profile')

const explanation = z
  .object({
    sentences: z
      .array(
        z.object({
          text: z.string(),
          sources: z.array(z.object({ id: z.string(), time: timeSchema, words: z.array(z.string()) })),
        }),
      )
      .describe('Each with the interactions that share words with it.'),
    shown: z.int().describe("Interactions in the writer's prompt."),
    heldOut: z.int().describe('Those hidden from it, to judge the text by.'),
    writer: z.string().optional(),
    gate: z.unknown().optional(),
    scores: z.unknown().optional(),
    corrections: z.array(correction),
    refresh: z.object({
      dueAt: timeSchema.optional(),
      reason: z.string().optional(),
      attempts: z.int(),
      lastError: z.string().optional(),
    }),
  })
  .openapi('Explanation')

const version = z
  .object({
    version: z.int(),
    text: z.string().optional().describe('Absent where it was erased with what it was written from.'),
    origin: z.enum(ORIGINS),
    status: z.enum(STATUSES),
    served: z.boolean(),
    writer: z.string().optional().describe('Digest of the generator.'),
    throughTime: timeSchema.optional(),
    scores: z.unknown().optional().describe('By interactions that came after it was published.'),
    gate: z.unknown().optional().describe('The verdict before publishing.'),
    createdAt: timeSchema,
  })
  .openapi('ProfileVersion')

export const source = z
  .object({
    id: z.string(),
    time: timeSchema,
    text: z.string(),
    excluded: z.boolean(),
    heldOut: z.boolean().describe('Hidden from the writer, to judge the text by.'),
  })
  .openapi('ProfileSource')

const versionNumber = z.coerce.number().int().min(1).max(1e9)
const versionParam = userParam.extend({ version: versionNumber })
const maxTokens = z.coerce
  .number()
  .int()
  .min(1)
  .max(10_000)
  .default(256)
  .describe('About the most tokens of what is said.')
const match = z.object({
  'if-match': z.string().max(200).optional().describe('The ETag of the profile that is changed.'),
})

/** Its absence has an answer of its own (428). */
const mustMatch = z.object({ 'if-match': match.shape['if-match'].openapi({ param: { required: true } }) })

const readAnswers = answers(
  'The profile.',
  served.extend({ explanation: explanation.optional() }).openapi('ReadProfile'),
)

const read = createRoute({
  method: 'get',
  path: '/users/{user}/profile',
  summary: 'The profile that is served',
  description: 'With an ETag that changes when what is said changes; If-None-Match gets 304.',
  request: {
    params: userParam,
    query: z.strictObject({
      format: z
        .enum(['json', 'text', 'block'])
        .default('json')
        .describe('text: plain; block: for a system message, as the proxy has it.'),
      maxTokens: maxTokens,
      explain: z
        .enum(['1', 'true'])
        .optional()
        .describe('Why it says what it says, in JSON; takes a key of role admin.'),
    }),
  },
  responses: {
    ...readAnswers,
    200: {
      ...readAnswers[200],
      content: { ...readAnswers[200].content, 'text/plain': { schema: z.string().describe('By format.') } },
    },
    304: { description: 'It is as the ETag of If-None-Match says.' },
  },
})

const write = createRoute({
  method: 'put',
  path: '/users/{user}/profile',
  summary: 'Write the profile by hand, and freeze it',
  request: { params: userParam, headers: mustMatch, body: body(z.strictObject({ text: z.string() })) },
  responses: answers('The profile.', served),
})

const versions = createRoute({
  method: 'get',
  path: '/users/{user}/profile/versions',
  summary: 'Versions, newest first',
  request: { params: userParam, query: numberedPageQuery },
  responses: answers('A page.', pageOf(version)),
})

const oneVersion = createRoute({
  method: 'get',
  path: '/users/{user}/profile/versions/{version}',
  summary: 'One version',
  request: { params: versionParam },
  responses: answers('The version.', version),
})

const restore = createRoute({
  method: 'post',
  path: '/users/{user}/profile/versions/{version}/restore',
  summary: 'Serve an older version again, as a new one',
  request: { params: versionParam, headers: match },
  responses: answers('The profile.', served),
})

const sources = createRoute({
  method: 'get',
  path: '/users/{user}/profile/sources',
  summary: 'What a version was written from',
  request: {
    params: userParam,
    query: z.strictObject({ version: versionNumber.optional().describe('Default: as served.') }),
  },
  responses: answers('Interactions, oldest first.', z.object({ version: z.int(), data: z.array(source) })),
})

const refresh = createRoute({
  method: 'post',
  path: '/users/{user}/profile/refresh',
  summary: 'Have the profile written anew, now',
  request: {
    params: userParam,
    query: z.strictObject({
      wait: z.coerce.number().min(0).max(60).default(0).describe('Seconds to wait for the new version.'),
    }),
  },
  responses: {
    ...answers('The profile after the refresh.', served),
    202: {
      description: 'It is due, and was not done in the time.',
      content: { 'application/json': { schema: served } },
    },
  },
})

/** The routes of profiles. */
export function profileRoutes(api: Api, store: Store): void {
  api.openapi(read, async (c) => {
    const { format, maxTokens, explain } = c.req.valid('query')
    const scope = userScopeOf(c, explain ? 'admin' : 'read', c.req.valid('param').user)
    const profile = await readProfile(store, scope)
    if (explain) {
      if (format !== 'json') throw new Problem('unprocessable', 'explain: the explanation is JSON, leave format out')
      return c.json({ ...answerOf(profile), explanation: await explainProfile(store, scope) }, 200)
    }
    const etag = etagOf(profile)
    const headers = { etag }
    if (names(c.req.header('if-none-match'), etag)) return c.body(null, 304, headers)
    if (format === 'json') return c.json(answerOf(profile), 200, headers)
    const text = format === 'text' ? profileText(profile, maxTokens) : profileBlock(profile, maxTokens)
    return c.text(text, 200, headers) as never
  })

  api.openapi(write, async (c) => {
    const scope = userScopeOf(c, 'write', c.req.valid('param').user)
    const revision = await revisionOf(store, scope, c.req.header('if-match'))
    if (revision === undefined) throw new Problem('precondition-required')
    const profile = await writeProfileByHand(store, scope, { ...c.req.valid('json'), revision })
    return c.json(answerOf(profile), 200, { etag: etagOf(profile) })
  })

  api.openapi(versions, async (c) => {
    const { limit, cursor } = c.req.valid('query')
    const scope = userScopeOf(c, 'read', c.req.valid('param').user)
    const page = await listVersions(store, scope, {
      limit,
      cursor: cursor === undefined ? undefined : Number(cursor),
    })
    return c.json({ data: page.data, nextCursor: page.nextCursor === undefined ? null : String(page.nextCursor) }, 200)
  })

  api.openapi(oneVersion, async (c) => {
    const { user, version } = c.req.valid('param')
    return c.json(await readVersion(store, userScopeOf(c, 'read', user), version), 200)
  })

  api.openapi(restore, async (c) => {
    const { user, version } = c.req.valid('param')
    const scope = userScopeOf(c, 'write', user)
    const revision = await revisionOf(store, scope, c.req.header('if-match'))
    const profile = await restoreVersion(store, scope, version, { revision })
    return c.json(answerOf(profile), 200, { etag: etagOf(profile) })
  })

  api.openapi(sources, async (c) => {
    const scope = userScopeOf(c, 'read', c.req.valid('param').user)
    const version = c.req.valid('query').version ?? (await readProfile(store, scope)).version
    if (version === undefined) throw new Problem('not-found', 'no version is served')
    return c.json({ version, data: await readSources(store, scope, version) }, 200)
  })

  api.openapi(refresh, async (c) => {
    const scope = userScopeOf(c, 'write', c.req.valid('param').user)
    const { dueAt, profiling } = await requestRefresh(store, scope)
    if (dueAt === undefined) throw new Problem('conflict', `profiling of this user is ${profiling}: set it to on`)
    const done = await refreshed(store, scope, c.req.valid('query').wait, c.req.raw.signal)
    return c.json(answerOf(await readProfile(store, scope)), done ? 200 : 202) as never
  })
}

/** Whether a refresh that is due was done in so many seconds. */
async function refreshed(store: Store, scope: UserScope, seconds: number, signal: AbortSignal): Promise<boolean> {
  const end = performance.now() + seconds * 1000
  while (performance.now() < end && !signal.aborted) {
    await sleep(200)
    if ((await readUser(store, scope)).dueAt === undefined) return true
  }
  return false
}

function answerOf({ revision: _, ...profile }: ServedProfile) {
  return profile
}

/** Changes with what is said; begins with the revision, which a change by hand names. */
function etagOf({ revision, text, statements, status, version }: ServedProfile): string {
  const said = createHash('sha256')
    .update(JSON.stringify([status, version, text, statements]))
    .digest('base64url')
  return `"${revision}-${said.slice(0, 12)}"`
}

/** Whether a header of ETags names this one. */
function names(header: string | undefined, etag: string): boolean {
  return (header ?? '').split(',').some((one) => one.trim() === '*' || one.trim().replace(/^W\//, '') === etag)
}

/**
 * The revision that If-Match names; undefined where there is no such header. Throws Problem where it is another one.
 */
async function revisionOf(store: Store, scope: UserScope, header: string | undefined): Promise<number | undefined> {
  if (header === undefined) return undefined
  const profile = await readProfile(store, scope)
  if (!names(header, etagOf(profile))) throw new Problem('precondition-failed')
  return profile.revision
}
