// `bump judge check`: tells a user, before any training, whether a judge can tell users apart on these logs.
import { Command, InvalidArgumentError, Option } from 'commander'
import {
  costOf,
  formatInterval,
  type JudgeCheck,
  judgeCheck,
  SCORERS,
  type ScorerName,
} from '../evaluate/judge-check.ts'
import { logFormatNames } from '../logs/formats/formats.ts'
import { issueLines } from '../logs/issues.ts'
import { loadUsers } from '../logs/load.ts'
import type { User } from '../logs/types.ts'
import { type OpenModelOptions, openModel } from '../model/onnx/open.ts'
import { addEngineFlags, type EngineFlags, engineOptions } from './shared/engine-flags.ts'
import { naturalNumber, positiveInteger } from './shared/flag-values.ts'

const SCORER_NAMES = Object.keys(SCORERS) as ScorerName[]

interface CheckFlags extends EngineFlags {
  logs: string[]
  format?: string
  user?: string
  time?: string
  text?: string
  model: string
  scorer?: ScorerName[]
  users: number
  heldOut: number
  minInteractions: number
  negatives: number
  historyTokens: number
  interactionTokens: number
  seed: number
  quantize: OpenModelOptions['quantize']
}

/** `bump judge` with its one subcommand. */
export function judgeCommand(): Command {
  return new Command('judge').description('ask the judge before training').addCommand(checkCommand())
}

function checkCommand(): Command {
  const command = new Command('check')
    .description('measure whether the judge can tell the users of a log apart, per scorer, beside chance')
    .requiredOption('--logs <paths...>', 'interaction logs: files, globs or addresses')
    .addOption(
      new Option('--format <format>', 'format of the logs (default: told from name and content)').choices(
        logFormatNames(),
      ),
    )
    .option('--user <column>', 'column or SQL expression of the user')
    .option('--time <column>', 'column or SQL expression of the time')
    .option('--text <column>', 'column or SQL expression of the text')
    .requiredOption('--model <where>', 'the judge: a Hugging Face folder, a .gguf file or a hub name')
    .addOption(
      new Option('--scorer <name>', 'scorer to check, may be repeated (default: all)')
        .choices(SCORER_NAMES)
        .argParser((name: string, before: ScorerName[] | undefined) => [...(before ?? []), scorerName(name)]),
    )
    .option('--users <count>', 'users to check, drawn from the log', positiveInteger, 64)
    .option('--held-out <count>', 'interactions held out a user (P)', positiveInteger, 1)
    .option('--min-interactions <count>', 'users with fewer are skipped', positiveInteger, 5)
    .option('-k, --negatives <count>', "other users' candidates in a pool (K)", positiveInteger, 8)
    .option(
      '--history-tokens <count>',
      'tokens of raw history that stand in the place of a profile',
      positiveInteger,
      256,
    )
    .option('--interaction-tokens <count>', 'tokens of an interaction that the judge reads', positiveInteger, 64)
    .option('--seed <number>', 'seed of users, pools and orders', naturalNumber, 0)
    .addOption(
      new Option('--quantize <integers>', 'weights in fewer bits, to see whether such a judge still can')
        .choices(['none', 'int8'])
        .default('none'),
    )
    .addHelpText('after', HELP)
    .action((flags: CheckFlags) => check(flags))
  return addEngineFlags(command)
}

const HELP = `
The raw history of each user stands in the place of a profile. A judge that can work ranks it well above chance in both
directions, and ranks another user's history at chance.

Examples:
  bump judge check --logs reviews.jsonl --model ./SmolLM2-135M-Instruct
  bump judge check --logs reviews.parquet --user user_id --time ts --text "title || ': ' || body" --model judge.gguf
  bump judge check --logs clicks.csv --model judge.gguf --scorer likelihood --scorer pointwise --users 200 -k 16
`

async function check(flags: CheckFlags): Promise<void> {
  const progress = (line: string) => process.stderr.write(`${line}\n`)
  const abort = new AbortController()
  const cancel = () => abort.abort()
  process.once('SIGINT', cancel)
  const source = { paths: flags.logs, format: flags.format, user: flags.user, time: flags.time, text: flags.text }
  const { heldOut, minInteractions, seed } = flags
  const { split, report } = await loadUsers(source, { heldOut, minInteractions, seed, validation: 0, test: 0 })
  for (const line of issueLines(report.issues)) progress(line)
  for (const [reason, { count }] of Object.entries(report.skipped))
    if (count > 0) progress(`  ${reason}: ${count} users skipped`)
  // The split orders users by a hash of seed and id, so its first ones are a random draw.
  const users = split.train.slice(0, flags.users)
  progress(`checking ${users.length} of ${split.train.length} users`)
  const model = await openModel(flags.model, {
    ...engineOptions(flags),
    quantize: flags.quantize,
    onProgress: progress,
  })
  try {
    const result = await judgeCheck(users.map(texts), model, flags.scorer ?? SCORER_NAMES, {
      positives: heldOut,
      negatives: flags.negatives,
      historyTokens: flags.historyTokens,
      maxInteractionTokens: flags.interactionTokens,
      seed,
      signal: abort.signal,
      onProgress: progress,
    })
    process.stdout.write(checkReport(result))
  } finally {
    process.off('SIGINT', cancel)
    await model.close()
  }
}

function texts(user: User) {
  const textOf = ({ text }: { text: string }) => text
  return { id: user.id, history: user.history.map(textOf), heldOut: user.heldOut.map(textOf) }
}

/** The result as text: one table a scorer, then the verdict. */
export function checkReport(result: JudgeCheck): string {
  const lines: string[] = [`NDCG of ${result.users} users, with bootstrap 95 % intervals`, '']
  for (const check of result.scorers) {
    const row = (name: string, forward: string, backward: string) =>
      `  ${name.padEnd(24)}${forward.padEnd(24)}${backward}`
    const { history, mismatched, generic } = check
    lines.push(
      `${check.scorer} (${check.seconds.toFixed(1)} s, ${check.pairs} pairs, ${costOf(check)})`,
      row('', 'forward', 'backward'),
      row('own history', formatInterval(history.forward), formatInterval(history.backward)),
      row("another user's history", formatInterval(mismatched.forward), formatInterval(mismatched.backward)),
      row('generic text', formatInterval(generic.forward), formatInterval(generic.backward)),
      row('chance', history.chance.forward.toFixed(3), history.chance.backward.toFixed(3)),
      '',
    )
  }
  return `${[...lines, ...result.verdict].join('\n')}\n`
}

function scorerName(name: string): ScorerName {
  const found = SCORER_NAMES.find((known) => known === name)
  if (found === undefined) throw new InvalidArgumentError(`Allowed choices are ${SCORER_NAMES.join(', ')}.`)
  return found
}
