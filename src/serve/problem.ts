// What goes wrong at the HTTP interface, as RFC 9457 has it: every answer that is no success is one of these.
import { HTTPException } from 'hono/http-exception'
import { BumpError, type ErrorCode } from '../util/errors.ts'

/** Stable codes for programs, each with its status and what it means. */
export const PROBLEMS = {
  'invalid-request': [400, 'The request is not of the form that this address takes.'],
  unauthenticated: [401, 'The key is missing, unknown, expired or revoked.'],
  forbidden: [403, 'The key may not do this.'],
  'not-found': [404, 'There is no such thing in the project of the key.'],
  'method-not-allowed': [405, 'This address does not take the method of the request; Allow says which it takes.'],
  conflict: [409, 'The request does not fit what is stored.'],
  'precondition-failed': [412, 'The profile has changed since the version that If-Match names.'],
  'too-large': [413, 'The body of the request is longer than this address takes.'],
  'unsupported-media-type': [415, 'The body is of a type that this address does not take.'],
  unprocessable: [422, 'The request has the form that this address takes, and asks for what cannot be done.'],
  'idempotency-mismatch': [422, 'The Idempotency-Key was used with another body.'],
  'precondition-required': [428, 'The request must say in If-Match which version it changes.'],
  'rate-limited': [429, 'The key has used up its requests; Retry-After says when there are more.'],
  internal: [500, 'Something went wrong in the server; its log has the request under its id.'],
  'upstream-failed': [502, 'The model server could not be reached.'],
  unavailable: [503, 'The server is starting, ending, or cannot reach its database.'],
} as const satisfies Record<string, readonly [number, string]>

export type ProblemCode = keyof typeof PROBLEMS

/** What errors of the store are to the caller. */
const OF_ERRORS: Partial<Record<ErrorCode, ProblemCode>> = {
  'invalid-options': 'unprocessable',
  'not-found': 'not-found',
  conflict: 'conflict',
  'store-unusable': 'unavailable',
}

/** A problem of one request. `detail` is for people: what was wrong, where, and what to do; never a text of a user. */
export class Problem extends Error {
  constructor(
    readonly code: ProblemCode,
    detail: string = PROBLEMS[code][1],
    readonly headers: Record<string, string> = {},
  ) {
    super(detail)
    this.name = 'Problem'
  }

  /** The problem that an error is to the caller. What no caller can mend says nothing of the error. */
  static of(error: unknown): Problem {
    if (error instanceof Problem) return error
    const code = BumpError.isInstance(error) ? OF_ERRORS[error.code] : undefined
    if (code === 'unavailable') return new Problem(code)
    if (code !== undefined) return new Problem(code, (error as Error).message)
    if (error instanceof HTTPException) return ofStatus(error.status)
    return new Problem('internal')
  }

  /**
   * The answer: `application/problem+json`. It also carries the member `error` in the form of OpenAI, so that clients
   * of the proxy show its words.
   */
  response(requestId: string): Response {
    const { code, message: detail, headers } = this
    const [status, title] = PROBLEMS[code]
    const error = { message: detail, type: code, param: null, code }
    const body = JSON.stringify({ type: 'about:blank', title, status, code, detail, requestId, error })
    return new Response(body, { status, headers: { 'content-type': 'application/problem+json', ...headers } })
  }
}

/** What the HTTP library refuses by itself: a body that is no JSON, too long, or of another type. */
function ofStatus(status: number): Problem {
  const [code] = Object.entries(PROBLEMS).find(([, [its]]) => its === status) ?? ['internal']
  return new Problem(code as ProblemCode)
}
