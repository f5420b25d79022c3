// One OpenAI-compatible server: a request with its retries, and errors that say what to do. Used by open.ts.
import { z } from 'zod'
import { BumpError, CancelledError } from '../../util/errors.ts'
import { seedFrom, uniform } from '../../util/random.ts'

export interface Server {
  /** Address of the API without the last slash. */
  base: URL
  /** The address as errors and identities show it: without query, which may hold a key. */
  shown: string
  model: string
  apiKey: string | undefined
  maxRetries: number
  /** Milliseconds a single request may take. */
  timeout: number
  /** Milliseconds before the first retry; doubled for each further one. */
  backoff: number
  fetch: typeof fetch
}

const LONGEST_BACKOFF = 30_000
/** Servers that ask to wait longer than this are out of quota, not busy. */
const LONGEST_WAIT = 300_000
/** Characters of a server's own words that an error repeats. */
const QUOTED = 300

const errorSchema = z.union([
  z.string(),
  z.object({ message: z.string(), code: z.union([z.string(), z.number()]).nullish() }),
])
const bodySchema = z.object({ error: errorSchema.nullish(), message: z.string().nullish() })

/** A server's answer other than success, or none. */
interface Refusal {
  /** 0: no answer. */
  status: number
  /** The server's own words, or the network's. */
  why: string
  /** The server's error code, where it gives one. */
  code?: string
  /** Milliseconds the server asks to wait. */
  retryAfter?: number
  cause?: unknown
}

/**
 * Address and key of a server, checked. Throws BumpError where the address is not one of HTTP or holds a password, or
 * where the key cannot be sent.
 */
export function checkedServer(options: Omit<Server, 'base' | 'shown'> & { baseUrl: string }): Server {
  const { baseUrl, ...rest } = options
  const base = URL.canParse(baseUrl) ? new URL(baseUrl) : undefined
  if (base === undefined || !/^https?:$/.test(base.protocol))
    throw new BumpError(
      'invalid-options',
      `${JSON.stringify(baseUrl)} is not the address of a server: give one such as http://127.0.0.1:8000/v1`,
    )
  if (base.username !== '' || base.password !== '')
    throw new BumpError(
      'invalid-options',
      `the address of the server at ${base.host} holds a user name or password: leave it out, and give the key in OPENAI_API_KEY`,
    )
  base.pathname = base.pathname.replace(/(\/chat\/completions)?\/*$/, '')
  base.hash = ''
  // What fetch says of an unusable header repeats it.
  if (rest.apiKey !== undefined && /[^\x21-\x7e]/.test(rest.apiKey))
    throw new BumpError(
      'invalid-options',
      'the API key holds white space or characters that no key has: correct OPENAI_API_KEY',
    )
  return { ...rest, base, shown: `${base.origin}${base.pathname}`.replace(/\/$/, '') }
}

/**
 * The JSON that the server answers to one POST. Busy servers (429), failing ones (5xx) and a failing network are asked
 * again; @throws BumpError naming the address and what to do, CancelledError where `signal` is aborted.
 */
export async function post(server: Server, path: string, body: object, signal?: AbortSignal): Promise<unknown> {
  for (let attempt = 0; ; attempt++) {
    const answer = await request(server, path, body, signal)
    if (!('status' in answer)) return answer.json
    const wait = answer.retryAfter ?? jittered(server, attempt, body)
    if (!retryable(answer) || attempt >= server.maxRetries || wait > LONGEST_WAIT)
      throw await problem(server, answer, attempt, signal)
    await pause(wait, signal)
  }
}

async function request(
  server: Server,
  path: string,
  body: object | undefined,
  signal: AbortSignal | undefined,
): Promise<{ json: unknown } | Refusal> {
  if (signal?.aborted) throw new CancelledError()
  const timeout = AbortSignal.timeout(server.timeout)
  const url = new URL(server.base)
  url.pathname = `${url.pathname.replace(/\/$/, '')}${path}`
  let response: Response
  let text: string
  try {
    response = await server.fetch(url, {
      method: body ? 'POST' : 'GET',
      headers: {
        ...(body ? { 'content-type': 'application/json' } : {}),
        ...(server.apiKey ? { authorization: `Bearer ${server.apiKey}` } : {}),
      },
      body: body && JSON.stringify(body),
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    })
    text = await response.text()
  } catch (cause) {
    if (signal?.aborted) throw new CancelledError()
    const { message, cause: inner } = cause as Error & { cause?: { code?: string } }
    const why = timeout.aborted ? `no answer within ${server.timeout / 1000} s` : (inner?.code ?? message)
    return { status: 0, why, cause }
  }
  const { status } = response
  const json = parsed(text)
  const told = bodySchema.safeParse(json)
  const error = told.success ? told.data.error : undefined
  if (response.ok && json !== undefined && (error === undefined || error === null)) return { json }
  const code = typeof error === 'object' ? error?.code : undefined
  const retryAfter = waitOf(response.headers.get('retry-after'))
  if (json === undefined) return { status, why: notJson(text), retryAfter }
  const words = (typeof error === 'string' ? error : error?.message) ?? told.data?.message ?? text
  // Some gateways answer 200 and put the failure's status in the body.
  const real = response.ok ? (Number(code) >= 400 && Number(code) < 600 ? Number(code) : 400) : status
  return { status: real, why: quoted(server, words), code: code ? String(code) : undefined, retryAfter }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) ?? undefined
  } catch {
    return undefined
  }
}

function notJson(text: string): string {
  if (text.trim() === '') return 'an empty answer'
  return /^\s*</.test(text) ? 'a web page instead of JSON' : 'something that is not JSON'
}

/** A server may repeat what it was sent: the key is taken out. */
function quoted({ apiKey }: Server, words: string): string {
  const line = words.replace(/\s+/g, ' ').trim()
  return (apiKey ? line.replaceAll(apiKey, '***') : line).slice(0, QUOTED)
}

const retryable = ({ status, code }: Refusal) =>
  status === 0 || status === 408 || (status === 429 && code !== 'insufficient_quota') || status >= 500

/** Milliseconds of a Retry-After header: seconds, or a date. */
function waitOf(header: string | null): number | undefined {
  if (header === null || header.trim() === '') return undefined
  const seconds = Number(header)
  const wait = Number.isNaN(seconds) ? Date.parse(header) - Date.now() : seconds * 1000
  return Number.isNaN(wait) ? undefined : Math.max(0, wait)
}

/** Half to all of the doubled delay, so that requests turned away together do not come back together. */
function jittered({ backoff }: Server, attempt: number, body: object): number {
  const share = uniform(seedFrom('retry', attempt, JSON.stringify(body)))()
  return Math.min(LONGEST_BACKOFF, backoff * 2 ** attempt) * (0.5 + share / 2)
}

function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const cancel = () => {
      clearTimeout(timer)
      reject(new CancelledError())
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', cancel)
      resolve()
    }, milliseconds)
    if (signal?.aborted) cancel()
    else signal?.addEventListener('abort', cancel, { once: true })
  })
}

async function problem(
  server: Server,
  { status, why, code, retryAfter, cause }: Refusal,
  retries: number,
  signal: AbortSignal | undefined,
): Promise<BumpError> {
  const { shown, model, apiKey } = server
  const tried = retries === 0 ? '' : ` after ${retries + 1} tries`
  const fail = (message: string) => new BumpError('server-failed', message, { cause })
  if (status === 0)
    return fail(
      `no connection to ${shown}${tried} (${why}). Is the server running, and is the address right? ` +
        'A slow server may need fewer requests at a time or shorter answers.',
    )
  if (status === 401 || status === 403)
    return fail(
      `${shown} refuses ${apiKey ? 'the API key' : 'requests without an API key'} (${status}: ${why}). Set OPENAI_API_KEY to a key of this server.`,
    )
  if (status === 404) {
    const known = await modelNames(server, signal)
    if (known === undefined)
      return fail(
        `${shown} has no chat completions (404: ${why}). Check the address, which usually ends in /v1, and the model's name, ${JSON.stringify(model)}.`,
      )
    return fail(
      `${shown} does not serve ${JSON.stringify(model)} (404: ${why}). It serves: ${known.join(', ') || 'nothing'}.`,
    )
  }
  if (status === 429) {
    const asked = retryAfter === undefined ? '' : `; it asks to wait ${Math.ceil(retryAfter / 1000)} s`
    const todo =
      code === 'insufficient_quota'
        ? 'Check plan and credit of the account.'
        : 'Go on later, or ask for less at a time.'
    return fail(`${shown} turns requests away${tried} (429: ${why}${asked}). ${todo}`)
  }
  if (status >= 500) return fail(`${shown} fails${tried} (${status}: ${why}). Look into the server's own log.`)
  if (status < 300)
    return fail(`${shown} answers with ${why}: is it the address of an API? Such an address usually ends in /v1.`)
  return fail(`${shown} refuses the request to ${JSON.stringify(model)} (${status}: ${why}).`)
}

const modelsSchema = z.object({ data: z.array(z.object({ id: z.string() })) })

/** Names of the first models that the server lists; undefined where it has no list. */
async function modelNames(server: Server, signal: AbortSignal | undefined): Promise<string[] | undefined> {
  const answer = await request(server, '/models', undefined, signal)
  const models = modelsSchema.safeParse('json' in answer ? answer.json : undefined)
  if (!models.success) return undefined
  const names = models.data.data.map(({ id }) => id)
  return names.length > 12 ? [...names.slice(0, 12), `and ${names.length - 12} more`] : names
}
