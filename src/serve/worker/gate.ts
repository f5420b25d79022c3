// Two texts of one user on the same pools, as evaluateProfiles measures them (docs/method.md §10), and what follows
// from the difference: before publishing by interactions hidden from the writer, afterwards by those that came later.
import type { AnyJudge } from '../../judge/several.ts'
import { ndcgOfProfiles } from '../../reward/bidirectional.ts'
import { drawPools } from '../../reward/pools.ts'
import type { JudgedVersion, RefreshWork, Rival, RunningScore } from '../../store/refresh.ts'
import { mean } from '../../util/stats.ts'

/** Other users in a pool, and pools that are drawn for one comparison. */
export const NEGATIVES = 8
const DRAWS = 3
/** Rivals that pools are drawn from, at most. */
export const RIVALS = 32
/** Interactions hidden from the writer: of users with many, more. */
const HIDDEN = 3
const HIDDEN_OF_MANY = 5
const MANY = 30
/** What a profile is written from at least, besides those hidden. */
export const LEFT = 3
/** Interactions that came later, looked at in one refresh, and those that a roll-back needs. */
export const LATER = 10
const ENOUGH = 10
/** The third version in a row that fails the floor is published: a user who changed is not to be frozen by chance. */
const REJECTIONS = 2

/** The verdict on a version, as it is kept with it. */
export interface Verdict {
  /** NDCG of the new and of the served text, mean of both directions, and their difference. */
  new: number
  served: number
  difference: number
  /** How much worse it may be. */
  floor: number
  /** Interactions that judged it, and users whose texts stood beside. */
  hidden: number
  rivals: number
  /** Published although it failed, after others had failed before. */
  overridden?: true
}

/**
 * [text] NDCG of the user's texts, mean of both directions and of several draws; all on the same pools. `positives`:
 * interactions that none of the texts was written from. At least `NEGATIVES` rivals.
 */
export async function compareTexts(
  judge: AnyJudge,
  {
    user,
    positives,
    texts,
    rivals,
  }: { user: string; positives: readonly string[]; texts: readonly string[]; rivals: readonly Rival[] },
  signal?: AbortSignal,
): Promise<number[]> {
  const users = [{ id: user, heldOut: positives }, ...rivals.map((rival) => ({ id: rival.user, heldOut: rival.texts }))]
  const pooled = Array.from({ length: DRAWS }, (_, draw) => {
    const [pool] = drawPools(users, { positives: positives.length, negatives: NEGATIVES, seed: ['gate', draw] })
    return { pool, profiles: texts, others: pool.others.map((other) => rivals[other - 1].profile) }
  })
  const { ndcg } = await ndcgOfProfiles(pooled, judge, { signal })
  return texts.map((_, t) => mean(ndcg.map((each) => (each[t].forward + each[t].backward) / 2)))
}

/** Interactions hidden from the writer, of a user with `n`. */
export const hiddenOf = (n: number): number => (n >= MANY ? HIDDEN_OF_MANY : HIDDEN)

/**
 * How many of the latest interactions are hidden from the writer, to judge its text by against `served`; 0 where no
 * judgement is possible: nothing is served, it has seen them, the user has too few, or there are too few others.
 * After a deletion or a correction the served text is no option, so there is nothing to compare with.
 */
export function hiddenFor(
  { reason, interactions, n }: Pick<RefreshWork, 'reason' | 'interactions' | 'n'>,
  served: Pick<JudgedVersion, 'shown'> | undefined,
  rivals: number,
): number {
  if (served === undefined || reason === 'erased' || reason === 'corrected') return 0
  const hidden = hiddenOf(n)
  if (n < hidden + LEFT || rivals < NEGATIVES) return 0
  return interactions.slice(-hidden).some(({ id }) => served.shown.has(id)) ? 0 : hidden
}

/** Whether a text is published, with the verdict to keep. */
export function verdictOf(
  [fresh, served]: readonly number[],
  { floor, hidden, rivals, rejections }: { floor: number; hidden: number; rivals: number; rejections: number },
): { status: 'published' | 'rejected'; verdict: Verdict } {
  const difference = fresh - served
  const verdict: Verdict = { new: fresh, served, difference, floor, hidden, rivals }
  if (difference >= -floor) return { status: 'published', verdict }
  if (rejections >= REJECTIONS) return { status: 'published', verdict: { ...verdict, overridden: true } }
  return { status: 'rejected', verdict }
}

/** Interactions that neither the served version nor the one before has seen, and no earlier score counts. */
export function laterThan({ interactions, served, before }: Pick<RefreshWork, 'interactions' | 'served' | 'before'>) {
  if (!served || !before || served.text === before.text) return []
  const from = Math.max(served.throughSeq, before.throughSeq, runningOf(served, before)?.throughSeq ?? 0)
  return interactions.filter(({ seq }) => seq > from).slice(-LATER)
}

/** The sums so far, where they are against the version that is now the one before. */
const runningOf = ({ scores }: JudgedVersion, { version }: JudgedVersion): RunningScore | undefined =>
  scores?.against === version ? scores : undefined

/** The sums with what `later` says, and whether they say to go back. */
export function runningScore(
  served: JudgedVersion,
  before: JudgedVersion,
  [now, then]: readonly number[],
  later: readonly { seq: number }[],
  floor: number,
): { scores: RunningScore; rollBack: boolean } {
  const so = runningOf(served, before)
  const scores = {
    against: before.version,
    interactions: (so?.interactions ?? 0) + later.length,
    sum: (so?.sum ?? 0) + (now - then) * later.length,
    throughSeq: Math.max(...later.map(({ seq }) => seq)),
  }
  return { scores, rollBack: scores.interactions >= ENOUGH && scores.sum / scores.interactions < -floor }
}
