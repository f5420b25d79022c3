// What goes wrong when the API is called, as one class of errors: answers that are problems, and answers that never came.
import type { Problem } from './api.ts'

/** Stable codes: those of the server, and what only a client sees. */
export type BumpProblemCode = Problem['code'] | 'unreachable' | 'timed-out' | 'unexpected-answer'

/** A call that has failed. `message` is for people: what was wrong, where, and what to do. */
export class BumpProblem extends Error {
  override readonly name = 'BumpProblem'

  /**
   * `status`: of the answer; 0 where there was none. `requestId`: under which the server's log has it. `retryAfter`:
   * seconds until there is sense in asking again, where the server says so.
   */
  constructor(
    readonly code: BumpProblemCode,
    message: string,
    readonly status = 0,
    readonly requestId?: string,
    readonly retryAfter?: number,
    options?: { cause?: unknown },
  ) {
    super(message, options)
  }

  /** The problem that an answer tells of; it may come from something between the client and the server. */
  static async of(response: Response): Promise<BumpProblem> {
    const { status, headers } = response
    const text = await response.text()
    const seconds = Number(headers.get('retry-after') ?? Number.NaN)
    const after = Number.isFinite(seconds) ? seconds : undefined
    const id = headers.get('x-request-id') ?? undefined
    const { code, detail } = problemIn(text)
    if (code !== undefined) return new BumpProblem(code, detail ?? code, status, id, after)
    const message = `the answer, of status ${status}, is not of bump serve: is this its address?`
    return new BumpProblem('unexpected-answer', message, status, id, after)
  }
}

function problemIn(text: string): Partial<Problem> {
  try {
    const { code, detail } = JSON.parse(text)
    return typeof code === 'string' ? { code: code as Problem['code'], detail: String(detail) } : {}
  } catch {
    return {}
  }
}
