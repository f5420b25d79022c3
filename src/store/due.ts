// When a user's profile is due to be written. Pure: the store puts what comes out into the user's row, within the very
// transaction that changed the row's counts, so an event that was acknowledged is never forgotten.
import type { Profiling } from './scope.ts'
import type { ProjectSettings } from './settings.ts'

/** Why a profile is due: by the counts, or at once. */
export type DueReason = 'first' | 'new' | 'age' | 'requested' | 'corrected' | 'erased' | 'writer'

/** Reasons that stand until a refresh is done, whatever comes in meanwhile. */
const AT_ONCE: ReadonlySet<string> = new Set<DueReason>(['requested', 'corrected', 'erased'])

/** What of a user's row decides. Times are milliseconds since 1970. */
export interface DueState {
  profiling: Profiling
  hasProfile: boolean
  /** Interactions that are not excluded. */
  n: number
  newN: number
  newCharacters: number
  /** When the first of the new ones came. */
  newSince: number | null
  refreshedAt: number | null
  /** Versions rejected one after the other: from the second on, the pause doubles each time. */
  rejections: number
  /** As it stands now. */
  due: Due
}

export interface Due {
  due_at: number | null
  due_reason: string | null
}

const NEVER: Due = { due_at: null, due_reason: null }
const DAY = 86_400_000

/** When the user is due, after something came in at `now`. */
export function dueAfter(state: DueState, refresh: ProjectSettings['refresh'], now: number): Due {
  if (state.profiling !== 'on') return NEVER
  if (AT_ONCE.has(state.due.due_reason ?? '')) return state.due
  const { n, newN, newCharacters, newSince, refreshedAt } = state
  if (newN === 0 || newSince === null) return NEVER
  const last = refreshedAt ?? Number.NEGATIVE_INFINITY
  const pause = refresh.pauseSeconds * 1000 * 2 ** Math.max(0, state.rejections - 1)
  const quiet = Math.min(now + refresh.quietSeconds * 1000, newSince + refresh.longestWaitSeconds * 1000)
  const soon = Math.max(quiet, last + pause)
  if (!state.hasProfile) return n >= refresh.firstAfter ? { due_at: soon, due_reason: 'first' } : NEVER
  const enough = newN >= Math.max(refresh.newAtLeast, Math.ceil(refresh.newShare * n))
  if (enough || newCharacters >= refresh.newCharacters) return { due_at: soon, due_reason: 'new' }
  return { due_at: Math.max(soon, last + refresh.staleDays * DAY), due_reason: 'age' }
}

/** Milliseconds to wait after the `attempts`-th failure in a row: doubling, at most six hours. */
export const backOff = (attempts: number): number => Math.min(30_000 * 2 ** Math.min(attempts - 1, 20), 6 * 3_600_000)
