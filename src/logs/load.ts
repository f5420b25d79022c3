// Logs in, users out: what training and the judge's check call.
import { bareAddresses } from '../util/address.ts'
import { BumpError, CancelledError } from '../util/errors.ts'
import { few } from '../util/few.ts'
import { type LogDataset, openLogs } from './dataset.ts'
import { excerpt, issueLines } from './issues.ts'
import { type PartOptions, type SkipReason, splitUser, splitUsers, type UserSplitOptions } from './split.ts'
import type { LogReport, LogSource, User, UserSplit } from './types.ts'

export type SplitOptions = UserSplitOptions & PartOptions

/** What the split left out. */
export interface SkipReport {
  skipped: Record<SkipReason, { count: number /** The first few users, with the detail. */; examples: string[] }>
  /** Late interactions that repeated an earlier text and so could not be held out. */
  droppedHeldOut: number
}

export interface LoadedUsers {
  split: UserSplit
  report: LogReport & SkipReport
  digest: string
}

/** Users of each kind that are shown. */
const SKIP_EXAMPLES = 5

/** Collects what `splitUser` skips and drops. */
export class SkipCounter {
  readonly report: SkipReport = {
    skipped: {
      'too-few-interactions': { count: 0, examples: [] },
      'held-out-repeats-history': { count: 0, examples: [] },
    },
    droppedHeldOut: 0,
  }

  /** The user, or undefined where the user was skipped and counted. */
  take(id: string, result: ReturnType<typeof splitUser>): User | undefined {
    if ('user' in result) {
      this.report.droppedHeldOut += result.dropped
      return result.user
    }
    const entry = this.report.skipped[result.skipped]
    entry.count++
    if (entry.examples.length < SKIP_EXAMPLES) entry.examples.push(`user ${excerpt(id, 40)}: ${result.detail}`)
    return undefined
  }
}

/**
 * Reads logs and splits them: each user in time, then the users into train, validation and test. `digest` is that of
 * the whole canonical log. Throws `BumpError` where the logs cannot be used or no user is left, and `CancelledError`
 * where the signal aborts.
 */
export async function loadUsers(source: LogSource, options: SplitOptions, signal?: AbortSignal): Promise<LoadedUsers> {
  checkSplitOptions(options)
  const dataset = await openLogs(source, signal)
  try {
    return await splitDataset(dataset, options, signal)
  } finally {
    dataset.close()
  }
}

/** What is said before logs are read, which may take minutes. */
export function readingLine({ paths }: LogSource): string {
  return `reading the logs ${few(paths.map(bareAddresses))}`
}

/** Users of an opened log, as `loadUsers` splits them; the log stays open. */
export async function splitDataset(
  dataset: LogDataset,
  options: SplitOptions,
  signal?: AbortSignal,
): Promise<LoadedUsers> {
  checkSplitOptions(options)
  const users: User[] = []
  const skips = new SkipCounter()
  for await (const { id, interactions } of dataset.users()) {
    if (signal?.aborted) throw new CancelledError()
    const user = skips.take(id, splitUser(id, interactions, options))
    if (user !== undefined) users.push(user)
  }
  if (users.length === 0) throw nobodyLeft(dataset, skips)
  const report = { ...dataset.report, ...skips.report }
  return { split: splitUsers(users, options), report, digest: await dataset.digest() }
}

/** What says that the split leaves no user, and why. */
export function nobodyLeft({ report }: LogDataset, skips: SkipCounter): BumpError {
  const reasons = Object.entries(skips.report.skipped).flatMap(([reason, { count, examples }]) =>
    count === 0 ? [] : [`  ${reason}: ${count} users, such as ${examples[0]}`],
  )
  const few = skips.report.skipped['too-few-interactions'].count > 0
  const cure = few
    ? 'lower split.minInteractions or split.heldOut (--min-interactions or --held-out where a command has them)'
    : 'what users said last, they had said before, so nothing can be held out: give logs with texts that differ'
  return new BumpError(
    'logs-unusable',
    [
      `none of the ${report.users} users in these logs is left after the split; ${cure}`,
      ...reasons,
      ...issueLines(report.issues),
    ].join('\n'),
  )
}

/** Throws BumpError `invalid-options` where a number is none that a split can have. */
export function checkSplitOptions(options: SplitOptions): void {
  const { heldOut, minInteractions, maxHistory = 1, validation, test } = options
  for (const [name, value] of Object.entries({ heldOut, minInteractions, maxHistory })) {
    if (!Number.isInteger(value) || value < 1)
      throw new BumpError('invalid-options', `${name} must be a whole number from 1, not ${value}`)
  }
  for (const [name, value] of Object.entries({ validation, test })) {
    if (!(value >= 0) || (value > 1 && !Number.isInteger(value))) {
      throw new BumpError('invalid-options', `${name} must be a share below 1 or a number of users, not ${value}`)
    }
  }
}
