// An opened log -> lists of users, split as load.ts splits them. What the split does with a user whose texts cannot
// repeat each other follows from their number; only the others are read here.
import { CancelledError } from '../util/errors.ts'
import type { LogDataset } from './dataset.ts'
import { checkSplitOptions, type LoadedUsers, nobodyLeft, SkipCounter, type SplitOptions } from './load.ts'
import { neededInteractions, splitUser, splitUsers } from './split.ts'
import type { User } from './types.ts'
import { type FileUser, UserFile } from './user-file.ts'
import type { UserList, UserLists } from './user-list.ts'

/** Lists of a log; `close` removes what they are read from. */
export interface ListedUsers {
  lists: UserLists
  report: LoadedUsers['report']
  close(): void
}

/** Which of a user's interactions, oldest first, are history (`from` on and before `to`), and which are held out. */
interface Cut {
  from: number
  to: number
  /** Those that follow the history, where it is left out. */
  heldOut?: number[]
}

type CutUser = Pick<FileUser, 'id' | 'at' | 'bytes'> & Cut

/**
 * Users of an opened log, as `splitDataset` splits them, read when they are asked for; the log may be closed. Throws
 * what `splitDataset` throws.
 */
export async function listUsers(
  dataset: LogDataset,
  options: SplitOptions,
  signal?: AbortSignal,
): Promise<ListedUsers> {
  checkSplitOptions(options)
  const file = await UserFile.write(dataset)
  try {
    const skips = new SkipCounter()
    const users: CutUser[] = []
    const needed = neededInteractions(options)
    for await (const user of file.users()) {
      if (signal?.aborted) throw new CancelledError()
      const { id, at, bytes, count, mayRepeat } = user
      const cut = mayRepeat || count < needed ? cutOf(id, file.interactions(user)) : cutByNumber(count)
      if (cut) users.push({ id, at, bytes, ...cut })
    }
    if (users.length === 0) throw nobodyLeft(dataset, skips)
    const split = splitUsers(users, options)
    const listed = (part: CutUser[]) => fileList(file, part, options.heldOut)
    return {
      lists: { train: listed(split.train), validation: listed(split.validation), test: listed(split.test) },
      report: { ...dataset.report, ...skips.report },
      close: () => file.close(),
    }

    /** By the texts; undefined where the split skips the user. */
    function cutOf(id: string, interactions: ReturnType<UserFile['interactions']>): Cut | undefined {
      const user = skips.take(id, splitUser(id, interactions, options))
      if (!user) return undefined
      const from = interactions.indexOf(user.history[0])
      return { from, to: from + user.history.length, heldOut: user.heldOut.map((one) => interactions.indexOf(one)) }
    }
    function cutByNumber(count: number): Cut {
      const to = count - options.heldOut
      return { from: Math.max(0, to - (options.maxHistory ?? to)), to }
    }
  } catch (error) {
    file.close()
    throw error
  }
}

function fileList(file: UserFile, listed: readonly CutUser[], heldOut: number): UserList {
  const parts = <T>({ from, to, heldOut: held }: Cut, all: readonly T[]): [T[], T[]] => [
    all.slice(from, to),
    held ? held.map((index) => all[index]) : all.slice(to, to + heldOut),
  ]
  return {
    listed,
    async load(users: readonly CutUser[]): Promise<User[]> {
      return users.map((user) => {
        const [history, late] = parts(user, file.interactions(user))
        return { id: user.id, history, heldOut: late }
      })
    },
    digested(user: CutUser): string {
      const [history, late] = parts(user, file.digested(user))
      return `[${JSON.stringify(user.id)},[${history}],[${late}]]`
    },
  }
}
