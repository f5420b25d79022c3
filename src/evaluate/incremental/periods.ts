// A history in periods, and one profile a user after each of them, in two ways: from everything so far, and from the
// profile before with what is new. Used by evaluate.ts, which measures them.
import { join } from 'node:path'
import { openProfileCache } from '../../generator/cache.ts'
import { promptOf } from '../../generator/generate.ts'
import type { Generator } from '../../generator/open.ts'
import { fillProfileCache, type ProfiledUser } from '../../generator/profile-users.ts'
import type { User } from '../../logs/types.ts'

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

/**
 * Profiles after every period: from all interactions so far, and from the second period on the last rewritten one
 * rewritten again. The first period's are the start of both. Profiles are kept in `folder` by content.
 */
export async function writePeriods(
  generator: Generator,
  users: readonly User[],
  periods: number,
  {
    folder,
    signal,
    onProgress,
  }: { folder: string; signal?: AbortSignal; onProgress?: (what: string, done: number, total: number) => void },
): Promise<PeriodProfiles[]> {
  const { model, settings, weights, digest } = generator
  const cache = openProfileCache(join(folder, `${digest}.jsonl`))
  const written: PeriodProfiles[] = []
  const write = async (period: number, way: PeriodProfiles['way'], inputs: ProfiledUser[]): Promise<PeriodProfiles> => {
    const started = performance.now()
    const { entries, cached } = await fillProfileCache(model, inputs, cache, {
      settings,
      weights,
      signal,
      onProgress: (done) => onProgress?.(`profiles: ${way}, period ${period}`, done, inputs.length),
    })
    const sampled = inputs.length - cached
    const done: PeriodProfiles = {
      period,
      way,
      profiles: entries.map(({ profile }) => profile),
      tokens: {
        prompt: inputs.map((input) => promptOf(input, model.tokenizer, settings).tokens.length),
        profile: entries.map(({ tokens }) => tokens),
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
  return written
}
