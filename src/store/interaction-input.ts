// What comes in as an interaction is checked here, once: everything that is stored has passed.
import { sha256 } from '../util/files.ts'
import type { Scope } from './scope.ts'
import { idProblem, textProblem } from './text-input.ts'

/** An interaction as it is sent. */
export interface NewInteraction {
  user: string
  /** The caller's own; default: a digest of user, time and text, so that the same event sent twice is one. */
  id?: string
  /** Milliseconds since 1970; default: now. */
  time?: number
  text: string
  metadata?: Record<string, unknown>
}

/** Why an interaction was not taken. */
type Rejection = 'user' | 'id' | 'time' | 'text' | 'metadata' | 'deleted' | 'full'

export interface Rejected {
  index: number
  reason: Rejection
  /** For people: what is wrong, and what to do. */
  message: string
}

/** An interaction that may be stored. */
export interface CheckedInteraction {
  index: number
  user: string
  id: string
  at: number
  text: string
  metadata: string | null
}

/** Longest text, in bytes of UTF-8, and longest metadata, in characters of JSON. */
const LONGEST_TEXT = 32_768
const LONGEST_METADATA = 8_192
const LATEST_DATE = 8.64e15
/** How far ahead the caller's clock may be, in milliseconds: a record of next year would stay the newest. */
const AHEAD = 86_400_000

/** The interaction as it is stored, or why it is not. */
export function checkedInteraction(
  given: NewInteraction,
  index: number,
  scope: Scope,
  now: number,
): CheckedInteraction | Rejected {
  const no = (reason: Rejection, message: string): Rejected => ({ index, reason, message })
  const { user, time, text, metadata } = given
  const userProblem = idProblem(user)
  if (userProblem !== undefined) return no('user', `the user's id ${userProblem}`)
  if (scope.user !== undefined && user !== scope.user) return no('user', 'this key is bound to another user')
  if (time !== undefined && (!Number.isInteger(time) || Math.abs(time) > LATEST_DATE))
    return no('time', 'the time is no whole number of milliseconds since 1970')
  if (time !== undefined && time > now + AHEAD) return no('time', 'the time is more than a day ahead')
  const problem = textProblem(text)
  if (problem !== undefined) return no('text', `the text ${problem}`)
  if (text.trim() === '') return no('text', 'the text is empty')
  if (Buffer.byteLength(text) > LONGEST_TEXT) return no('text', `the text is longer than ${LONGEST_TEXT} bytes`)
  const json = metadata === undefined ? null : JSON.stringify(metadata)
  if (json !== null && json.length > LONGEST_METADATA)
    return no('metadata', `the metadata is longer than ${LONGEST_METADATA} characters of JSON`)
  const id = given.id ?? sha256(JSON.stringify([user, time ?? null, text]))
  const ownProblem = idProblem(id)
  if (ownProblem !== undefined) return no('id', `the id ${ownProblem}`)
  return { index, user, id, at: time ?? now, text, metadata: json }
}
