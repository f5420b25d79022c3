// One OpenAI-compatible server: its address and key, and a request with its retries. Used by open.ts; what it answers
// instead of success is read in refusal.ts.
import { z } from 'zod'
import { boundedText } from '../../util/bounded-text.ts'
import { BumpError, CancelledError } from '../../util/errors.ts'
import { seedFrom, uniform } from '../../util/random.ts'
import type { ServerPrice } from '../served.ts'
import { completionOfEvents, isEventStream, parsedJson } from './body.ts'
import { isPassing, type Refusal, type RefusingServer, readAnswer } from './refusal.ts'

export interface Server extends RefusingServer {
  /** Address of the API without the last slash. */
  base: URL
  /** Azure's own header carries the key. */
  azure: boolean
  maxRetries: number
  /** Milliseconds a single request may take. */
  timeout: number
  /** Milliseconds before the first retry; doubled for each further one. */
  backoff: number
  fetch: typeof fetch
  price?: ServerPrice
  /** What it was asked so far, by its own count. */
  spent: Spent
}

/** Requests that a server answered, and tokens that it read and wrote for them. */
interface Spent {
  requests: number
  read: number
  written: number
}

const LONGEST_BACKOFF = 30_000
/** Servers that ask to wait longer than this are out of quota, not busy. */
const LONGEST_WAIT = 300_000
/** What a timer can hold. */
const LONGEST_TIMEOUT = 2 ** 31 - 1

/** How a server is named and asked. */
export interface ServerOptions
  extends Pick<Server, 'model' | 'maxRetries' | 'timeout' | 'backoff' | 'fetch' | 'price'> {
  baseUrl: string
  /** Default: the environment's OPENAI_API_KEY, for Azure first AZURE_OPENAI_API_KEY. */
  apiKey: string | undefined
}

/**
 * Address and key of a server, checked. Throws BumpError where the address is not one of HTTP or holds a password,
 * where Azure's lacks its version, or where the key cannot be sent.
 */
export function checkedServer(options: ServerOptions): Server {
  const { baseUrl, model, maxRetries, backoff, fetch } = options
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
  const azure = isAzure(base)
  if (azure) addVersion(base)
  const { env } = process
  const keyName = azure ? 'AZURE_OPENAI_API_KEY' : 'OPENAI_API_KEY'
  const found = options.apiKey ?? (azure ? env.AZURE_OPENAI_API_KEY : undefined) ?? env.OPENAI_API_KEY
  const apiKey = found?.trim() || undefined
  // What fetch says of an unusable header repeats it.
  if (apiKey !== undefined && /[^\x21-\x7e]/.test(apiKey))
    throw new BumpError(
      'invalid-options',
      `the API key holds white space or characters that no key has: correct ${keyName}`,
    )
  const ofQuery = [...base.searchParams].flatMap(([name, value]) => (name === 'api-version' ? [] : [value]))
  return {
    base,
    shown: `${base.origin}${base.pathname}`.replace(/\/$/, ''),
    model,
    azure,
    keyName,
    apiKey,
    secrets: [...(apiKey ? [apiKey] : []), ...ofQuery].filter((secret) => secret.length >= 4),
    maxRetries,
    timeout: Math.min(options.timeout, LONGEST_TIMEOUT),
    backoff,
    fetch,
    price: options.price,
    spent: { requests: 0, read: 0, written: 0 },
  }
}

/** Azure's services, and gateways that keep the path of one. */
function isAzure({ hostname, pathname }: URL): boolean {
  return (
    /\.(?:openai|cognitiveservices|services\.ai)\.azure\.(?:com|us|cn)$/.test(hostname) ||
    /\/openai\/deployments\//.test(pathname)
  )
}

/** A deployment is asked in the form of a dated version, which stands in the query. */
function addVersion(base: URL): void {
  if (!/\/deployments\//.test(base.pathname) || base.searchParams.has('api-version')) return
  const version = process.env.OPENAI_API_VERSION
  if (!version)
    throw new BumpError(
      'invalid-options',
      `${base.origin}${base.pathname} is a deployment on Azure, whose address needs its version: add ?api-version=2024-10-21 (or the one of your service), or set OPENAI_API_VERSION`,
    )
  base.searchParams.set('api-version', version)
}

/**
 * The JSON that the server answers to one POST, or its refusal. Busy servers (429), failing ones (5xx) and a failing
 * network are asked again. Throws CancelledError where `signal` is aborted.
 */
export async function post(
  server: Server,
  path: string,
  body: object,
  signal?: AbortSignal,
): Promise<{ json: unknown } | Refusal> {
  for (let attempt = 0; ; attempt++) {
    const answer = await request(server, path, body, signal)
    if (!('status' in answer)) {
      const { read = 0, written = 0 } = usageOf(answer.json) ?? {}
      server.spent.requests++
      server.spent.read += read
      server.spent.written += written
      return answer
    }
    const wait = answer.retryAfter ?? jittered(server, attempt, body)
    if (!isPassing(answer) || attempt >= server.maxRetries || wait > LONGEST_WAIT)
      return { ...answer, retries: attempt }
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
  let text: string | undefined
  try {
    response = await server.fetch(url, {
      method: body ? 'POST' : 'GET',
      headers: { ...(body ? { 'content-type': 'application/json' } : {}), ...authorization(server) },
      body: body && JSON.stringify(body),
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      // Other hosts are not sent the header `authorization`; any other header they would be.
      redirect: server.azure ? 'manual' : 'follow',
    })
    text = await boundedText(response)
  } catch (cause) {
    if (signal?.aborted) throw new CancelledError()
    const { message, cause: inner } = cause as Error & { cause?: { code?: string } }
    const why = timeout.aborted ? `no answer within ${server.timeout / 1000} s` : (inner?.code ?? message)
    return { status: 0, why, words: '', cause }
  }
  if (text === undefined) return { status: 200, why: 'more than 16 MiB', words: '' }
  if (!isEventStream(text)) return readAnswer(server, response, text, parsedJson(text))
  const events = completionOfEvents(text)
  if (events === undefined && response.ok)
    return { status: 0, why: 'the stream ends in the middle of the answer', words: '' }
  return readAnswer(server, response, events?.words ?? text, events?.json)
}

/** Azure takes keys in a header of its own, and the tokens of its accounts (which are JWTs) as all others do. */
function authorization({ azure, apiKey }: Server): Record<string, string> {
  if (apiKey === undefined) return {}
  return azure && !apiKey.startsWith('eyJ') ? { 'api-key': apiKey } : { authorization: `Bearer ${apiKey}` }
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

/** What a server was asked so far, in words; undefined where nothing. */
export function spentText({ model, shown, spent, price }: Server): string | undefined {
  if (spent.requests === 0) return undefined
  const [requests, read, written] = [spent.requests, spent.read, spent.written].map((n) => n.toLocaleString('en'))
  const sum = price && (spent.read * price.read + spent.written * price.written) / 1e6
  const cost = price && sum !== undefined ? `: ${sum.toFixed(4)} at ${price.read} and ${price.written} a million` : ''
  return `${model} at ${shown}: ${requests} answers, ${read} tokens read and ${written} written${cost}`
}

const modelsSchema = z.object({ data: z.array(z.object({ id: z.string() })) })

const usageSchema = z.object({
  usage: z.object({ prompt_tokens: z.number().catch(0), completion_tokens: z.number().catch(0) }),
})

/** Tokens that an answer says were read and written for it; undefined where it does not. */
export function usageOf(json: unknown): { read: number; written: number } | undefined {
  const { usage } = usageSchema.safeParse(json).data ?? {}
  return usage && { read: usage.prompt_tokens, written: usage.completion_tokens }
}

/** Names of the first models that the server lists; undefined where it has no list. */
export async function modelNames(server: Server, signal: AbortSignal | undefined): Promise<string[] | undefined> {
  const answer = await request(server, '/models', undefined, signal)
  const models = modelsSchema.safeParse('json' in answer ? answer.json : undefined)
  if (!models.success) return undefined
  const names = models.data.data.map(({ id }) => id)
  return names.length > 12 ? [...names.slice(0, 12), `and ${names.length - 12} more`] : names
}
