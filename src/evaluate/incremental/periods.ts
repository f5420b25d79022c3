// A history in periods, and one profile a user after each of them, in two ways: from everything so far, and from the
// profile before with what is new. Used by evaluate.ts, which measures them.
import { promptOf } from '../../generator/generate.ts'
import type { ProfiledUser } from '../../generator/profile-users.ts'
import type { User } from '../../logs/types.ts'
import type { PeriodWriter } from './writers.ts'

/** Profiles of one period, written in one way. */
export interface PeriodProfiles {
  /** From 1. */
  period: number
  way: 'all' | 'rewritten'
  /** [user] */
  profiles: string[]
  /** [user] tokens of the prompt and of the profile as sampled. */
  tokens: { prompt: number[]; profile: number[] }
  /** Seconds of sampling a user; undefined where all profiles were there from an earlier call. */
  seconds: number | undefined
}

/** The entries of one period (from 1), of `periods` with equal numbers of entries, but for rounding. */
export function periodOf<T>(entries: readonly T[], period: number, periods: number): T[] {
  const end = (p: number) => Math.floor((entries.length * p) / periods)
  return entries.slice(end(period - 1), end(period))
}

/** The profiles of all periods, of the users of whom all could be written. */
export interface WrittenPeriods {
  users: User[]
  written: PeriodProfiles[]
  /** What must be known to read them. */
  notes: string[]
}

/**
 * Profiles after every period: from all interactions so far, and from the second period on the last rewritten one
 * rewritten again. The first period's are the start of both.
 */
export async function writePeriods(
  writer: PeriodWriter,
  users: readonly User[],
  periods: number,
  onProgress?: (what: string, done: number, total: number) => void,
): Promise<WrittenPeriods> {
  const written: PeriodProfiles[] = []
  const lacking = new Set<number>()
  const notes = new Set<string>()
  const write = async (period: number, way: PeriodProfiles['way'], inputs: ProfiledUser[]): Promise<PeriodProfiles> => {
    const started = performance.now()
    const now = await writer.write(inputs, (done) =>
      onProgress?.(`profiles: ${way}, period ${period}`, done, inputs.length),
    )
    for (const note of now.notes) notes.add(note)
    for (const [u, profile] of now.profiles.entries()) if (profile === undefined) lacking.add(u)
    const sampled = inputs.length - now.cached
    const done: PeriodProfiles = {
      period,
      way,
      profiles: now.profiles.map((profile) => profile ?? ''),
      tokens: {
        prompt: inputs.map((input) => promptOf(input, writer.tokenizer, writer.settings).tokens.length),
        profile: now.tokens,
      },
      seconds: sampled > 0 ? (performance.now() - started) / 1000 / sampled : undefined,
    }
    written.push(done)
    return done
  }
  let last: PeriodProfiles | undefined
  for (let period = 1; period <= periods; period++) {
    const soFar = users.map(({ id, history }) => {
      const parts = Array.from({ length: period }, (_, p) => periodOf(history, p + 1, periods))
      return { id, history: parts.flat() }
    })
    const all = await write(period, 'all', soFar)
    const before = last
    last = before
      ? await write(
          period,
          'rewritten',
          users.map(({ id, history }, u) => ({
            id,
            history: periodOf(history, period, periods),
            previous: before.profiles[u],
          })),
        )
      : all
  }
  const there = <T>(ofUsers: readonly T[]): T[] => ofUsers.filter((_, u) => !lacking.has(u))
  return {
    users: there(users),
    written: written.map(({ tokens: { prompt, profile }, profiles, ...rest }) => ({
      ...rest,
      profiles: there(profiles),
      tokens: { prompt: there(prompt), profile: there(profile) },
    })),
    notes: [...notes],
  }
}
