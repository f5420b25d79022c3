// The gate over many users: before a generator takes over a project from another one, it writes profiles of a sample of
// its users, and the judge compares them with those that are served. One user's gate is weak; this one is not.
import type { Store } from '../../store/open.ts'
import { type RefreshWork, refreshWorkOf, rivalsOf } from '../../store/refresh.ts'
import type { Scope } from '../../store/scope.ts'
import type { ProjectSettings } from '../../store/settings.ts'
import { hasOthers, keepVerdict, sampleOfOthers, type WriterVerdict, writerVerdict } from '../../store/writer-change.ts'
import { CancelledError } from '../../util/errors.ts'
import { bootstrapInterval } from '../../util/stats.ts'
import { compareTexts, hiddenFor, RIVALS } from './gate.ts'
import type { WorkerModels } from './refresh.ts'
import { writeTexts } from './writer.ts'

/** Users that are compared, that are looked at for them, and that a verdict takes at least. */
const COMPARED = 64
const LOOKED_AT = 512
const FEWEST = 16
/** Users whose profiles are written in one call of the model. */
const AT_ONCE = 16

/** Whether a generator may write for a project, and the verdict where it was given just now. */
export interface Release {
  allowed: boolean
  verdict?: WriterVerdict
}

/**
 * Compares the generator with what is served, once for each project and generator. It may write unless it is worse with
 * 95% confidence, or `gate.release` is off. Where fewer than 16 users can be compared it may: each user's own gate
 * still stands before it. Throws CancelledError where `signal` aborts.
 */
export async function releaseOf(
  store: Store,
  scope: Scope,
  { gate }: ProjectSettings,
  models: WorkerModels,
  signal?: AbortSignal,
): Promise<Release> {
  const writer = models.generator.digest
  if (!gate.release) return { allowed: true }
  if (!(await hasOthers(store, scope, writer))) return { allowed: true }
  const before = await writerVerdict(store, scope, writer)
  if (before !== undefined) return { allowed: before }
  const verdict = await compared(store, scope, await sampleOfOthers(store, scope, writer, LOOKED_AT), models, signal)
  await keepVerdict(store, scope, writer, verdict)
  return { allowed: verdict.passed, verdict }
}

async function compared(
  store: Store,
  scope: Scope,
  sample: readonly string[],
  { generator, judge }: WorkerModels,
  signal?: AbortSignal,
): Promise<WriterVerdict> {
  const works: (Omit<RefreshWork, 'claim'> & {
    user: string
    hidden: number
    rivals: Awaited<ReturnType<typeof rivalsOf>>
  })[] = []
  for (const user of sample) {
    if (works.length === COMPARED) break
    const work = await refreshWorkOf(store, { ...scope, user })
    const rivals = work?.served ? await rivalsOf(store, { ...scope, user }, RIVALS) : []
    const hidden = work === undefined ? 0 : hiddenFor({ ...work, reason: 'writer' }, work.served, rivals.length)
    if (work !== undefined && hidden > 0) works.push({ ...work, user, hidden, rivals })
  }
  if (works.length < FEWEST) return { passed: true, users: works.length, difference: undefined }
  const differences: number[] = []
  for (let from = 0; from < works.length; from += AT_ONCE) {
    const some = works.slice(from, from + AT_ONCE)
    const jobs = some.map(({ user, interactions, hidden, denials, settings }) => ({
      user,
      history: interactions.slice(0, -hidden),
      denials,
      allowed: settings.allow,
    }))
    const written = await writeTexts(generator, jobs, signal)
    for (const [i, { user, interactions, hidden, served, rivals }] of some.entries()) {
      if (signal?.aborted) throw new CancelledError()
      const positives = interactions.slice(-hidden).map(({ text }) => text)
      const texts = [written[i].text, served!.text]
      const [fresh, present] = await compareTexts(judge, { user, positives, texts, rivals }, signal)
      differences.push(fresh - present)
    }
  }
  const difference = bootstrapInterval(differences, { seed: 1 })
  return { passed: difference.high >= 0, users: works.length, difference }
}
