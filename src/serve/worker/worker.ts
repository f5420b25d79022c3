// The worker: claims due users, writes their profiles, and sweeps when nothing is due. Any number of them work on one
// store, in processes of their own.
import { forgetOld } from '../../store/forget.ts'
import { randomLetters } from '../../store/ids.ts'
import { type Store, scrubJournal } from '../../store/open.ts'
import { listProjects, type Project } from '../../store/projects.ts'
import { type Claim, claimDue, renewClaims, workerGone, workerSeen } from '../../store/queue.ts'
import { dueForWriter, type WriterVerdict } from '../../store/writer-change.ts'
import { CancelledError } from '../../util/errors.ts'
import { failureOf, type RefreshEvent, refreshBatch, type WorkerModels } from './refresh.ts'
import { releaseOf } from './release.ts'

export type WorkerEvent =
  | ({ type: 'refreshed' } & RefreshEvent)
  /** Interactions deleted because the project retains none that old. */
  | { type: 'forgotten'; interactions: number }
  /** The generator was compared with what is served of a project that another one wrote for. */
  | ({ type: 'compared'; project: string } & WriterVerdict)
  /** It could not be, so it writes nothing there; it is tried again. */
  | { type: 'not-compared'; project: string; message: string }
  /** The store could not be asked; it is tried again. */
  | { type: 'trouble'; message: string }

export interface WorkerOptions extends WorkerModels {
  store: Store
  /** Tells this worker from others; default: letters at random. */
  id?: string
  /** End when nothing is due. */
  once?: boolean
  signal?: AbortSignal
  onEvent?: (event: WorkerEvent) => void
}

/** Users whose profiles are written in one call of the model. */
const USERS_AT_ONCE = 16
/** Milliseconds between two looks at an empty queue, two signs of life, two renewals of claims, and two sweeps. */
const POLL = 1000
const ALIVE = 15_000
const RENEW = 60_000
const SWEEP = 60_000
/** Users made due in one sweep because the generator changed. */
const REWRITTEN_AT_ONCE = 64

/** A new id of a worker. */
export const workerId = (): string => randomLetters(12)

/**
 * Works until `signal` aborts, with `once` until nothing is due, and returns the number of users worked on. A batch
 * that is under way then is given back. A store that cannot be reached is asked again.
 */
export async function runWorker(options: WorkerOptions): Promise<number> {
  const { store, generator, id = workerId(), once = false, signal, onEvent } = options
  let claims: Claim[] = []
  let worked = 0
  let swept = 0
  let without: ReadonlySet<string> = new Set()
  const alive = () => quietly(workerSeen(store, id, generator.digest), onEvent)
  const renew = () => quietly(renewClaims(store, claims), onEvent)
  await alive()
  const timers = [setInterval(alive, ALIVE), setInterval(renew, RENEW)]
  try {
    while (!signal?.aborted) {
      try {
        if (Date.now() - swept >= SWEEP) {
          without = await sweep(options)
          swept = Date.now()
        }
        claims = await claimDue(store, { worker: id, limit: USERS_AT_ONCE, without })
        if (claims.length > 0) {
          for (const event of await refreshBatch(store, claims, options, signal))
            onEvent?.({ type: 'refreshed', ...event })
          worked += claims.length
          claims = []
          continue
        }
        if (once) break
      } catch (error) {
        claims = []
        if (signal?.aborted) break
        if (once) throw error
        onEvent?.({ type: 'trouble', message: messageOf(error) })
      }
      await pause(POLL, signal)
    }
    if (signal?.aborted && once) throw new CancelledError()
    return worked
  } finally {
    for (const timer of timers) clearInterval(timer)
    await quietly(workerGone(store, id), onEvent)
  }
}

/**
 * What is to be done now and then: retention, the journal, and profiles of an older generator. Returns the projects
 * that this generator may not write for.
 */
async function sweep(options: WorkerOptions): Promise<Set<string>> {
  const { store, onEvent } = options
  const projects = await listProjects(store)
  // Of all projects first: what is to be deleted does not wait for comparisons.
  for (const project of projects) await quietly(retained(project, options), onEvent)
  const without = new Set<string>()
  for (const project of projects) if (!(await released(project, options))) without.add(project.id)
  await scrubJournal(store)
  return without
}

/** Deletes what a project retains no longer. */
async function retained({ id }: Project, { store, onEvent }: WorkerOptions): Promise<void> {
  const interactions = await forgetOld(store, { project: id, actor: 'worker' })
  if (interactions > 0) onEvent?.({ type: 'forgotten', interactions })
}

/** Whether this generator may write for a project. Not where that cannot be found out: it is asked again. */
async function released({ id, settings }: Project, options: WorkerOptions): Promise<boolean> {
  const { store, generator, once, signal, onEvent } = options
  const scope = { project: id, actor: 'worker' }
  try {
    const { allowed, verdict } = await releaseOf(store, scope, settings, options, signal)
    if (verdict) onEvent?.({ type: 'compared', project: id, ...verdict })
    if (allowed) await dueForWriter(store, scope, generator.digest, REWRITTEN_AT_ONCE)
    return allowed
  } catch (error) {
    if (signal?.aborted || once) throw error
    onEvent?.({ type: 'not-compared', project: id, message: failureOf(error) })
    return false
  }
}

async function quietly(work: Promise<void>, onEvent: WorkerOptions['onEvent']): Promise<void> {
  try {
    await work
  } catch (error) {
    onEvent?.({ type: 'trouble', message: messageOf(error) })
  }
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error))

/** Waits so long, or until the signal aborts. */
function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, milliseconds)
    signal?.addEventListener('abort', done, { once: true })
  })
}
