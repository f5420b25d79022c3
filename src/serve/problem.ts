// What goes wrong at the HTTP interface, as RFC 9457 has it: every answer that is no success is one of these.
import type { Context } from 'hono'
import { BumpError } from '../util/errors.ts'

/** Stable codes for programs, each with its status and what it means. */
export const PROBLEMS = {
  'invalid-request': [400, 'The request is not of the form that this address takes.'],
  unauthenticated: [401, 'The key is missing, unknown, expired or revoked.'],
  forbidden: [403, 'The key may not do this.'],
  'not-found': [404, 'There is no such thing in the project of the key.'],
  conflict: [409, 'The request does not fit what is stored.'],
  'precondition-failed': [412, 'The profile has changed since the version that If-Match names.'],
  'too-large': [413, 'The body of the request is longer than this address takes.'],
  'unsupported-media-type': [415, 'The body is of a type that this address does not take.'],
  'idempotency-mismatch': [422, 'The Idempotency-Key was used with another body.'],
  'precondition-required': [428, 'The request must say in If-Match which version it changes.'],
  'rate-limited': [429, 'The key has used up its requests; Retry-After says when there are more.'],
  internal: [500, 'Something went wrong in the server; its log has the request under its id.'],
  'upstream-failed': [502, 'The model server could not be reached.'],
  unavailable: [503, 'The server is starting, ending, or cannot reach its database.'],
} as const satisfies Record<string, readonly [number, string]>

export type ProblemCode = keyof typeof PROBLEMS

/** A problem of one request. `detail` is for people: what was wrong, where, and what to do; never a text of a user. */
export class Problem extends Error {
  readonly status: (typeof PROBLEMS)[ProblemCode][0]

  constructor(
    readonly code: ProblemCode,
    detail: string = PROBLEMS[code][1],
    readonly headers: Record<string, string> = {},
  ) {
    super(detail)
    this.name = 'Problem'
    this.status = PROBLEMS[code][0]
  }

  /** The problem that an error is to the caller. What no caller can mend says nothing of the error. */
  static of(error: unknown): Problem {
    if (error instanceof Problem) return error
    if (BumpError.isInstance(error) && error.code === 'invalid-options') return new Problem('invalid-request', error.message)
    return new Problem('internal')
  }
}

/**
 * A problem as an answer: `application/problem+json`. It also carries the member `error` in the form of OpenAI, so that
 * clients of the proxy show its words.
 */
export function problemResponse(c: Context, problem: Problem): Response {
  const { code, status, message, headers } = problem
  const body = {
    ...{ type: 'about:blank', title: PROBLEMS[code][1], status, code, detail: message },
    error: { message, type: code, param: null, code },
  }
  return c.body(JSON.stringify(body), status, { 'content-type': 'application/problem+json', ...headers })
}
