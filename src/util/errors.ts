// Errors that a user can act on. Anything else that escapes is a bug in bump.

/**
 * A problem in the user's input or environment: what was wrong, where, and what to do.
 * The command line prints its message without a stack trace and exits with `exitCode`.
 */
export class BumpError extends Error {
  /** 1: the work could not be done; 2: the command was called wrongly (flags, config). */
  readonly exitCode: 1 | 2

  constructor(message: string, options: { exitCode?: 1 | 2; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'BumpError'
    this.exitCode = options.exitCode ?? 1
  }
}

/** The work was cancelled by the caller (Ctrl-C, an AbortSignal). */
export class CancelledError extends BumpError {
  constructor(message = 'cancelled') {
    super(message)
    this.name = 'CancelledError'
  }
}
