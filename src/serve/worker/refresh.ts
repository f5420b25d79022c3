// A batch of refreshes: the work is read, scored by what came later, written, judged, and handed to the store.
import type { ProfileGenerator } from '../../generator/generator.ts'
import type { AnyJudge } from '../../judge/several.ts'
import type { Store } from '../../store/open.ts'
import { type Claim, failClaim, releaseClaims } from '../../store/queue.ts'
import {
  finishRefresh,
  type JudgedVersion,
  type RefreshOutcome,
  type RefreshWork,
  type Rival,
  refreshWork,
  rivalsOf,
} from '../../store/refresh.ts'
import { BumpError, CancelledError } from '../../util/errors.ts'
import { compareTexts, hiddenFor, laterThan, NEGATIVES, RIVALS, runningScore, verdictOf } from './gate.ts'
import { writeTexts } from './writer.ts'

/** What a worker works with. */
export interface WorkerModels {
  generator: ProfileGenerator
  judge: AnyJudge
}

/** What became of one user, for counts and logs: no ids, no texts. */
export interface RefreshEvent {
  reason: string
  result: 'published' | 'rejected' | 'unscored' | 'nothing' | 'lost' | 'outdated' | 'failed'
  rolledBack: boolean
  /** New less served, where it was judged. */
  difference: number | undefined
  /** Of the whole batch, by user. */
  seconds: number
  error?: string
}

/** The work of one user with what the gate decided before writing. */
interface Planned {
  work: RefreshWork
  rivals: Rival[]
  running: Pick<RefreshOutcome, 'scores' | 'rollBack'>
  /** What the new text is judged against. */
  base: JudgedVersion | undefined
  /** The latest so many interactions are hidden from the writer. */
  hidden: number
}

/**
 * Does the work of all claims, and says what became of each. What fails is due again later; where a batch fails each
 * user is tried alone, so that nobody's texts keep others waiting. Throws CancelledError where `signal` aborts, with
 * the claims given back, and what the store throws.
 */
export async function refreshBatch(
  store: Store,
  claims: readonly Claim[],
  models: WorkerModels,
  signal?: AbortSignal,
): Promise<RefreshEvent[]> {
  const started = performance.now()
  try {
    const planned: Planned[] = []
    for (const claim of claims) {
      const work = await refreshWork(store, claim)
      if (work) planned.push(await plan(store, work, models.judge, signal))
      else await releaseClaims(store, [claim])
    }
    const outcomes = await outcomesOf(planned, models, signal)
    const seconds = (performance.now() - started) / 1000 / Math.max(1, planned.length)
    const events: RefreshEvent[] = []
    for (const [i, { work }] of planned.entries()) events.push(await finish(store, work, outcomes[i], seconds))
    return events
  } catch (error) {
    if (signal?.aborted) {
      await releaseClaims(store, claims)
      throw new CancelledError()
    }
    if (claims.length > 1) {
      const events: RefreshEvent[] = []
      for (const claim of claims) events.push(...(await refreshBatch(store, [claim], models, signal)))
      return events
    }
    return [await failed(store, claims[0], error, (performance.now() - started) / 1000)]
  }
}

async function plan(store: Store, work: RefreshWork, judge: AnyJudge, signal?: AbortSignal): Promise<Planned> {
  const { served, before, claim, settings } = work
  const rivals = served ? await rivalsOf(store, claim, RIVALS) : []
  const later = rivals.length >= NEGATIVES ? laterThan(work) : []
  let running: Planned['running'] = {}
  if (served && before && later.length > 0) {
    const positives = later.map(({ text }) => text)
    const compared = { user: claim.user, positives, texts: [served.text, before.text], rivals }
    running = runningScore(
      served,
      before,
      await compareTexts(judge, compared, signal),
      later,
      settings.gate.runningFloor,
    )
  }
  const base = running.rollBack ? before : served
  return { work, rivals, running, base, hidden: hiddenFor(work, base, rivals.length) }
}

async function outcomesOf(
  planned: readonly Planned[],
  { generator, judge }: WorkerModels,
  signal?: AbortSignal,
): Promise<RefreshOutcome[]> {
  const jobs = planned.flatMap(({ work, hidden }, p) => {
    const history = work.interactions.slice(0, work.interactions.length - hidden)
    const { claim, denials, settings } = work
    return history.length === 0 ? [] : [{ p, user: claim.user, history, denials, allowed: settings.allow }]
  })
  const texts = jobs.length === 0 ? [] : await writeTexts(generator, jobs, signal)
  const outcomes: RefreshOutcome[] = planned.map(({ running }) => running)
  for (const [j, { p, history }] of jobs.entries()) {
    const { text, shown } = texts[j]
    const { work, running, base, hidden, rivals } = planned[p]
    const heldOut = hidden === 0 ? [] : work.interactions.slice(-hidden)
    const common = {
      text,
      writer: generator.digest,
      shown: shown.map((i) => history[i].id),
      heldOut: heldOut.map(({ id }) => id),
      throughTime: work.interactions.at(-1)!.time,
    }
    if (text === '') outcomes[p] = { ...running, written: { ...common, status: 'rejected', gate: { empty: true } } }
    else if (hidden === 0 || base === undefined)
      outcomes[p] = { ...running, written: { ...common, status: 'unscored' } }
    else {
      const compared = {
        user: work.claim.user,
        positives: heldOut.map((each) => each.text),
        texts: [text, base.text],
        rivals,
      }
      const { status, verdict } = verdictOf(await compareTexts(judge, compared, signal), {
        floor: work.settings.gate.floor,
        hidden,
        rivals: rivals.length,
        rejections: work.rejections,
      })
      outcomes[p] = { ...running, written: { ...common, status, gate: verdict } }
    }
  }
  return outcomes
}

async function finish(
  store: Store,
  work: RefreshWork,
  outcome: RefreshOutcome,
  seconds: number,
): Promise<RefreshEvent> {
  const result = await finishRefresh(store, work, outcome)
  const { written, rollBack = false } = outcome
  const gate = written?.gate as { difference?: number } | undefined
  return {
    reason: work.reason ?? '',
    result: result === 'done' ? (written?.status ?? 'nothing') : result,
    rolledBack: result === 'done' && rollBack,
    difference: gate?.difference,
    seconds,
  }
}

async function failed(store: Store, claim: Claim, error: unknown, seconds: number): Promise<RefreshEvent> {
  const message = failureOf(error)
  await failClaim(store, claim, message)
  return { reason: '', result: 'failed', rolledBack: false, difference: undefined, seconds, error: message }
}

/** What is said of an error. What is none of bump may name texts: only its kind is told. */
export function failureOf(error: unknown): string {
  return BumpError.isInstance(error) ? `${error.code}: ${error.message}` : `a bug: ${(error as Error)?.name}`
}
