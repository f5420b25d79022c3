// One Tinker server: its address and key, a request with its retries, and the futures that answer later. What the
// requests are about is in session.ts, sampling.ts and training.ts.
import { z } from 'zod'
import { BumpError, CancelledError } from '../../util/errors.ts'
import { parseJson } from '../../util/parse-json.ts'
import { seedFrom, uniform } from '../../util/random.ts'
import { patientFetch } from '../../util/web-fetch.ts'
import { type Body, checked, WireError } from './wire.ts'

export interface TinkerServerOptions {
  /** Address of the server, without /api/v1. Default: TINKER_BASE_URL. */
  server?: string
  /** Default: TINKER_API_KEY. Sent to `server` only, and never shown. */
  apiKey?: string
  /** Seconds that the server may take for one piece of work, such as starting its engines; default 1800. */
  timeout?: number
  /** Seconds before the first retry, doubled for each further one up to 30; default 0.5. */
  backoff?: number
  /** Default: one that knows the proxies of the environment (HTTPS_PROXY, HTTP_PROXY, NO_PROXY). */
  fetch?: typeof fetch
}

/** How one request is made. */
interface RequestOptions {
  signal?: AbortSignal
  /**
   * Whether the request may be sent again where it is not known if it arrived; default true. With false, `LostAnswer`
   * is thrown there.
   */
  repeatable?: boolean
  /** Times that it is sent while the server is not reached; default 10, which takes minutes. */
  tries?: number
}

interface Answer {
  status: number
  headers: Headers
  bytes: Uint8Array
}

/** A request whose answer did not come, so that nobody knows whether it counted. */
export class LostAnswer extends BumpError {}

/** What a server answered in place of success. */
export class Refusal extends BumpError {
  constructor(
    message: string,
    /** Of HTTP. */
    readonly status: number,
  ) {
    super('server-failed', message)
  }
}

/** Nothing in this protocol is larger but adapters, which say so. */
const MOST_BYTES = 2 ** 28
/** Times in a row that a server may fail (5xx), and that it may not be reached. */
const FAILURES = 5
const UNREACHED = 10
/** Times in a row that it may be busy. */
const PATIENCE = 100
const LONGEST_PAUSE = 30_000
/** Milliseconds of one submission, and of one poll of a future: servers hold those for minutes. */
const SUBMISSION = 60_000
const POLL = 45_000
const PROTOBUF = 'application/x-protobuf'

export class TinkerServer {
  /** As messages name it. */
  readonly shown: string
  private closing = new AbortController()
  private asked = 0

  private constructor(
    readonly base: URL,
    readonly apiKey: string | undefined,
    /** Milliseconds. */
    private readonly timeout: number,
    private readonly backoff: number,
    private readonly fetch: typeof globalThis.fetch,
  ) {
    this.shown = `${base.origin}${base.pathname}`.replace(/\/$/, '')
  }

  /** Throws BumpError `invalid-options` where there is no address, or it or the key cannot be used. */
  static of(options: TinkerServerOptions): TinkerServer {
    const { timeout = 1800, backoff = 0.5 } = options
    const address = options.server ?? process.env.TINKER_BASE_URL
    if (!address)
      throw new BumpError(
        'invalid-options',
        'the engine tinker needs the address of a server, such as http://127.0.0.1:8000: give engine.server, or set TINKER_BASE_URL',
      )
    const base = URL.canParse(address) ? new URL(address) : undefined
    if (base === undefined || !/^https?:$/.test(base.protocol) || base.username !== '' || base.password !== '')
      throw new BumpError(
        'invalid-options',
        `engine.server is not the address of a server: give one such as http://127.0.0.1:8000, without a user name; a key stands in TINKER_API_KEY`,
      )
    base.pathname = base.pathname.replace(/(\/api\/v1)?\/*$/, '')
    base.search = ''
    base.hash = ''
    const apiKey = (options.apiKey ?? process.env.TINKER_API_KEY)?.trim() || undefined
    // What fetch says of an unusable header repeats it.
    if (apiKey !== undefined && /[^\x21-\x7e]/.test(apiKey))
      throw new BumpError(
        'invalid-options',
        'the API key holds white space or characters that no key has: correct TINKER_API_KEY',
      )
    return new TinkerServer(base, apiKey, timeout * 1000, backoff * 1000, options.fetch ?? patientFetch)
  }

  /** The JSON that a path answers at once, in the schema's shape. */
  async ask<T>(path: string, body: object | undefined, schema: z.ZodType<T>, options: RequestOptions = {}): Promise<T> {
    return this.shaped(path, schema, { json: this.json(path, await this.send(path, body, options)) })
  }

  /** The result of work that the server does in its own time. */
  async work<T>(path: string, body: object, schema: z.ZodType<T>, options: RequestOptions = {}): Promise<T> {
    return this.shaped(path, schema, await this.result(path, await this.submit(path, body, options), options.signal))
  }

  /** Hands work in; its id is good for `result`. */
  async submit(path: string, body: object | Uint8Array, options: RequestOptions = {}): Promise<string> {
    const { request_id } = this.shaped(path, futureSchema, {
      json: this.json(path, await this.send(path, body, options)),
    })
    return request_id
  }

  /** Waits for the result of work that was handed in. Asking again is always safe. */
  async result(path: string, requestId: string, signal?: AbortSignal): Promise<Body> {
    const deadline = performance.now() + this.timeout
    const failures = new Failures(this.asked++)
    for (;;) {
      const left = deadline - performance.now()
      if (left <= 0)
        throw new BumpError(
          'server-failed',
          `${this.shown} has not finished ${path} within ${this.timeout / 1000} s: look at its log`,
        )
      const asked = performance.now()
      const answer = await this.once('retrieve_future', { request_id: requestId }, Math.min(POLL, left), signal)
      if (answer === 'late' || (typeof answer === 'object' && answer.status === 408)) {
        failures.forget()
        // A server that does not hold the question would be asked without a pause.
        if (performance.now() - asked < this.backoff) await this.pause(this.backoff, signal)
        continue
      }
      if (typeof answer === 'object' && answer.status === 200) {
        const { headers, bytes } = answer
        return headers.get('content-type')?.includes('protobuf')
          ? { protobuf: bytes }
          : { json: this.json(path, answer) }
      }
      if (!failures.mayRepeat(answer)) throw this.problem(path, answer)
      await this.pause(failures.pause(this.backoff), signal)
    }
  }

  /**
   * The bytes of a file of the server, which may lie elsewhere; undefined where it does not begin with `magic`, and the
   * rest is not read then. `most`: bytes.
   */
  async download(
    path: string,
    { magic, most, signal }: { magic: Uint8Array; most: number; signal?: AbortSignal },
  ): Promise<Uint8Array | undefined> {
    let url = this.url(path)
    for (let hops = 0; hops < 4; hops++) {
      const answer = await this.once(path, undefined, this.timeout, signal, { url, most, magic })
      const location = typeof answer === 'object' && answer.status < 400 ? answer.headers.get('location') : null
      if (typeof answer === 'object' && answer.status === 200)
        return Buffer.compare(answer.bytes.subarray(0, magic.length), magic) === 0 ? answer.bytes : undefined
      if (location === null || !URL.canParse(location, url.href)) throw this.problem(path, answer)
      url = new URL(location, url)
      if (url.origin !== this.base.origin && url.protocol !== 'https:') break
    }
    throw new BumpError('server-failed', `${this.shown} leads ${path} from one address to the next and gives no file`)
  }

  /** Ends all requests under way with a CancelledError. */
  cancelAll(): void {
    this.closing.abort()
    this.closing = new AbortController()
  }

  /** One request with its retries. */
  private async send(path: string, body: object | undefined, options: RequestOptions): Promise<Answer> {
    const { signal, repeatable = true, tries } = options
    const failures = new Failures(this.asked++, tries)
    for (;;) {
      const answer = await this.once(path, body, SUBMISSION, signal)
      if (typeof answer === 'object' && answer.status === 200) return answer
      const arrived = answer !== 'refused' && !(typeof answer === 'object' && answer.status === 429)
      const unclear = typeof answer !== 'object' || answer.status >= 500 || answer.status === 408
      if (!repeatable && arrived && unclear)
        throw new LostAnswer(
          'server-failed',
          `${this.problem(path, answer).message}: it is not known whether it counted`,
        )
      if (!failures.mayRepeat(answer)) throw this.problem(path, answer)
      await this.pause(failures.pause(this.backoff), signal)
    }
  }

  /** One request: its answer, whatever it is, or why there is none. */
  private async once(
    path: string,
    body: object | undefined,
    milliseconds: number,
    signal: AbortSignal | undefined,
    { url = this.url(path), most = MOST_BYTES, magic }: { url?: URL; most?: number; magic?: Uint8Array } = {},
  ): Promise<Answer | NoAnswer> {
    const { closing, apiKey } = this
    if (signal?.aborted || closing.signal.aborted) throw new CancelledError()
    const time = AbortSignal.timeout(Math.min(Math.ceil(milliseconds), 2 ** 31 - 1))
    const raw = body instanceof Uint8Array
    try {
      const response = await this.fetch(url, {
        method: body ? 'POST' : 'GET',
        headers: {
          accept: `${PROTOBUF}, application/json`,
          ...(body ? { 'content-type': raw ? PROTOBUF : 'application/json' } : {}),
          // Nobody else gets the key, wherever the server leads.
          ...(apiKey !== undefined && url.origin === this.base.origin ? { 'x-api-key': apiKey } : {}),
        },
        body: raw ? (body as Uint8Array<ArrayBuffer>) : body && JSON.stringify(body),
        redirect: 'manual',
        signal: AbortSignal.any([time, closing.signal, ...(signal ? [signal] : [])]),
      })
      const bytes = await bounded(response, most, response.status === 200 ? magic : undefined)
      if (bytes === undefined)
        throw new BumpError('server-failed', `${this.shown} answers ${path} with more than ${most / 2 ** 20} MiB`)
      return { status: response.status, headers: response.headers, bytes }
    } catch (cause) {
      if (signal?.aborted || closing.signal.aborted) throw new CancelledError()
      if (BumpError.isInstance(cause)) throw cause
      if (time.aborted) return 'late'
      const code = (cause as { cause?: { code?: string } }).cause?.code
      return code === 'ECONNREFUSED' || code === 'ENOTFOUND' ? 'refused' : 'broken'
    }
  }

  url(path: string): URL {
    const url = new URL(this.base)
    url.pathname = `${url.pathname.replace(/\/$/, '')}/api/v1/${path}`
    return url
  }

  private json(path: string, { bytes }: Answer): unknown {
    try {
      return parseJson(new TextDecoder().decode(bytes))
    } catch (cause) {
      throw new BumpError(
        'server-failed',
        `${this.shown} answers ${path} with something else than JSON: is it a Tinker server?`,
        { cause },
      )
    }
  }

  private shaped<T>(path: string, schema: z.ZodType<T>, body: Body): T {
    return this.read(path, () => {
      if ('protobuf' in body) throw new WireError('is protobuf where JSON stands')
      return checked(schema, body.json)
    })
  }

  /** What `reader` makes of an answer. Throws BumpError that names the server where it is of another shape. */
  read<T>(path: string, reader: () => T): T {
    try {
      return reader()
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      throw new BumpError('server-failed', `the answer of ${this.shown} to ${path} ${error.message}`)
    }
  }

  private problem(path: string, answer: Answer | NoAnswer): BumpError {
    const { shown } = this
    if (answer === 'refused')
      return new BumpError('server-failed', `${shown} cannot be reached: check the address, and that the server runs`)
    if (answer === 'late') return new BumpError('server-failed', `${shown} gives no answer to ${path} in time`)
    if (answer === 'broken') return new BumpError('server-failed', `${shown} breaks the connection at ${path}`)
    const said = this.words(answer)
    const told = `${shown} answers ${answer.status} to ${path}${said === '' ? '' : `: ${said}`}`
    return new Refusal(`${told}${cureOf(path, answer.status, said)}`, answer.status)
  }

  /** The server's own words, short and without the key, should it repeat that. */
  private words({ bytes }: Answer): string {
    const text = new TextDecoder().decode(bytes.subarray(0, 4000))
    let said = text
    try {
      const { detail } = (parseJson(text) ?? {}) as { detail?: unknown }
      said = typeof detail === 'string' ? detail : text
    } catch {
      // Words of a proxy, or cut short.
    }
    if (this.apiKey !== undefined) said = said.replaceAll(this.apiKey, '***')
    return said
      .replace(/[\p{Cc}\s]+/gu, ' ')
      .trim()
      .slice(0, 300)
  }

  private pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
    const either = AbortSignal.any([this.closing.signal, ...(signal ? [signal] : [])])
    return new Promise((resolve, reject) => {
      const cancel = () => {
        clearTimeout(timer)
        reject(new CancelledError())
      }
      const timer = setTimeout(() => {
        either.removeEventListener('abort', cancel)
        resolve()
      }, milliseconds)
      if (either.aborted) cancel()
      else either.addEventListener('abort', cancel, { once: true })
    })
  }
}

/** What to do about a refusal, where that is known; a sentence of its own. */
function cureOf(path: string, status: number, said: string): string {
  if (status === 401 || status === 403) return '. It wants another key: set TINKER_API_KEY.'
  // The first request of all, which every such server answers.
  if (/^not found$/i.test(said) || (status === 404 && path === 'get_server_capabilities'))
    return '. Is it the address of a Tinker server?'
  if (/not loaded|(model|session|future|request) not found/i.test(said))
    return '. It no longer holds what this run left there: it was started anew, or heard nothing for too long. Resume the run: it goes on from its last checkpoint.'
  return ''
}

/** Why a request has no answer: nobody listens there, the connection ended, or its time was over. */
type NoAnswer = 'refused' | 'broken' | 'late'

const futureSchema = z.object({ request_id: z.string() })

/** How often in a row something has failed, and whether it may be tried once more. */
class Failures {
  private inRow = 0
  private failing = 0

  /** `request`: a number of its own. */
  constructor(
    private readonly request: number,
    private readonly unreached = UNREACHED,
  ) {}

  forget(): void {
    this.inRow = 0
    this.failing = 0
  }

  mayRepeat(answer: Answer | NoAnswer): boolean {
    this.inRow++
    if (typeof answer !== 'object') return this.inRow < this.unreached
    // A failure of the server may be final, as that of a sample with NaN in it.
    if (answer.status >= 500) return ++this.failing < FAILURES
    return answer.status === 408 || answer.status === 429 ? this.inRow < PATIENCE : false
  }

  /**
   * Milliseconds, half to all of the doubled pause, so that requests turned away together do not come back together.
   */
  pause(first: number): number {
    const share = uniform(seedFrom('retry', this.request, this.inRow))()
    return Math.min(LONGEST_PAUSE, first * 2 ** Math.min(this.inRow - 1, 20)) * (0.5 + share / 2)
  }
}

/**
 * The whole body; undefined where it has more than `most` bytes, and the connection is closed then. Of one that does
 * not begin with `magic` the beginning is enough.
 */
async function bounded(response: Response, most: number, magic?: Uint8Array): Promise<Uint8Array | undefined> {
  if (response.body === null) return new Uint8Array(0)
  const reader = response.body.getReader()
  const parts: Uint8Array[] = []
  let unchecked = magic
  for (let bytes = 0; ; ) {
    const { done, value } = await reader.read()
    if (done) return Buffer.concat(parts)
    bytes += value.byteLength
    if (bytes > most) {
      await reader.cancel().catch(() => {})
      return undefined
    }
    parts.push(value)
    if (unchecked && bytes >= unchecked.length) {
      if (!Buffer.concat(parts).subarray(0, unchecked.length).equals(unchecked)) {
        await reader.cancel().catch(() => {})
        return Buffer.concat(parts)
      }
      unchecked = undefined
    }
  }
}
