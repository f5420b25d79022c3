// `bump profile`: one cached profile for every user of the logs.
import { Command } from 'commander'
import { isAdapterFolder, logsOfRun } from '../generator/open.ts'
import { type ProfiledUser, profileUsers } from '../generator/profile-users.ts'
import { openLogs } from '../logs/dataset.ts'
import { loadUsers, readingLine } from '../logs/load.ts'
import { chronological, DEFAULT_MIN_INTERACTIONS } from '../logs/split.ts'
import type { LogSource } from '../logs/types.ts'
import { BumpError } from '../util/errors.ts'
import { positiveInteger } from './shared/flag-values.ts'
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
import { print, say } from './shared/terminal.ts'

const HELP = `
Each line of the file holds {user, profile, generator, history, tokens, createdAt}. A user is profiled again only when the
generator or the user's history changed, so an interrupted command goes on where it stopped. Users of the file who are
not in these logs keep their lines: name another file for another set of people. Everything in the logs is history
here, unless --held-out leaves each user's latest interactions out, as an evaluation of the file needs it.

Examples:
  bump profile --run runs/posts --out profiles.jsonl
  bump profile --run runs/posts --logs new-posts.jsonl --out new-profiles.jsonl
  bump profile --run runs/posts --logs new-posts.jsonl --held-out 1 --out to-evaluate.jsonl
  bump profile --model ./SmolLM2-135M-Instruct --logs reviews.parquet --user user_id --text body --out zero-shot.jsonl
`

type ProfileFlags = LogFlags & TrustFlags & GeneratorFlags & { out: string; heldOut?: number }

/** `bump profile`. */
export function profileCommand(): Command {
  const command = new Command('profile').description('write one cached profile per user with a trained generator')
  addTrustFlag(addLogFlags(addGeneratorFlags(command)))
    .option('--out <file>', 'JSONL file of the profiles', 'profiles.jsonl')
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
  const source = sourceOf(flags)
  await interruptible(
    () => say('stopping; the profiles written so far are kept, the same command goes on. Ctrl-C again stops at once'),
    async (signal) => {
      const generator = await generatorOfFlags(flags, say, signal)
      try {
        const write = async (histories: AsyncIterable<ProfiledUser> | ProfiledUser[], total: number) => {
          const { users, cached, others } = await profileUsers(generator.model, histories, {
            settings: generator.settings,
            weights: generator.weights,
            out: flags.out,
            signal,
            onProgress: (done) => say(`profiles: ${done}/${total} users`, done < total),
          })
          const kept = others > 0 ? `; ${others} of other users are kept` : ''
          print(`${users} profiles in ${flags.out} (${cached} were there already${kept})\n`)
        }
        say(readingLine(source))
        if (flags.heldOut === undefined) await withWholeLogs(source, say, write, signal)
        else {
          const all = { minInteractions: DEFAULT_MIN_INTERACTIONS, validation: 0, test: 0, seed: 0 }
          const options = { ...all, heldOut: flags.heldOut }
          const { split, report } = await loadUsers(source, options, signal)
          for (const line of reportLines(report)) say(line)
          await write(split.train, split.train.length)
        }
      } finally {
        await generator.close()
      }
    },
  )
}

/** What the flags name, over the logs of the run: its columns are those that the generator was trained on. */
function sourceOf(flags: ProfileFlags): LogSource {
  const { logs: paths, run, trust } = flags
  const own = { paths, ...sourceOptions(flags) }
  if (run !== undefined && !isAdapterFolder(run)) return logsOfRun(run, { own, trust })
  if (paths === undefined)
    throw new BumpError(
      'invalid-options',
      `--logs is required with ${run === undefined ? '--model' : 'an adapter'}: name the interaction logs`,
    )
  return { ...own, paths }
}

/** Users of logs that need not fit into memory, one after the other. */
async function withWholeLogs(
  source: LogSource,
  say: (line: string) => void,
  write: (users: AsyncIterable<ProfiledUser>, total: number) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const dataset = await openLogs(source, signal)
  try {
    for (const line of reportLines(dataset.report)) say(line)
    await write(histories(dataset.users()), dataset.report.users)
  } finally {
    dataset.close()
  }
}

async function* histories(
  users: ReturnType<Awaited<ReturnType<typeof openLogs>>['users']>,
): AsyncGenerator<ProfiledUser> {
  for await (const { id, interactions } of users) yield { id, history: chronological(interactions) }
}
