// Which users an evaluation of profiles measures: people that no run in it was trained on or chose its checkpoint by.

import { loadUsers } from '../../logs/load.ts'
import { splitUsers } from '../../logs/split.ts'
import type { LogSource, User } from '../../logs/types.ts'
import type { RunUsers } from '../../run/format.ts'
import { readRunUsers } from '../../run/read.ts'
import type { TrainConfig } from '../../train/config.ts'
import type { TrainedRun } from '../../train/trained-run.ts'

import { BumpError } from '../../util/errors.ts'

export interface EvaluationUsers {
  users: User[]
  /** The logs that they stand in. */
  source: LogSource
  /** What is not known about them, for the result. */
  notes: string[]
}

/** How interactions are held out. */
export type HeldOutOptions = Pick<TrainConfig['split'], 'heldOut' | 'minInteractions' | 'maxHistory' | 'seed'>

/**
 * All users of `logs`; without it the test users of the first run. Throws BumpError with the ids where a run was trained
 * on some of them or chose its checkpoint by them, and where the logs cannot be read. `onReport` gets what was read.
 */
export async function evaluationUsers(
  runs: readonly TrainedRun[],
  logs: LogSource | undefined,
  heldOut: HeldOutOptions,
  onReport: (report: Awaited<ReturnType<typeof loadUsers>>['report']) => void = () => {},
): Promise<EvaluationUsers> {
  const load = async (source: LogSource, options: HeldOutOptions): Promise<User[]> => {
    const { split, report } = await loadUsers(source, { ...options, validation: 0, test: 0 })
    onReport(report)
    return split.train
  }
  const notes: string[] = []
  const parts = new Map<TrainedRun, RunUsers | undefined>()
  for (const run of runs) parts.set(run, readRunUsers(run.folder) ?? (await derivedParts(run)))
  let users: User[]
  let source = logs
  if (source) users = await load(source, heldOut)
  else {
    const [run] = runs
    if (!run)
      throw new BumpError(
        'invalid-options',
        'without --run there are no test users: name the interaction logs by --logs',
      )
    source = testSource(run)
    const known = parts.get(run)
    users = testUsers(run, known, await load(source, run.config.split))
  }
  for (const run of runs) {
    const known = parts.get(run)
    if (known) refuseSeen(run, known, users)
    else
      notes.push(
        `Which users ${run.folder} was trained on is not known: it has no users.json, and its logs cannot be read. Some of the users here may have been in its training.`,
      )
  }
  return { users, source, notes }
}

/** Logs that the run's test users stand in. */
function testSource({ config }: TrainedRun): LogSource {
  const { testPaths, ...source } = config.logs
  return testPaths ? { ...source, paths: testPaths } : source
}

function testUsers(run: TrainedRun, known: RunUsers | undefined, users: readonly User[]): User[] {
  if (!known)
    throw new BumpError(
      'invalid-options',
      `${run.folder} has no users.json, and its logs cannot be read: name the logs to evaluate by --logs`,
    )
  const byId = new Map(users.map((user) => [user.id, user]))
  const lost = known.test.filter((id) => !byId.has(id))
  if (lost.length > 0)
    throw new BumpError(
      'evaluation-failed',
      `${lost.length} of the ${known.test.length} test users of ${run.folder} are no longer in its logs (${listed(lost)}): the logs have changed. Name others by --logs.`,
    )
  return known.test.map((id) => byId.get(id)!)
}

/** The parts as training drew them; undefined where its logs cannot be read any more. */
async function derivedParts({ config }: TrainedRun): Promise<RunUsers | undefined> {
  const { testPaths, ...source } = config.logs
  const whole = { ...config.split, validation: 0, test: 0 }
  const idsOf = (users: readonly User[]): string[] => users.map(({ id }) => id)
  try {
    const { split } = await loadUsers(source, whole)
    const parts = splitUsers(split.train, testPaths ? { ...config.split, test: 0 } : config.split)
    const test = testPaths ? (await loadUsers({ ...source, paths: testPaths }, whole)).split.train : parts.test
    return { train: idsOf(parts.train), validation: idsOf(parts.validation), test: idsOf(test) }
  } catch (error) {
    if (error instanceof BumpError) return undefined
    throw error
  }
}

function refuseSeen({ folder }: TrainedRun, known: RunUsers, users: readonly User[]): void {
  const part = new Map([
    ...known.train.map((id) => [id, 'train'] as const),
    ...known.validation.map((id) => [id, 'validation'] as const),
  ])
  const seen = users.map(({ id }) => id).filter((id) => part.has(id))
  if (seen.length === 0) return
  const counts = (['train', 'validation'] as const).map(
    (name) => [seen.filter((id) => part.get(id) === name).length, name] as const,
  )
  const where = counts.flatMap(([count, name]) => (count > 0 ? [`${count} in its ${name} part`] : [])).join(' and ')
  throw new BumpError(
    'evaluation-failed',
    `${seen.length} of the ${users.length} users to evaluate were in the training of ${folder}, ${where}: ${listed(seen)}. Their scores would not measure unseen people. Evaluate logs of other users, or without --logs the test users of the run.`,
  )
}

/** The first ids of a list, for a message. */
export function listed(ids: readonly string[]): string {
  return `${ids.slice(0, 10).join(', ')}${ids.length > 10 ? ` and ${ids.length - 10} more` : ''}`
}
