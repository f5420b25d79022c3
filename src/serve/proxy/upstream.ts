// The model server behind the proxy: what of a request goes there, and what of its answer comes back. The bytes of an
// answer are never read here: translating proxies break tool calls, streams and reasons to end.
import { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import { BumpError } from '../../util/errors.ts'
import { proxiedAgent } from '../../util/web-fetch.ts'
import { Problem } from '../problem.ts'

export interface UpstreamOptions {
  /** Address of an OpenAI-compatible API, as `https://api.openai.com/v1`. Never taken from a request. */
  baseUrl: string
  /**
   * Its key, for projects that have none of their own. A client may send its own in Authorization, and bump's in
   * `x-bump-key`.
   */
  apiKey?: string
}

/** What is sent there. */
export interface UpstreamRequest {
  method: 'GET' | 'POST'
  /** Below the base address, with its slash. */
  path: string
  headers: Headers
  /** Whether Authorization is the client's own key of the upstream. */
  ownKey: boolean
  /** The project's key of the upstream, in the place of the server's. */
  projectKey?: string
  body?: Uint8Array | string
  signal: AbortSignal
}

/** A model that thinks without streaming may be silent for long; a connection that is dead must still end. */
const SILENCE_MS = 15 * 60_000
/** Of one connection alone (RFC 9110, 7.6.1), or of the address that the client called. */
const HOP_BY_HOP = new Set(
  'connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer transfer-encoding upgrade'.split(
    ' ',
  ),
)
const NOT_FORWARDED = new Set(['host', 'content-length', 'expect', 'cookie', 'authorization', 'origin', 'referer'])
/** Cookies of the upstream would be cookies of this server's pages. */
const NOT_RETURNED = new Set(['set-cookie', 'alt-svc', 'strict-transport-security'])

/** Connections to one model server. */
export class Upstream {
  private agent: Promise<Dispatcher> | undefined
  private readonly base: URL

  /** Throws BumpError where the address is none. Nothing is sent. */
  constructor(private readonly options: UpstreamOptions) {
    const { baseUrl } = options
    if (!URL.canParse(baseUrl) || !/^https?:$/.test(new URL(baseUrl).protocol))
      throw new BumpError('invalid-options', `upstream.baseUrl: "${baseUrl}" is no http(s) address`)
    this.base = new URL(baseUrl)
  }

  /** The answer with its bytes as they come. Throws Problem `upstream-failed` where there is none. */
  async ask({ method, path, headers, ownKey, projectKey, body, signal }: UpstreamRequest): Promise<Response> {
    this.agent ??= proxiedAgent()
    const agent = await this.agent
    let answer: Dispatcher.ResponseData
    try {
      answer = await agent.request({
        ...{ origin: this.base.origin, path: `${this.base.pathname.replace(/\/$/, '')}${path}`, method, body, signal },
        headers: this.headersOf(headers, ownKey, projectKey),
        headersTimeout: SILENCE_MS,
        bodyTimeout: SILENCE_MS,
      })
    } catch (error) {
      if (signal.aborted) throw error
      throw new Problem('upstream-failed')
    }
    return new Response(Readable.toWeb(answer.body) as ReadableStream, {
      status: answer.statusCode,
      headers: returned(answer.headers),
    })
  }

  /** Ends all connections. */
  async close(): Promise<void> {
    await (await this.agent)?.destroy()
  }

  private headersOf(headers: Headers, ownKey: boolean, apiKey = this.options.apiKey): Record<string, string> {
    const named = namedIn(headers.get('connection'))
    const sent: Record<string, string> = {}
    for (const [name, value] of headers)
      if (!HOP_BY_HOP.has(name) && !named.has(name) && !NOT_FORWARDED.has(name) && !name.startsWith('x-bump-'))
        sent[name] = value
    const own = ownKey ? headers.get('authorization') : null
    if (own !== null) sent.authorization = own
    else if (apiKey !== undefined) sent.authorization = `Bearer ${apiKey}`
    return sent
  }
}

function returned(headers: Record<string, string | string[] | undefined>): Headers {
  const named = namedIn(String(headers.connection ?? ''))
  const kept = new Headers()
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || HOP_BY_HOP.has(name) || named.has(name) || NOT_RETURNED.has(name)) continue
    for (const one of [value].flat()) kept.append(name, one)
  }
  return kept
}

/** Headers that a Connection header names as its own. */
function namedIn(connection: string | null): Set<string> {
  return new Set(
    (connection ?? '')
      .toLowerCase()
      .split(',')
      .map((name) => name.trim()),
  )
}
