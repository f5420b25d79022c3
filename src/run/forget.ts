// A person taken out of a run folder: their lines in its logs and results, their id among its users, and the reports
// that show them. What weights have learned stays, so such a run is not gone on with.
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { BumpError } from '../util/errors.ts'
import { writeFileAtomic } from '../util/files.ts'
import { lockFolder } from '../util/lock.ts'
import { parseJson } from '../util/parse-json.ts'
import { type RunUsers, runUsersSchema } from './format.ts'
import { readRunHeader } from './read.ts'

export interface RunForgetReceipt {
  run: string
  /** What would go, and nothing went. */
  dryRun: boolean
  /** By file: lines of JSON Lines, mentions in users.json; null for a report, which goes whole. */
  files: { file: string; count: number | null }[]
  /** Files of the folder that name the user and are left as they are. */
  left: string[]
  /** What deletion cannot reach, for people. */
  beyond: string[]
}

const BEYOND = [
  'Checkpoints and adapters, and copies of them: weights keep what they have learned. Only training anew, without this person, takes it out.',
  'Counts and means of metrics.jsonl and summary.json, which name nobody.',
  'The logs that the run read, profiles and reports in other folders, backups, and servers that judged or sampled.',
]

const markSchema = z.object({ forgotten: z.array(z.string()) })

/**
 * Takes a person out of a run folder; `dryRun` says what would go. May be repeated, also after it was killed. Throws
 * BumpError: `run-unusable` where there is no run, `run-locked` while one trains.
 */
export function forgetInRun(run: string, user: string, { dryRun }: { dryRun: boolean }): RunForgetReceipt {
  readRunHeader(run)
  const release = lockFolder(run, 'name')
  try {
    const lines = filesOf(run, /\.jsonl$/).map((file) => withoutUser(run, file, user))
    const users = withoutId(run, user)
    const changed = [...lines, ...(users ? [users] : [])].filter(({ count }) => count > 0)
    // A report shows profiles of whoever was sampled; it is written again in a moment.
    const reports = changed.length > 0 ? filesOf(run, /\.html$/) : []
    if (!dryRun && changed.length > 0) {
      mark(run)
      for (const { file, content } of changed) writeFileAtomic(join(run, file), content)
      for (const file of [...reports, ...filesOf(run, /\.tmp$/)]) rmSync(join(run, file), { force: true })
    }
    const named = JSON.stringify(user)
    const left = filesOf(run, /\.json$/).filter(
      (file) => file !== 'users.json' && readFileSync(join(run, file), 'utf8').includes(named),
    )
    return {
      run,
      dryRun,
      files: [
        ...changed.map(({ file, count }) => ({ file, count })),
        ...reports.map((file) => ({ file, count: null })),
      ],
      left,
      beyond: BEYOND,
    }
  } finally {
    release()
  }
}

/** Throws BumpError where people were taken out of a run: going on would train on them again, and write of them. */
export function refuseForgotten(run: string): void {
  if (!existsSync(join(run, MARK))) return
  throw new BumpError(
    'run-unusable',
    `${run}: people were taken out of this run, whose weights have learned from them, so it is not gone on with. It can be used as it is; start another run under another name, from logs without them.`,
  )
}

const MARK = 'forgotten.json'

/** When people were taken out, and nothing of who. */
function mark(run: string): void {
  const path = join(run, MARK)
  const before = existsSync(path) ? markSchema.safeParse(readJson(path)).data : undefined
  const forgotten = [...(before?.forgotten ?? []), new Date().toISOString()]
  writeFileAtomic(path, `${JSON.stringify({ forgotten })}\n`)
}

/** Files that stand in the folder itself; checkpoints name nobody. */
function filesOf(run: string, pattern: RegExp): string[] {
  return readdirSync(run, { withFileTypes: true })
    .filter((entry) => entry.isFile() && pattern.test(entry.name))
    .map(({ name }) => name)
    .sort()
}

/** A log without the lines about a user. A line that is damaged goes where it names the user. */
function withoutUser(run: string, file: string, user: string) {
  const lines = readFileSync(join(run, file), 'utf8').split(/(?<=\n)/)
  const kept = lines.filter((line) => {
    const value = jsonOf(line)
    return value === undefined ? !line.includes(JSON.stringify(user)) : (value as { user?: unknown })?.user !== user
  })
  return { file, count: lines.length - kept.length, content: kept.join('') }
}

/** users.json without a user; undefined where there is none that can be read. */
function withoutId(run: string, user: string) {
  const file = 'users.json'
  const path = join(run, file)
  const users = existsSync(path) ? runUsersSchema.safeParse(readJson(path)).data : undefined
  if (users === undefined) return undefined
  const kept = Object.fromEntries(
    Object.entries(users).map(([part, ids]) => [part, ids.filter((id) => id !== user)]),
  ) as unknown as RunUsers
  const count = Object.values(users).flat().length - Object.values(kept).flat().length
  return { file, count, content: `${JSON.stringify(kept)}\n` }
}

const readJson = (path: string): unknown => jsonOf(readFileSync(path, 'utf8'))

function jsonOf(text: string): unknown {
  try {
    return parseJson(text)
  } catch {
    return undefined
  }
}
