// Errors that a user can act on. Anything else that escapes is a bug in bump.

/**
 * What kind of problem an error is. The codes are stable: a program may branch on them, while messages are for people
 * and may change. docs/errors.md lists them with what to do.
 */
export const ERROR_CODES = {
  'invalid-options': 'A flag, an option or a value of the configuration is wrong; the command line exits with 2.',
  'logs-unusable': 'The interaction logs cannot be found, read or mapped, or nobody is left after the split.',
  'model-unusable': 'A model is missing, damaged, or of a kind that bump cannot run.',
  'download-failed': 'A model could not be fetched from the hub, or there is no room for it.',
  'device-unavailable': 'The device that was asked for is not there, or cannot run the model.',
  'out-of-memory': 'The model or its training does not fit the memory.',
  'context-exceeded': 'A prompt and its answer do not fit the tokens that the model reads.',
  'server-failed': 'A server could not be reached, refused the request or gave an answer that cannot be used.',
  'judge-unusable': 'The judge cannot score with this model.',
  'too-few-users': 'There are not enough users, or users without held-out interactions.',
  'training-failed': 'Training cannot start or go on, for instance because it diverged.',
  'reward-failed': 'A reward or judge of your own threw, or gave numbers that cannot be used.',
  'evaluation-failed': 'An evaluation cannot be made of what was given.',
  'lamp-unusable': 'LaMP files cannot be read, or hold too little.',
  'run-unusable': 'A run folder is missing, damaged, of another version, or was started with other settings.',
  'run-locked': 'Another process is working in the folder.',
  'store-unusable': 'A database of profiles cannot be opened, read or written, or is of a newer bump.',
  'not-found': 'There is no such project, user, interaction, version, correction or key.',
  conflict: 'Something else was changed in the meantime, or was given before with another content.',
  'file-unusable': 'A file cannot be read or written, or is damaged.',
  cancelled: 'The caller cancelled the work (Ctrl-C, an AbortSignal).',
} as const

export type ErrorCode = keyof typeof ERROR_CODES

const MARKER = Symbol.for('bump-profiles.error')

/**
 * A problem in the user's input or environment. The message says what was wrong, where, and what to do; `code` says
 * what kind of problem it is.
 */
export class BumpError extends Error {
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options: { cause?: unknown } = {}) {
    super(message, options)
    this.name = 'BumpError'
    this.code = code
    Object.defineProperty(this, MARKER, { value: true })
  }

  /** Whether a value is an error of bump, also where it comes from another copy of the package. */
  static isInstance(value: unknown): value is BumpError {
    return typeof value === 'object' && value !== null && MARKER in value
  }
}

/** The work was cancelled by the caller; its code is `cancelled`. */
export class CancelledError extends BumpError {
  constructor(message = 'cancelled') {
    super('cancelled', message)
    this.name = 'CancelledError'
  }
}
