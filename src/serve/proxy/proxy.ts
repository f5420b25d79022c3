// The OpenAI-compatible proxy: a request on its way to a model gets the profile of its user, and the answer comes back
// as it is. Whose profile is decided by the key and one header alone; everything about that fails closed, and trouble
// with the profile itself fails open, so that a chat goes on without one.
import type { Context } from 'hono'
import { Hono } from 'hono'
import { placeInInstructions, placeInMessages } from '../../client/place.ts'
import { latestTurns } from '../../client/turns.ts'
import { estimateTokens } from '../../model/openai/estimate.ts'
import type { UserScope } from '../../store/scope.ts'
import { parseJson } from '../../util/parse-json.ts'
import { personOf, type ServeEnv, scopeOf, userScopeOf } from '../auth.ts'
import { type ProfileParts, profileBlock } from '../block.ts'
import { Problem } from '../problem.ts'
import type { Upstream } from './upstream.ts'

/** What the proxy needs of the store and the server. */
export interface ProxyOptions {
  upstream: Upstream
  /** Tokens that the models behind it read; a request that would pass them goes without a profile. */
  contextTokens?: number
  /** A person's profile as served, or that version of it; the only way from a user to a text. */
  profile: (scope: UserScope, version?: number) => Promise<(ProfileParts & { version: number | undefined }) | undefined>
  /** The project's own key of the upstream; undefined where it uses the server's. */
  keyOf?: (project: string) => Promise<string | undefined>
  /** Stores what a person wrote; ids are the same for the same turn of the same conversation. */
  record: (scope: UserScope, interactions: { id: string; text: string }[]) => Promise<void>
  /** Told what became of the profile, and the milliseconds that the proxy took before it asked the upstream. */
  onOutcome?: (outcome: Outcome, milliseconds: number) => void
}

/** In the header `x-bump-profile` of every answer. */
type Outcome = 'injected' | 'none' | 'off' | 'skipped' | 'error'

/** About the longest text of a profile; they are written in 96 tokens. */
const BLOCK_TOKENS = 256
/** A chat does not wait longer for the store. */
const PATIENCE_MS = 100

type Fields = Record<string, unknown>
type Place = (body: Fields, block: string) => Fields | undefined

/** The routes of the proxy, below the place where they are mounted. Authentication comes before them. */
export function proxyRoutes(options: ProxyOptions): Hono<ServeEnv> {
  return new Hono<ServeEnv>()
    .post('/chat/completions', (c) => personal(c, options, '/chat/completions', placeInMessages))
    .post('/responses', (c) => personal(c, options, '/responses', placeInInstructions))
    .get('/models', (c) => forwarded(c, options, '/models'))
    .get('/models/:id{[\\w.:@/-]+}', (c) => forwarded(c, options, `/models/${c.req.param('id')}`))
}

/** A request with the profile of its user in it. */
async function personal(c: Context<ServeEnv>, options: ProxyOptions, path: string, place: Place): Promise<Response> {
  const start = performance.now()
  const scope = personOf(c, 'read')
  const bytes = new Uint8Array(await c.req.arrayBuffer())
  const body = fieldsOf(bytes)
  const found = await withProfile(c, options, scope, body, place)
  const headers: Record<string, string> = { 'x-bump-profile': found.outcome }
  if (found.version !== undefined) headers['x-bump-profile-version'] = String(found.version)
  const recorded = await recordTurns(c, options, scope, body)
  if (recorded !== undefined) headers['x-bump-recorded'] = recorded
  options.onOutcome?.(found.outcome, performance.now() - start)
  return await forwarded(
    c,
    options,
    path,
    found.body === undefined ? bytes : JSON.stringify(found.body),
    headers,
    body.stream === true,
  )
}

interface Found {
  outcome: Outcome
  version?: number
  /** The body with the profile; undefined where it goes as it came. */
  body?: Fields
}

async function withProfile(
  c: Context<ServeEnv>,
  { profile, contextTokens }: ProxyOptions,
  scope: UserScope | undefined,
  body: Fields,
  place: Place,
): Promise<Found> {
  if (c.req.header('x-bump-profile') === 'off') return { outcome: 'off' }
  if (scope === undefined) return { outcome: 'none' }
  const pinned = pinnedVersion(c.req.header('x-bump-profile-version'))
  const found = await inTime(profile(scope, pinned))
  if (found === 'late') return { outcome: 'error' }
  const block = found && profileBlock(found, BLOCK_TOKENS)
  if (!block) return { outcome: 'none' }
  const placed = place(body, block)
  if (placed === undefined || passes(placed, contextTokens)) return { outcome: 'skipped' }
  return { outcome: 'injected', version: found!.version, body: placed }
}

function pinnedVersion(header: string | undefined): number | undefined {
  if (header === undefined) return undefined
  if (!/^[1-9]\d{0,8}$/.test(header))
    throw new Problem('invalid-request', 'x-bump-profile-version is no version: give the number that an answer named')
  return Number(header)
}

/** Whether a request and its answer would be longer than the model reads. */
function passes(body: Fields, contextTokens: number | undefined): boolean {
  if (contextTokens === undefined) return false
  const answer = [body.max_completion_tokens, body.max_tokens, body.max_output_tokens].find(Number.isFinite) ?? 0
  return estimateTokens(JSON.stringify(body)) + Number(answer) > contextTokens
}

/** What a promise gives, or 'late' where it fails or takes longer than a chat should wait. */
async function inTime<T>(work: Promise<T>): Promise<T | 'late'> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), PATIENCE_MS)
  })
  try {
    return await Promise.race([work, late])
  } catch {
    return 'late'
  } finally {
    clearTimeout(timer)
  }
}

/**
 * Stores the latest turns of the user where `x-bump-record: user` asks for it; the answer's header says what came of
 * it.
 */
async function recordTurns(
  c: Context<ServeEnv>,
  { record }: ProxyOptions,
  scope: UserScope | undefined,
  body: Fields,
): Promise<string | undefined> {
  const wanted = c.req.header('x-bump-record')
  if (wanted === undefined) return undefined
  if (wanted !== 'user') throw new Problem('invalid-request', 'x-bump-record: the only value is user')
  if (scope === undefined)
    throw new Problem('invalid-request', 'x-bump-record needs x-bump-user: whose turns are they?')
  userScopeOf(c, 'ingest', scope.user)
  const turns = await latestTurns(body.messages ?? body.input)
  if (turns.length === 0) return '0'
  const done = await inTime(record(scope, turns).then(() => String(turns.length)))
  return done === 'late' ? 'error' : done
}

/** The fields of a body that is JSON. Throws Problem `invalid-request`. */
function fieldsOf(bytes: Uint8Array): Fields {
  try {
    const value = parseJson(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields
  } catch {}
  throw new Problem('invalid-request', 'the body is no JSON object')
}

async function forwarded(
  c: Context<ServeEnv>,
  { upstream, keyOf }: ProxyOptions,
  path: string,
  body?: Uint8Array | string,
  extra: Record<string, string> = { 'x-bump-profile': 'none' },
  streamed = false,
): Promise<Response> {
  // Authorization is the model server's where bump's key stands elsewhere; a key of bump never leaves.
  const authorization = c.req.header('authorization') ?? ''
  const ownKey = c.req.header('x-bump-key') !== undefined && !authorization.includes('bump_')
  const headers = new Headers(c.req.raw.headers)
  // A compressed stream arrives in blocks, not word by word.
  if (streamed) headers.set('accept-encoding', 'identity')
  const { search } = new URL(c.req.url)
  const method = body === undefined ? 'GET' : 'POST'
  const projectKey = ownKey ? undefined : await keyOf?.(scopeOf(c, 'read').project)
  const request = { method, path: path + search, headers, ownKey, projectKey, body, signal: c.req.raw.signal } as const
  const answer = await upstream.ask(request)
  for (const [name, value] of Object.entries(extra)) answer.headers.set(name, value)
  if (streamed) answer.headers.set('x-accel-buffering', 'no')
  return answer
}
