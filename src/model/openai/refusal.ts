// What a server answers instead of a completion: read from its status and words, told apart (the server is in trouble,
// the prompt is at fault, a parameter is not taken), and put into an error that says what to do. Used by server.ts and
// open.ts.
import { z } from 'zod'
import { BumpError } from '../../util/errors.ts'
import { hasProxy } from '../../util/web-fetch.ts'
import { parsedJson } from './body.ts'
import { waitOf } from './wait.ts'

/** Characters of a server's own words that an error repeats. */
const QUOTED = 300

/** A server's answer other than success, or none. */
export interface Refusal {
  /** 0: no answer. */
  status: number
  /** The server's own words as an error repeats them, or the network's. */
  why: string
  /** All that it said, to look for what it means. */
  words: string
  /** The server's error code, where it gives one. */
  code?: string
  /** Milliseconds the server asks to wait. */
  retryAfter?: number
  /** Times it was asked again. */
  retries?: number
  cause?: unknown
}

/** What of a server its refusals are told with. */
export interface RefusingServer {
  /** The address as errors and identities show it: without query, which may hold a key. */
  shown: string
  model: string
  /** Environment variable that the key belongs into. */
  keyName: string
  apiKey: string | undefined
  /** What is never shown: the key, and values of the address's query. */
  secrets: readonly string[]
}

const errorSchema = z.union([
  z.string(),
  z.object({ message: z.string(), code: z.union([z.string(), z.number()]).nullish() }),
])
const bodySchema = z.object({ error: errorSchema.nullish(), message: z.string().nullish() })

/** The JSON of a success; else the refusal that status, headers and body amount to. `json`: the body where it is any. */
export function readAnswer(
  server: RefusingServer,
  response: Pick<Response, 'ok' | 'status' | 'headers'>,
  text: string,
  json: unknown,
): { json: unknown } | Refusal {
  const { status } = response
  const told = bodySchema.safeParse(json)
  const error = told.success ? told.data.error : undefined
  if (response.ok && json !== undefined && (error === undefined || error === null)) return { json }
  const code = typeof error === 'object' ? error?.code : undefined
  const retryAfter = waitOf(response.headers, text)
  if (json === undefined) return { status, why: notJson(text), words: text, retryAfter }
  const said = (typeof error === 'string' ? error : error?.message) ?? told.data?.message ?? text
  // Some gateways answer 200 and put the failure's status in the body.
  const real = response.ok ? (Number(code) >= 400 && Number(code) < 600 ? Number(code) : 400) : status
  const why = quoted(server, said)
  return { status: real, why, words: text, code: code ? String(code) : undefined, retryAfter }
}

function notJson(text: string): string {
  if (text.trim() === '') return 'an empty answer'
  return /^\s*</.test(text) ? 'a web page instead of JSON' : 'something that is not JSON'
}

/** A server may repeat what it was sent: secrets are taken out. */
function quoted({ secrets }: RefusingServer, words: string): string {
  const line = words.replace(/\s+/g, ' ').trim()
  return secrets.reduce((rest, secret) => rest.replaceAll(secret, '***'), line).slice(0, QUOTED)
}

/** Whether asking again may help. */
export function isPassing(refusal: Refusal): boolean {
  const { status, code } = refusal
  if (status === 0 || status === 408 || (status === 429 && code !== 'insufficient_quota')) return true
  return status >= 500 && status !== 501 && faultOfPrompt(refusal) === undefined
}

const TOO_LONG =
  /context[ _](?:length|window|size)|exceeds?\b[^.]{0,60}\b(?:context|tokens?|length)|too (?:long|many (?:input )?tokens)|(?:maximum|max) (?:input|prompt|sequence|number of tokens|allowed length)|(?:input|prompt)\b[^.]{0,40}longer than|reduce (?:the |your )?(?:length|prompt|input|messages)|input length|tokens[^.]{0,40}must be <=|context[^.]{0,20}overflow|string_above_max_length/i
const FILTERED =
  /content[ _-]?(?:filter|management|policy)|filtered|moderat|flagged|safety|responsible ?ai|prohibited|data_inspection|inappropriate|invalid_prompt|jailbreak|usage polic|unsafe|sensitive (?:content|words|information)|content exists risk/i

/**
 * What the words say to be wrong with this one prompt: it is too long, or a filter takes it. Undefined where they say
 * nothing of the kind.
 */
export function faultOfPrompt({ status, words }: Refusal): 'too-long' | 'filtered' | undefined {
  if (status === 413) return 'too-long'
  if (![400, 403, 422, 451, 500].includes(status)) return undefined
  if (status !== 403 && TOO_LONG.test(words)) return 'too-long'
  return FILTERED.test(words) ? 'filtered' : undefined
}

/** Whether the tokens of prompt and answer together are more than the server allows. */
export function asksForLess(refusal: Refusal): boolean {
  return faultOfPrompt(refusal) === 'too-long' || (refusal.status < 500 && LIMIT_TOO_HIGH.test(refusal.words))
}

/** A limit that is too high, in the words of many servers, is no parameter that a server does not know. */
const LIMIT_TOO_HIGH =
  /max_(?:completion_)?tokens\b[^.]{0,80}(?:too (?:large|high|big|many)|at most|(?:less|lower|smaller|fewer|greater|more|larger|higher) than|exceed|maximum (?:of|value)|out of range|<=|≤)/i

/** Words that a server uses of something that it does not take. */
const NOT_TAKEN =
  /unsupported|not support|n't support|unknown|unrecogni[sz]ed|unexpected|extra|not (?:be )?(?:permitted|allowed|available|valid|implemented|accepted)|invalid|deprecated|forbidden|must be|not accept|cannot be|no longer|only/i

/** Which of the parameters that were sent the refusal is about; undefined where it is about something else. */
export function refusedParameter<Name extends string>(refusal: Refusal, sent: readonly Name[]): Name | undefined {
  const { status, words } = refusal
  if (![400, 422, 501].includes(status) || asksForLess(refusal) || faultOfPrompt(refusal) || !NOT_TAKEN.test(words))
    return undefined
  const named = [...pointedAt(parsedJson(words))]
  const pointed = sent.find((name) => named.includes(name))
  if (pointed !== undefined) return pointed
  // The first that is mentioned: what it should be instead comes later.
  const at = (name: string) => words.search(new RegExp(`(?<![A-Za-z0-9_])${name}(?![A-Za-z0-9_])`))
  return sent.filter((name) => at(name) >= 0).sort((a, b) => at(a) - at(b))[0]
}

/** Names in `param` and at the end of `loc`, also where JSON stands as a text in JSON. */
function* pointedAt(value: unknown, depth = 0): Generator<unknown> {
  if (depth > 8) return
  if (typeof value === 'string' && /^\s*[{[]/.test(value)) yield* pointedAt(parsedJson(value), depth + 1)
  if (typeof value !== 'object' || value === null) return
  for (const [key, inner] of Object.entries(value)) {
    if (key === 'param') yield inner
    else if (key === 'loc' && Array.isArray(inner)) yield inner.at(-1)
    else yield* pointedAt(inner, depth + 1)
  }
}

/** Whether the refusal asks for a streamed answer. */
export function asksForStream({ status, words }: Refusal): boolean {
  return [400, 422].includes(status) && /\bstream/i.test(words) && /only|requir|must|enable|mandatory|set/i.test(words)
}

/** Whether the refusal is about a message with the role `system`. */
export function refusesSystemRole({ status, words }: Refusal): boolean {
  return (
    [400, 422, 500].includes(status) &&
    ((/\bsystem\b/i.test(words) && /\brole|messages?\b/i.test(words) && NOT_TAKEN.test(words)) ||
      /roles must alternate/i.test(words))
  )
}

/** The error for a refusal. `models`: names that the server lists, where it has no such model and a list. */
export function problem(server: RefusingServer, refusal: Refusal, models?: readonly string[]): BumpError {
  const { status, why, code, retries = 0, retryAfter, cause } = refusal
  const { shown, model, apiKey, keyName } = server
  const tried = retries === 0 ? '' : ` after ${retries + 1} tries`
  const fail = (message: string) => new BumpError('server-failed', message, { cause })
  const asked = JSON.stringify(model)
  if (faultOfPrompt(refusal) === 'too-long')
    return new BumpError(
      'context-exceeded',
      `the prompt is too long for ${asked} at ${shown} (${status}: ${why}). Give the server a longer context, or shorten the prompt.`,
      { cause },
    )
  if (faultOfPrompt(refusal) === 'filtered')
    return fail(`${shown} does not let the prompt through to ${asked} (${status}: ${why}).`)
  if (status === 0)
    return fail(
      `no connection to ${shown}${tried} (${why}). Is the server running, and is the address right? ` +
        'A slow server may need fewer requests at a time or shorter answers.' +
        (hasProxy() ? ' A proxy is set (HTTPS_PROXY, HTTP_PROXY): NO_PROXY names the hosts that need none.' : ''),
    )
  if (status === 401 || status === 403)
    return fail(
      `${shown} refuses ${apiKey ? 'the API key' : 'requests without an API key'} (${status}: ${why}). Set ${keyName} to a key of this server.`,
    )
  if (status === 404) {
    if (models === undefined)
      return fail(
        `${shown} has no chat completions (404: ${why}). Check the address, which usually ends in /v1, and the model's name, ${asked}.`,
      )
    return fail(`${shown} does not serve ${asked} (404: ${why}). It serves: ${models.join(', ') || 'nothing'}.`)
  }
  if (status === 429) {
    const wait = retryAfter === undefined ? '' : `; it asks to wait ${Math.ceil(retryAfter / 1000)} s`
    const todo =
      code === 'insufficient_quota'
        ? 'Check plan and credit of the account.'
        : 'Go on later, or ask for less at a time.'
    return fail(`${shown} turns requests away${tried} (429: ${why}${wait}). ${todo}`)
  }
  if (status >= 500) return fail(`${shown} fails${tried} (${status}: ${why}). Look into the server's own log.`)
  if (status < 300)
    return fail(`${shown} answers with ${why}: is it the address of an API? Such an address usually ends in /v1.`)
  if (status < 400) return fail(`${shown} sends requests to another address (${status}). Name that one.`)
  return fail(`${shown} refuses the request to ${asked} (${status}: ${why}).`)
}
