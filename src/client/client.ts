/**
 * A client of `bump serve`, for Node, browsers and edge runtimes: `fetch` and nothing else.
 *
 * ```ts
 * import { BumpClient } from 'bump-profiles/client'
 *
 * const bump = new BumpClient({ url: 'http://127.0.0.1:8080', key: process.env.BUMP_KEY! })
 * await bump.addInteractions([{ user: 'u7', id: 'event-81', text: 'How do I prune roses?' }])
 * const { text, statements } = await bump.profile('u7')
 * ```
 *
 * @module
 */
import type {
  AddedInteractions,
  Correction,
  DeletionReceipt,
  Export,
  ForgetReceipt,
  Link,
  Operations,
  Profile,
  ProfileVersion,
  User,
} from './api.ts'
import { BumpProblem, type BumpProblemCode } from './problem.ts'

export type * from './api.ts'
export { BumpProblem, type BumpProblemCode } from './problem.ts'

export interface BumpClientOptions {
  /** Address of the server, as `https://bump.firm`. */
  url: string
  /** In a browser only a key of one user that ends soon: who has it can do what it may. */
  key: string
  /** Milliseconds that one attempt may take. Default: 10,000. */
  timeoutMs?: number
  /** How often a call that may be repeated is tried again, after 0.2 s, 0.4 s and so on, or when the server says. Default: 2. */
  retries?: number
  /** Default: the runtime's own. */
  fetch?: (url: string, init: RequestInit) => Promise<Response>
}

/** Of every call. */
export interface CallOptions {
  /** Ends the call, which then throws the signal's reason. */
  signal?: AbortSignal | undefined
}

/** `GET /v1/users/{user}` and so on. */
export type OperationName = keyof Operations
type Part<N extends OperationName, P extends string> = Operations[N] extends { [key in P]: infer T } ? T : never
type Names<Path> = Path extends `${string}{${infer Name}}${infer Rest}` ? Name | Names<Rest> : never

/** What an operation takes: the words in braces of its path, its query, its body. */
export type OperationOptions<N extends OperationName> = CallOptions & {
  headers?: Record<string, string>
} & ([Names<N>] extends [never] ? unknown : { path: Record<Names<N>, string | number> }) &
  ([Part<N, 'query'>] extends [never] ? unknown : { query?: Partial<Part<N, 'query'>> | undefined }) &
  ([Part<N, 'body'>] extends [never] ? unknown : { body: Part<N, 'body'> })
export type OperationAnswer<N extends OperationName> = Part<N, 'answer'>

export type NewInteraction = Part<'POST /v1/interactions', 'body'>['interactions'][number]
export type NewCorrection = Part<'POST /v1/users/{user}/corrections', 'body'>
export type ForgetSelection = Part<'POST /v1/users/{user}/forget', 'body'>
type Page = { limit?: number; cursor?: string }

/** Calls that do the same when they are done twice: what was stored once is not stored again. */
const REPEATABLE = /^(GET|PATCH|POST \/v1\/interactions$)/
/** What passes: an overload, a server that starts, a gateway without its server. */
const PASSING = new Set([429, 502, 503, 504])
/** A client does not wait longer for its turn, in seconds. */
const LONGEST_WAIT = 30
/** Profiles that are kept to be asked for by their ETag. */
const MOST_KEPT = 1000

/** All calls throw BumpProblem where they fail; what is another's is `not-found`. */
export class BumpClient {
  private readonly base: string
  private readonly kept = new Map<string, { etag: string; answer: unknown }>()

  /** Throws BumpProblem (`invalid-request`) where the address is none. Nothing is sent. */
  constructor(private readonly options: BumpClientOptions) {
    const { url } = options
    if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
      throw new BumpProblem('invalid-request', `url: "${url}" is no http(s) address`)
    this.base = url.replace(/\/+$/, '')
  }

  /**
   * Stores up to 1,000 interactions, each once: by its id, or by user, time and text. The answer says what became of
   * each; what was refused is in it, and is not thrown.
   */
  addInteractions(
    interactions: NewInteraction[],
    options: CallOptions & { upsert?: boolean; revive?: boolean; idempotencyKey?: string } = {},
  ): Promise<AddedInteractions> {
    const { upsert = false, revive = false, idempotencyKey, signal } = options
    return this.request('POST /v1/interactions', {
      signal,
      query: { upsert: upsert ? 'true' : 'false', revive: revive ? 'true' : 'false' },
      body: { interactions },
      ...(idempotencyKey !== undefined && { headers: { 'idempotency-key': idempotencyKey } }),
    })
  }

  /** A page of a user's interactions, oldest first. */
  interactions(user: string, { signal, ...query }: CallOptions & Page = {}) {
    return this.request('GET /v1/users/{user}/interactions', { path: { user }, query, signal })
  }

  /** A page of the project's users. */
  users({ signal, ...query }: CallOptions & Page = {}) {
    return this.request('GET /v1/users', { query, signal })
  }

  user(user: string, options: CallOptions = {}): Promise<User> {
    return this.request('GET /v1/users/{user}', { path: { user }, ...options })
  }

  /** on; off: nothing is written or served; frozen: what is served stays. */
  setProfiling(user: string, profiling: User['profiling'], options: CallOptions = {}): Promise<User> {
    return this.request('PATCH /v1/users/{user}', { path: { user }, body: { profiling }, ...options })
  }

  /**
   * The profile that is served, with its ETag. One that has not changed is not sent again; its `stale` and
   * `newInteractions` are then those of the last time.
   */
  async profile(user: string, { signal }: CallOptions = {}): Promise<Profile & { etag: string }> {
    return (await this.revalidated(`/v1/users/${segment(user)}/profile`, signal)) as Profile & { etag: string }
  }

  /** The profile for the end of a system message, as the proxy has it; '' where nothing is served. */
  async profileBlock(
    user: string,
    { maxTokens = 256, signal }: CallOptions & { maxTokens?: number } = {},
  ): Promise<string> {
    const query = `format=block&maxTokens=${maxTokens}`
    return (await this.revalidated(`/v1/users/${segment(user)}/profile?${query}`, signal)) as string
  }

  /** Writes the profile by hand, and freezes it. `etag`: of the profile that it replaces; another one is refused. */
  writeProfile(user: string, text: string, { etag, signal }: CallOptions & { etag: string }): Promise<Profile> {
    const headers = { 'if-match': etag }
    return this.request('PUT /v1/users/{user}/profile', { path: { user }, body: { text }, headers, signal })
  }

  /** A page of versions, newest first. */
  versions(user: string, { signal, ...query }: CallOptions & Page = {}) {
    return this.request('GET /v1/users/{user}/profile/versions', { path: { user }, query, signal })
  }

  version(user: string, version: number, options: CallOptions = {}): Promise<ProfileVersion> {
    return this.request('GET /v1/users/{user}/profile/versions/{version}', { path: { user, version }, ...options })
  }

  /** Serves an older version again, as a new one. */
  restore(user: string, version: number, options: CallOptions = {}): Promise<Profile> {
    const path = { user, version }
    return this.request('POST /v1/users/{user}/profile/versions/{version}/restore', { path, ...options })
  }

  /** What a version was written from; default: the one that is served. */
  sources(user: string, { signal, version }: CallOptions & { version?: number } = {}) {
    const query = version === undefined ? {} : { version }
    return this.request('GET /v1/users/{user}/profile/sources', { path: { user }, query, signal })
  }

  /** Has the profile written anew, and waits so many seconds for it: at most 60. */
  refresh(user: string, { wait = 0, signal }: CallOptions & { wait?: number } = {}): Promise<Profile> {
    return this.request('POST /v1/users/{user}/profile/refresh', { path: { user }, query: { wait }, signal })
  }

  /** The corrections in force, oldest first. */
  corrections(user: string, options: CallOptions = {}): Promise<{ data: Correction[] }> {
    return this.request('GET /v1/users/{user}/corrections', { path: { user }, ...options })
  }

  correct(user: string, correction: NewCorrection, options: CallOptions = {}): Promise<Correction> {
    return this.request('POST /v1/users/{user}/corrections', { path: { user }, body: correction, ...options })
  }

  /** Takes a correction back. */
  retract(user: string, id: string, options: CallOptions = {}): Promise<{ id: string }> {
    return this.request('DELETE /v1/users/{user}/corrections/{id}', { path: { user, id }, ...options })
  }

  /** Erases interactions and every text that was written from them; only says what would go unless `dryRun` is false. */
  forget(user: string, selection: ForgetSelection, options: CallOptions = {}): Promise<ForgetReceipt> {
    return this.request('POST /v1/users/{user}/forget', { path: { user }, body: selection, ...options })
  }

  /** Erases a user. */
  deleteUser(user: string, options: CallOptions = {}): Promise<DeletionReceipt> {
    return this.request('DELETE /v1/users/{user}', { path: { user }, ...options })
  }

  /** Everything that is stored about a user. */
  export(user: string, options: CallOptions = {}): Promise<Export> {
    return this.request('GET /v1/users/{user}/export', { path: { user }, ...options })
  }

  /** A link to the page where a user sees, corrects and erases; `ttl` in seconds. */
  link(user: string, { signal, ...body }: CallOptions & { ttl?: number } = {}): Promise<Link> {
    return this.request('POST /v1/users/{user}/links', { path: { user }, body, signal })
  }

  /** Any operation of the API by its name, as `GET /v1/keys`: the methods above are these. */
  async request<N extends OperationName>(name: N, options: OperationOptions<N>): Promise<OperationAnswer<N>> {
    const given = options as CallOptions & Given
    const [method, template] = name.split(' ')
    const path = template.replace(/\{(\w+)\}/g, (_, word) => segment(String(given.path?.[word] ?? '')))
    const query = new URLSearchParams()
    for (const [key, value] of Object.entries(given.query ?? {})) if (value !== undefined) query.set(key, String(value))
    const { answer } = await this.send(method, query.size === 0 ? path : `${path}?${query}`, {
      ...given,
      repeatable: REPEATABLE.test(name),
      waits: Number(given.query?.wait ?? 0) * 1000,
    })
    return answer as OperationAnswer<N>
  }

  /** What a path of a profile gives, sent only where it has changed. */
  private async revalidated(path: string, signal: AbortSignal | undefined): Promise<unknown> {
    const kept = this.kept.get(path)
    this.kept.delete(path)
    const headers: Record<string, string> = kept === undefined ? {} : { 'if-none-match': kept.etag }
    const { status, etag, answer } = await this.send('GET', path, { headers, signal, repeatable: true })
    const now = status === 304 && kept !== undefined ? kept : { etag, answer }
    this.kept.set(path, now)
    if (this.kept.size > MOST_KEPT) this.kept.delete(this.kept.keys().next().value!)
    return typeof now.answer === 'string' ? now.answer : { ...(now.answer as Profile), etag: now.etag }
  }

  private async send(
    method: string,
    path: string,
    { body, headers, signal, repeatable, waits = 0 }: Sent,
  ): Promise<Answered> {
    const { key, timeoutMs = 10_000, retries = 2, fetch = globalThis.fetch } = this.options
    const json: Record<string, string> = body === undefined ? {} : { 'content-type': 'application/json' }
    const init: RequestInit = {
      method,
      headers: { authorization: `Bearer ${key}`, ...json, ...headers },
      // The key is for this address, wherever it points.
      redirect: 'manual',
      ...(body !== undefined && { body: JSON.stringify(body) }),
    }
    for (let attempt = 0; ; attempt++) {
      const timeout = AbortSignal.timeout(timeoutMs + waits)
      const ends = signal ? AbortSignal.any([signal, timeout]) : timeout
      const answered = await fetch(this.base + path, { ...init, signal: ends })
        .then(answerOf)
        .catch((error) => problemOf(error, timeout))
      signal?.throwIfAborted()
      if (!(answered instanceof BumpProblem)) return answered
      const { status, retryAfter = 0 } = answered
      // Who was refused for asking too often has changed nothing.
      const again = status === 429 || (repeatable && (status === 0 || PASSING.has(status)))
      if (!again || attempt >= retries || retryAfter > LONGEST_WAIT) throw answered
      await pause(Math.max(retryAfter * 1000, 200 * 2 ** attempt), signal)
    }
  }
}

interface Given {
  path?: Record<string, string | number>
  query?: Record<string, unknown>
  body?: unknown
  headers?: Record<string, string>
}

interface Sent extends CallOptions {
  body?: unknown
  headers?: Record<string, string>
  repeatable: boolean
  /** Milliseconds that the server may wait before it answers. */
  waits?: number
}

interface Answered {
  status: number
  etag: string
  /** Of JSON its value, else the text. */
  answer: unknown
}

/** Throws BumpProblem for an answer that is no success, and for one that was cut short or is of something else. */
async function answerOf(response: Response): Promise<Answered> {
  const { status, headers } = response
  if (!response.ok && status !== 304) throw await BumpProblem.of(response)
  const text = await response.text()
  const json = headers.get('content-type')?.includes('json')
  return { status, etag: headers.get('etag') ?? '', answer: json ? JSON.parse(text) : text }
}

/** An id as a part of a path. Throws BumpProblem for those that a path cannot have. */
function segment(id: string): string {
  if (id === '' || id === '.' || id === '..')
    throw new BumpProblem('invalid-request', `"${id}" cannot be an id in an address`)
  return encodeURIComponent(id)
}

function problemOf(cause: unknown, timeout: AbortSignal): BumpProblem {
  if (cause instanceof BumpProblem) return cause
  const no = (code: BumpProblemCode, message: string) =>
    new BumpProblem(code, message, 0, undefined, undefined, { cause })
  if (timeout.aborted) return no('timed-out', 'the server did not answer in time')
  if (cause instanceof SyntaxError)
    return no('unexpected-answer', 'the answer is no JSON: is this the address of bump serve?')
  return no('unreachable', 'the server cannot be reached: is it running, and is this its address?')
}

/** Waits, or throws the reason of the signal. */
async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms)
    signal?.addEventListener(
      'abort',
      () => {
        clearTimeout(timer)
        resolve()
      },
      { once: true },
    )
  })
  signal?.throwIfAborted()
}
