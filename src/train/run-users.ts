// The users of a run: those of the logs that train() is given, split into those who are trained on and those who are
// not. They are read when a batch needs them.
import { openLogs } from '../logs/dataset.ts'
import { type ListedUsers, listUsers } from '../logs/list-users.ts'
import { type LoadedUsers, readingLine, type SplitOptions } from '../logs/load.ts'
import type { Logs } from '../logs/open.ts'
import type { LogSource, UserSplit } from '../logs/types.ts'
import type { UserList, UserLists } from '../logs/user-list.ts'
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

/** The users of a run: from one log, or with the test's users from logs of their own. `close` ends their reading. */
export async function usersOf(
  { logs, testLogs, signal }: GivenLogs,
  config: TrainConfig,
  onEvent: (event: UsersEvent) => void,
): Promise<{ users: UserLists; close(): void }> {
  const open: ListedUsers[] = []
  const close = (): void => {
    for (const each of open) each.close()
  }
  const load = async (from: Logs | LogSource, options: SplitOptions, test: boolean): Promise<UserLists> => {
    const listed = await ('source' in from
      ? listUsers(from, options, signal)
      : listSource(from, options, onEvent, signal))
    open.push(listed)
    onEvent({ type: 'logs', report: listed.report, test })
    return listed.lists
  }
  const from = typeof logs === 'object' && 'source' in logs ? logs : sourceOf(logs)
  try {
    if (!testLogs) return { users: await load(from, config.split, false), close }
    const users = await load(from, { ...config.split, test: 0 }, false)
    const testFrom = 'source' in testLogs ? testLogs : { ...sourceOf(logs), paths: testLogs }
    const { train: test } = await load(testFrom, { ...config.split, validation: 0, test: 0 }, true)
    refuseShared(users, test)
    return { users: { ...users, test }, close }
  } catch (error) {
    close()
    throw error
  }
}

async function listSource(
  source: LogSource,
  options: SplitOptions,
  onEvent: (event: UsersEvent) => void,
  signal?: AbortSignal,
): Promise<ListedUsers> {
  onEvent({ type: 'note', text: readingLine(source) })
  const dataset = await openLogs(source, signal)
  try {
    return await listUsers(dataset, options, signal)
  } finally {
    dataset.close()
  }
}

function refuseShared({ train, validation }: UserLists, test: UserList): void {
  const known = new Set([...train.listed, ...validation.listed].map(({ id }) => id))
  const both = test.listed.filter(({ id }) => known.has(id)).map(({ id }) => id)
  if (both.length > 0)
    throw new BumpError(
      'logs-unusable',
      `${both.length} users stand in the logs of training and in those of the test (${both.slice(0, 5).join(', ')}): the test would not measure unseen people. Take them out of one.`,
    )
}

/** All users of a run, read: for rewards that ask for them. */
export async function wholeSplit({ train, validation, test }: UserLists): Promise<UserSplit> {
  const [a, b, c] = await Promise.all([train, validation, test].map((list) => list.load(list.listed)))
  return { train: a, validation: b, test: c }
}
