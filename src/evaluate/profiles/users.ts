// Which users an evaluation of profiles measures: people that no run in it was trained on or chose its checkpoint by.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type LoadedUsers, loadUsers, readingLine } from '../../logs/load.ts'
import type { LogSource, User } from '../../logs/types.ts'
import type { RunUsers } from '../../run/format.ts'
import { readProfileLines, readRunUsers } from '../../run/read.ts'
import type { TrainConfig } from '../../train/config.ts'
import { interactionsDigest } from '../../train/digest.ts'
import type { TrainedRun } from '../../train/trained-run.ts'
import { BumpError } from '../../util/errors.ts'
import { few } from '../../util/few.ts'

export interface EvaluationUsers {
  users: User[]
  /** The logs that they stand in. */
  source: LogSource
  /** What must be known of them to read their scores. */
  notes: string[]
}

/** How interactions are held out. */
export type HeldOutOptions = Pick<TrainConfig['split'], 'heldOut' | 'minInteractions' | 'maxHistory' | 'seed'>

/**
 * All users of `logs`; without it the test users of the first run. `onReport` gets what was read. Throws BumpError
 * (`evaluation-failed`) with the ids where a run was trained on some of them or chose its checkpoint by them, or its
 * test users are no longer in its logs; and where the logs or a run cannot be read.
 */
export async function evaluationUsers(
  runs: readonly TrainedRun[],
  logs: LogSource | undefined,
  heldOut: HeldOutOptions,
  {
    signal,
    onReport,
    onNote,
  }: { signal?: AbortSignal; onReport?: (report: LoadedUsers['report']) => void; onNote?: (line: string) => void } = {},
): Promise<EvaluationUsers> {
  const load = async (source: LogSource, options: HeldOutOptions): Promise<User[]> => {
    onNote?.(readingLine(source))
    const { split, report } = await loadUsers(source, { ...options, validation: 0, test: 0 }, signal)
    onReport?.(report)
    return split.train
  }
  const parts = runs.map(({ folder }) => readRunUsers(folder))
  const [run] = runs
  if (!logs && !run)
    throw new BumpError('invalid-options', 'without a run there are no test users: name the interaction logs')
  const source = logs ?? testSource(run)
  const users = logs ? await load(source, heldOut) : testUsers(run, parts[0], await load(source, run.config.split))
  for (const [i, each] of runs.entries()) refuseSeen(each, parts[i], users)
  const notes = logs ? [] : changedNotes(run, users)
  for (const note of notes) onNote?.(note)
  return { users, source, notes }
}

/** Logs that the run's test users stand in. */
function testSource({ config }: TrainedRun): LogSource {
  const { testPaths, ...source } = config.logs
  return testPaths ? { ...source, paths: testPaths } : source
}

function testUsers({ folder }: TrainedRun, { test }: RunUsers, users: readonly User[]): User[] {
  const byId = new Map(users.map((user) => [user.id, user]))
  const lost = test.filter((id) => !byId.has(id))
  if (lost.length > 0)
    throw new BumpError(
      'evaluation-failed',
      `${lost.length} of the ${test.length} test users of ${folder} are no longer in its logs (${few(lost)}): the logs have changed. Name others.`,
    )
  return test.map((id) => byId.get(id)!)
}

/** Test users whose interactions are not those of the run's own test, whose scores then differ for that. */
function changedNotes({ folder }: TrainedRun, users: readonly User[]): string[] {
  if (!existsSync(join(folder, 'profiles.jsonl'))) return []
  const tested = new Map(readProfileLines(folder).map(({ user, interactions }) => [user, interactions]))
  const changed = users.filter((user) => ![undefined, interactionsDigest(user)].includes(tested.get(user.id)))
  if (changed.length === 0) return []
  return [
    `${changed.length} of the ${users.length} test users of ${folder} have other interactions than at its own test (${few(changed.map(({ id }) => id))}): the logs have changed, and scores cannot be compared with those of the run.`,
  ]
}

function refuseSeen({ folder }: TrainedRun, { train, validation }: RunUsers, users: readonly User[]): void {
  const partOf = new Map([
    ...train.map((id) => [id, 'train'] as const),
    ...validation.map((id) => [id, 'validation'] as const),
  ])
  const seen = users.map(({ id }) => id).filter((id) => partOf.has(id))
  if (seen.length === 0) return
  const counts = (['train', 'validation'] as const).map(
    (part) => [seen.filter((id) => partOf.get(id) === part).length, part] as const,
  )
  const parts = counts.flatMap(([count, part]) => (count > 0 ? [`${count} in its ${part} part`] : [])).join(' and ')
  throw new BumpError(
    'evaluation-failed',
    `${seen.length} of the ${users.length} users to evaluate were in the training of ${folder}, ${parts}: ${few(seen)}. Their scores would not measure unseen people. Evaluate logs of other users, or the run's own test users.`,
  )
}
