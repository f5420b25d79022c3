// The gate's floors, measured: how much worse the judge finds a text that is as it should be, by chance, and how often
// the gate then lets through what it should stop. Users' latest interactions stand for those that come after writing.

import type { SampledUser } from '../../store/sample.ts'
import type { ProjectSettings } from '../../store/settings.ts'
import { BumpError } from '../../util/errors.ts'
import { bootstrapInterval, type Interval, quantile, shareInterval } from '../../util/stats.ts'
import { compareTexts, hiddenOf, LATER, LEFT, NEGATIVES, RIVALS } from './gate.ts'
import type { WorkerModels } from './refresh.ts'
import { writeTexts } from './writer.ts'

/** A text that fits everybody. */
const NOTHING = 'This person has various interests.'
/** Of texts that are as they should be, the share that a floor refuses. */
const REFUSED = 0.1
/** Two users cannot do: pools need others, and another user's text one more. */
const FEWEST = NEGATIVES + 2

/** Texts that are put in the place of the served one: written anew, another user's, and one that says nothing. */
export type Attempt = 'anew' | 'another' | 'nothing'

/** One of the two floors. */
export interface MeasuredFloor {
  /** The floor at which one of ten texts written anew is refused, with its interval; `mean` is the floor. */
  floor: Interval
  users: number
  /** Shares refused at the measured floor, and at that of the project's settings. */
  refused: Record<Attempt, { measured: Interval; set: Interval }>
}

export interface Calibration {
  judge: string
  generator: string
  /** Before publishing, by 3 or 5 hidden interactions. */
  floor: MeasuredFloor
  /** Afterwards, by 10 that came later; undefined where too few users have that many. */
  runningFloor: MeasuredFloor | undefined
}

/** A user's texts cut at the times of two refreshes. */
interface Cut {
  user: string
  /** What the served text and the new one are written from. */
  before: string[]
  now: string[]
  hidden: string[]
  /** None where the user has too few. */
  later: string[]
}

/**
 * Measures both floors on users of a project: of each a text is written as the last refresh would have, and one as the
 * next, and the gate compares. Throws BumpError `too-few-users` where fewer than 10 have enough interactions, and
 * CancelledError where `signal` aborts.
 */
export async function calibrate(
  users: readonly SampledUser[],
  { generator, judge }: WorkerModels,
  { refresh, gate, allow, deny }: ProjectSettings,
  { signal, onProgress }: { signal?: AbortSignal; onProgress?: (done: number, of: number) => void } = {},
): Promise<Calibration> {
  const cuts = users.flatMap((user) => cutOf(user, refresh) ?? [])
  const write = async (texts: 'before' | 'now') => {
    const jobs = cuts.map((cut) => ({
      user: cut.user,
      history: cut[texts].map((text) => ({ text })),
      denials: deny,
      allowed: allow,
    }))
    return (await writeTexts(generator, jobs, signal)).map(({ text }) => text)
  }
  const [served, fresh] = [await write('before'), await write('now')]
  // What came out empty is refused without a judge.
  const judged = [...cuts.keys()].filter((i) => served[i] !== '' && fresh[i] !== '')
  if (judged.length < FEWEST)
    throw new BumpError(
      'too-few-users',
      `${judged.length} users have a profile and ${fewestInteractions(refresh)} interactions: the gate is measured on at least ${FEWEST}`,
    )
  const differences: Record<'hidden' | 'later', Record<Attempt, number>[]> = { hidden: [], later: [] }
  for (const [done, i] of judged.entries()) {
    const [other, ...others] = [...judged.slice(done + 1), ...judged.slice(0, done)]
    const rivals = others.slice(0, RIVALS).map((j) => ({
      user: cuts[j].user,
      profile: served[j],
      texts: [...cuts[j].now, ...cuts[j].hidden].slice(-RIVAL_TEXTS),
    }))
    const texts = [served[i], fresh[i], fresh[other], NOTHING]
    for (const part of ['hidden', 'later'] as const) {
      const positives = cuts[i][part]
      if (positives.length === 0) continue
      const [base, ...scores] = await compareTexts(judge, { user: cuts[i].user, positives, texts, rivals }, signal)
      const [anew, another, nothing] = scores.map((score) => score - base)
      differences[part].push({ anew, another, nothing })
    }
    onProgress?.(done + 1, judged.length)
  }
  const { hidden, later } = differences
  return {
    judge: judge.name,
    generator: generator.digest,
    floor: measured(hidden, gate.floor),
    runningFloor: later.length < FEWEST ? undefined : measured(later, gate.runningFloor),
  }
}

/** As rivals of the gate have. */
const RIVAL_TEXTS = 5

/** Interactions that a user needs to be measured by. */
export function fewestInteractions({ newAtLeast }: ProjectSettings['refresh']): number {
  return LEFT + newAtLeast + hiddenOf(0)
}

/** undefined where the user has too few interactions. */
function cutOf({ user, texts }: SampledUser, { newAtLeast, newShare }: ProjectSettings['refresh']): Cut | undefined {
  const fits = (kept: number) => texts.length - kept >= LEFT + newAtLeast
  const hidden = hiddenOf(texts.length)
  const after = fits(LATER) ? LATER : hidden
  if (!fits(after)) return undefined
  const now = texts.slice(0, -after)
  const fresh = Math.max(newAtLeast, Math.ceil(newShare * now.length))
  return {
    user,
    before: now.slice(0, Math.max(LEFT, now.length - fresh)),
    now,
    hidden: texts.slice(now.length, now.length + hidden),
    later: after === LATER ? texts.slice(now.length) : [],
  }
}

function measured(differences: readonly Record<Attempt, number>[], set: number): MeasuredFloor {
  const floorOf = (values: ArrayLike<number>) => Math.max(0, -quantile(values, REFUSED))
  const floor = bootstrapInterval(
    differences.map(({ anew }) => anew),
    { seed: 1, statistic: floorOf },
  )
  const refusedAt = (attempt: Attempt, at: number) =>
    shareInterval(differences.filter((each) => each[attempt] < -at).length, differences.length)
  const of = (attempt: Attempt) => ({ measured: refusedAt(attempt, floor.mean), set: refusedAt(attempt, set) })
  return {
    floor,
    users: differences.length,
    refused: { anew: of('anew'), another: of('another'), nothing: of('nothing') },
  }
}
