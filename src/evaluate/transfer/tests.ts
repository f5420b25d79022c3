// The users of each test log of a transfer: people whom no run was trained on, in any of the logs. Used by evaluate.ts.
import { join } from 'node:path'
import { z } from 'zod'
import type { LoadedUsers } from '../../logs/load.ts'
import type { LogSource, User } from '../../logs/types.ts'
import { readRunUsers } from '../../run/read.ts'
import { refuseUntrusted } from '../../run/trust.ts'
import { logsSchema, type TrainConfig } from '../../train/config.ts'
import { measuredUsers } from '../../train/measure.ts'
import { readTrainedRun, type TrainedRun } from '../../train/trained-run.ts'
import { BumpError } from '../../util/errors.ts'
import { few } from '../../util/few.ts'
import { evaluationUsers } from '../profiles/users.ts'

/** A test log: that of a run's test users, or any. */
export type TransferTest = { run: string } | LogSource

/** One of them as it is measured. */
export interface TestUsers {
  /** As shown. */
  name: string
  users: User[]
  source: LogSource
  /** Folders of the runs whose own test users these are. */
  ownOf: string[]
  /** Who was left out. */
  notes: string[]
}

interface TestsOptions {
  trust?: boolean
  /** At most so many users of each. */
  most: number
  signal?: AbortSignal
  onReport?: (report: LoadedUsers['report']) => void
  onNote?: (line: string) => void
}

const runSchema = z.strictObject({ run: z.string().min(1) })
const sourceSchema = logsSchema.omit({ testPaths: true })

/**
 * The test logs of a mapping from outside (a YAML file), by their names. Throws BumpError (`invalid-options`) with the
 * place where one is neither a run nor logs.
 */
export function transferTests(values: Record<string, unknown>, place: string): Record<string, TransferTest> {
  const tests = Object.entries(values).map(([name, value]): [string, TransferTest] => {
    const isRun = typeof value === 'object' && value !== null && 'run' in value
    const { data, error } = (isRun ? runSchema : sourceSchema).safeParse(value)
    if (data) return [name, data]
    const [{ path, message }] = error!.issues
    throw new BumpError(
      'invalid-options',
      `${place}: ${[name, ...path].join('.')}: ${message}. A test is { run: <folder> } or logs: paths, and user, time, text and the like`,
    )
  })
  return Object.fromEntries(tests)
}

/** The test users of every run, once where several runs have the same. */
export function ownTests(runs: readonly TrainedRun[]): Record<string, TransferTest> {
  const seen = new Map<string, TrainedRun[]>()
  for (const run of runs) {
    const key = sameTest(run)
    seen.set(key, [...(seen.get(key) ?? []), run])
  }
  return Object.fromEntries(
    [...seen.values()].map((same) => [
      `test users of ${few(
        same.map(({ name }) => name),
        2,
      )}`,
      { run: same[0].folder },
    ]),
  )
}

const sameTest = ({ folder, config: { logs, split } }: TrainedRun) =>
  JSON.stringify([logs, split, [...readRunUsers(folder).test].sort()])

/**
 * The users of each test, at most `most`. Users with the id of one that a run was trained on, or chose its checkpoint
 * by, are left out, whatever logs they stand in. Throws BumpError where logs or a run cannot be read or nobody is left.
 */
export async function usersOfTests(
  tests: Record<string, TransferTest>,
  runs: readonly TrainedRun[],
  config: TrainConfig,
  { trust, most, signal, onReport, onNote }: TestsOptions,
): Promise<TestUsers[]> {
  const seen = new Map(
    runs.flatMap(({ name, folder }) => {
      const { train, validation } = readRunUsers(folder)
      return [...train, ...validation].map((id) => [id, name] as const)
    }),
  )
  const found: TestUsers[] = []
  for (const [name, test] of Object.entries(tests)) {
    const own = 'run' in test ? readTrainedRun(test.run) : undefined
    if (own) refuseUntrusted(own.config.logs, join(own.folder, 'config.json'), trust)
    const logs = 'run' in test ? undefined : test
    const read = await evaluationUsers(own ? [own] : [], logs, own?.config.split ?? config.split, {
      signal,
      onReport,
      onNote,
    })
    const unseen = read.users.filter(({ id }) => !seen.has(id))
    const left = read.users.filter(({ id }) => seen.has(id))
    if (unseen.length === 0)
      throw new BumpError(
        'evaluation-failed',
        `${name}: all of its ${read.users.length} users have ids that were in the training of ${seen.get(left[0].id)}. Name logs of other users, or a run for its test users.`,
      )
    const runsOfTest = own ? runs.filter((run) => sameTest(run) === sameTest(own)) : []
    found.push({
      name,
      users: measuredUsers(unseen, most, own?.config ?? config),
      source: read.source,
      ownOf: runsOfTest.map(({ folder }) => folder),
      notes:
        left.length > 0
          ? [
              `${name}: ${left.length} of ${read.users.length} users are left out, since their ids were in the training of a run (${few(
                left.map(({ id }) => `${id} in ${seen.get(id)}`),
                3,
              )}).`,
            ]
          : [],
    })
  }
  return found
}
