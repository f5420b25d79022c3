// `bump profile`: one profile for every user of the logs, in one file or, for many users, in parts in a folder.
import { existsSync, statSync } from 'node:fs'
import { Command } from 'commander'
import { isTextModel } from '../generator/generate.ts'
import type { ProfileGenerator } from '../generator/generator.ts'
import { isAdapterFolder } from '../generator/open.ts'
import { profileShard } from '../generator/profile-shard.ts'
import { type ProfiledUser, profileUsers } from '../generator/profile-users.ts'
import { profileWriter } from '../generator/profile-writer.ts'
import { logsOfRun } from '../generator/run-settings.ts'
import { refuseOtherShards, shardFolder } from '../generator/shard-folder.ts'
import { openLogs } from '../logs/dataset.ts'
import { loadUsers, readingLine, SkipCounter } from '../logs/load.ts'
import { type Shard, WHOLE } from '../logs/shards.ts'
import { chronological, DEFAULT_MIN_INTERACTIONS, splitUser } from '../logs/split.ts'
import type { LogSource, UserLog } from '../logs/types.ts'
import { BumpError } from '../util/errors.ts'
import { few } from '../util/few.ts'
import { positiveInteger, shardValue } from './shared/flag-values.ts'
import { addGeneratorFlags, checkGeneratorFlags, type GeneratorFlags, generatorOfFlags } from './shared/generator.ts'
import {
  addLogFlags,
  addTrustFlag,
  type LogFlags,
  reportLines,
  sourceOptions,
  type TrustFlags,
} from './shared/log-flags.ts'
import { interruptible } from './shared/process.ts'
import { duration } from './shared/progress.ts'
import { tellSpent } from './shared/server-flags.ts'
import { print, say } from './shared/terminal.ts'

const HELP = `
Each line of the file holds {user, profile, generator, history, tokens, createdAt}. A user is profiled again only when the
generator or the user's history changed, so an interrupted command goes on where it stopped. Users of the file who are
not in these logs keep their lines: name another file for another set of people. Everything in the logs is history
here, unless --held-out leaves each user's latest interactions out, as an evaluation of the file needs it.

For many users --out names a folder: one that is there, or a name with a / at its end. Memory then does not grow with
their number. The profiles stand in its parts, in order of the users, without createdAt; manifest.json names them. With
--shard 3/16 a machine writes the third of 16 parts of the users, and 16 machines write into one folder without knowing
of each other. An interrupted command leaves the same bytes as one that was not.

Examples:
  bump profile --run runs/posts --out profiles.jsonl
  bump profile --run runs/posts --logs new-posts.jsonl --out new-profiles.jsonl
  bump profile --run runs/posts --logs new-posts.jsonl --held-out 1 --out to-evaluate.jsonl
  bump profile --run runs/posts --logs 's3://logs/2026/*.parquet' --out profiles/ --shard 3/16
  bump profile --run runs/posts --server http://localhost:8000/v1 --server-model posts-adapter --out profiles/
  bump profile --model ./SmolLM2-135M-Instruct --logs reviews.parquet --user user_id --text body --out zero-shot.jsonl
`

type ProfileFlags = LogFlags & TrustFlags & GeneratorFlags & { out?: string; shard?: Shard; heldOut?: number }

/** `bump profile`. */
export function profileCommand(): Command {
  const command = new Command('profile').description('write one cached profile per user with a trained generator')
  addTrustFlag(addLogFlags(addGeneratorFlags(command)))
    .option('--out <where>', 'JSONL file, or folder of parts (default: profiles.jsonl, with --shard profiles)')
    .option('--shard <n/shards>', 'only the users of the nth shard, into a folder', shardValue)
    .option(
      '--held-out <count>',
      "leave out so many of each user's latest interactions, as training does",
      positiveInteger,
    )
    .addHelpText(
      'after',
      `\nWithout --logs, the run's own logs are read. Columns not named are those of the run.\n${HELP}`,
    )
    .action((flags: ProfileFlags) => runProfile(flags))
  return command
}

async function runProfile(flags: ProfileFlags): Promise<void> {
  checkGeneratorFlags(flags)
  const out = flags.out ?? (flags.shard ? 'profiles' : 'profiles.jsonl')
  const shard = flags.shard ?? (isFolder(out) ? WHOLE : undefined)
  const source = sourceOf(flags)
  await interruptible(
    () => say('stopping; the profiles written so far are kept, the same command goes on. Ctrl-C again stops at once'),
    async (signal) => {
      const generator = await generatorOfFlags(flags, say, signal)
      try {
        say(readingLine(source))
        const work = { generator, source, out, heldOut: flags.heldOut, signal }
        await (shard ? writeFolder(work, shard) : writeFile(work))
        if (isTextModel(generator.model)) tellSpent(generator.model, say)
      } finally {
        await generator.close()
      }
    },
  )
}

/** Whether a path names a folder: one that is there, or by its end. */
const isFolder = (path: string): boolean => (existsSync(path) ? statSync(path).isDirectory() : /[/\\]$/.test(path))

/** What the flags name, over the logs of the run: its columns are those that the generator was trained on. */
function sourceOf(flags: ProfileFlags): LogSource {
  const { logs: paths, run, server, trust } = flags
  const own = { paths, ...sourceOptions(flags) }
  if (run !== undefined && !isAdapterFolder(run)) return logsOfRun(run, { own, trust })
  if (paths === undefined) {
    const generator = run !== undefined ? 'an adapter' : server === undefined ? '--model' : '--server'
    throw new BumpError('invalid-options', `--logs is required with ${generator}: name the interaction logs`)
  }
  return { ...own, paths }
}

interface Work {
  generator: ProfileGenerator
  source: LogSource
  out: string
  heldOut: number | undefined
  signal: AbortSignal
}

/** All profiles in one file. */
async function writeFile({ generator, source, out, heldOut, signal }: Work): Promise<void> {
  const write = async (histories: AsyncIterable<ProfiledUser> | ProfiledUser[], total: number) => {
    const { model, settings, weights } = generator
    const unanswered = new Unanswered()
    const { onUnanswered } = unanswered
    const options = { settings, weights, out, signal, onUnanswered, onProgress: progress(total) }
    const { users, cached, others } = await profileUsers(model, histories, options)
    const kept = others > 0 ? `; ${others} of other users are kept` : ''
    print(`${users} profiles in ${out} (${cached} were there already${kept})\n`)
    unanswered.tell()
  }
  if (heldOut !== undefined) {
    const { split, report } = await loadUsers(source, { ...splitOf(heldOut), validation: 0, test: 0, seed: 0 }, signal)
    for (const line of reportLines(report)) say(line)
    return await write(split.train, split.train.length)
  }
  const dataset = await openLogs(source, signal)
  try {
    for (const line of reportLines(dataset.report)) say(line)
    await write(wholeHistories(dataset.users()), dataset.report.users)
  } finally {
    dataset.close()
  }
}

/** The profiles of a shard, as parts in its folder. */
async function writeFolder({ generator, source, out, heldOut, signal }: Work, shard: Shard): Promise<void> {
  refuseOtherShards(out, shard)
  const dataset = await openLogs(source, signal, shard)
  try {
    const { report } = dataset
    for (const line of reportLines(report)) say(line)
    const skips = new SkipCounter()
    const users =
      heldOut === undefined ? wholeHistories(dataset.users()) : earlierHistories(dataset.users(), heldOut, skips)
    const { settings, model } = generator
    const unanswered = new Unanswered()
    const { profiles, written } = await profileShard(users, profileWriter(model, settings, unanswered.onUnanswered), {
      out,
      shard,
      source: { generator: generator.digest, logs: await dataset.digest(), heldOut: heldOut ?? null },
      signal,
      onProgress: progress(report.users),
    })
    for (const line of reportLines({ ...report, notes: [], issues: [], ...skips.report }).slice(1)) say(line)
    print(`${profiles} profiles in ${shardFolder(out, shard)} (${written} of them were written now)\n`)
    unanswered.tell()
  } finally {
    dataset.close()
  }
}

/** Users of whom a server gave no profile. */
class Unanswered {
  private readonly users: string[] = []
  private why = ''

  readonly onUnanswered = (user: string, { message }: BumpError): void => {
    if (this.users.length === 0) this.why = message
    this.users.push(user)
  }

  tell(): void {
    const { users, why } = this
    if (users.length > 0)
      say(`no profile of ${users.length} users (${few(users)}): ${why}. The same command asks again.`)
  }
}

/** Says how far the profiles are, with the pace of those that were not there already. */
function progress(total: number): (done: number, cached: number) => void {
  const started = Date.now()
  return (done, cached) => {
    const seconds = (Date.now() - started) / 1000
    const perSecond = (done - cached) / seconds
    const pace = perSecond > 0 ? `, ${Math.round(perSecond * 3600)} an hour` : ''
    const left = perSecond > 0 && done < total ? `, ETA ${duration((total - done) / perSecond)}` : ''
    say(`profiles: ${done}/${total} users${pace}${left}`, done < total)
  }
}

/** The split by which a user's latest interactions are left out. */
const splitOf = (heldOut: number) => ({ heldOut, minInteractions: DEFAULT_MIN_INTERACTIONS })

async function* wholeHistories(users: AsyncIterable<UserLog>): AsyncGenerator<ProfiledUser> {
  for await (const { id, interactions } of users) yield { id, history: chronological(interactions) }
}

/** Histories without the interactions that training holds out, of users who have enough of them. */
async function* earlierHistories(
  users: AsyncIterable<UserLog>,
  heldOut: number,
  skips: SkipCounter,
): AsyncGenerator<ProfiledUser> {
  for await (const { id, interactions } of users) {
    const user = skips.take(id, splitUser(id, interactions, splitOf(heldOut)))
    if (user) yield user
  }
}
