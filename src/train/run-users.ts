// The users of a run: read from the logs that train() is given, and split into those who are trained on and those who
// are not.
import { type LoadedUsers, loadUsers, readingLine, type SplitOptions, splitDataset } from '../logs/load.ts'
import type { Logs } from '../logs/open.ts'
import type { LogSource, UserSplit } from '../logs/types.ts'
import { BumpError } from '../util/errors.ts'
import type { TrainConfig } from './config.ts'

/** The logs of a run as train() is given them. */
interface GivenLogs {
  logs: Logs | LogSource | string
  testLogs?: Logs | string[]
  signal?: AbortSignal
}

type UsersEvent = { type: 'note'; text: string } | { type: 'logs'; report: LoadedUsers['report']; test: boolean }

export function sourceOf(logs: GivenLogs['logs']): LogSource {
  if (typeof logs === 'string') return { paths: [logs] }
  return 'source' in logs ? logs.source : logs
}

/** The users of a run: from one log, or with the test's users from logs of their own. */
export async function usersOf(
  { logs, testLogs, signal }: GivenLogs,
  config: TrainConfig,
  onEvent: (event: UsersEvent) => void,
): Promise<UserSplit> {
  const load = async (from: Logs | LogSource, options: SplitOptions, test: boolean): Promise<UserSplit> => {
    if (!('source' in from)) onEvent({ type: 'note', text: readingLine(from) })
    const loaded = await ('source' in from ? splitDataset(from, options, signal) : loadUsers(from, options, signal))
    onEvent({ type: 'logs', report: loaded.report, test })
    return loaded.split
  }
  const from = typeof logs === 'object' && 'source' in logs ? logs : sourceOf(logs)
  if (!testLogs) return await load(from, config.split, false)
  const split = await load(from, { ...config.split, test: 0 }, false)
  const testFrom = 'source' in testLogs ? testLogs : { ...sourceOf(logs), paths: testLogs }
  const { train: test } = await load(testFrom, { ...config.split, validation: 0, test: 0 }, true)
  const known = new Set([...split.train, ...split.validation].map(({ id }) => id))
  const both = test.filter(({ id }) => known.has(id)).map(({ id }) => id)
  if (both.length > 0)
    throw new BumpError(
      'logs-unusable',
      `${both.length} users stand in the logs of training and in those of the test (${both.slice(0, 5).join(', ')}): the test would not measure unseen people. Take them out of one.`,
    )
  return { ...split, test }
}
