// `bump judge check`: tells a user, before any training, whether a judge can tell users apart on these logs.
import { Command, InvalidArgumentError, Option } from 'commander'
import {
  type CheckedJudge,
  type CheckedQuery,
  type JudgeCheck,
  type JudgeCheckEvent,
  judgeCheck,
} from '../evaluate/judge-check.ts'
import {
  type AnyJudgeConfigInput,
  COMBINATIONS,
  type Combination,
  type JudgeConfig,
  type JudgeConfigInput,
  SCORER_NAMES,
} from '../judge/config.ts'
import { readsEncoder } from '../judge/judge.ts'
import { DECODERS } from '../judge/listwise.ts'
import { readingLine } from '../logs/load.ts'
import { openLogs } from '../logs/open.ts'
import { DEFAULT_MIN_INTERACTIONS } from '../logs/split.ts'
import { QUANTIZE } from '../model/contract.ts'
import { POOLINGS, type Pooling } from '../model/encoder.ts'
import { type OpenModelOptions, openModel } from '../model/onnx/open.ts'
import { openEncoder } from '../model/onnx/open-encoder.ts'
import { openServedModel } from '../model/openai/served.ts'
import type { OnLine } from '../util/byte-progress.ts'
import { BumpError } from '../util/errors.ts'
import { intervalText } from '../util/stats.ts'
import { addEngineFlags, type EngineFlags, engineOptions } from './shared/engine-flags.ts'
import { naturalNumber, positiveInteger } from './shared/flag-values.ts'
import { addLogFlags, type LogFlags, reportLines, sourceOptions } from './shared/log-flags.ts'
import { interruptible } from './shared/process.ts'
import { addJudgeServerFlags, type JudgeServerFlags, judgeServerOf } from './shared/server-flags.ts'
import { print, say } from './shared/terminal.ts'

type Scorer = JudgeConfig['scorer']

interface CheckFlags extends LogFlags, EngineFlags, JudgeServerFlags {
  judgeModel?: string
  encoder?: string
  pooling?: Pooling
  scorer?: Scorer[]
  decoder?: (typeof DECODERS)[number]
  combine?: Combination
  users: number
  heldOut: number
  minInteractions: number
  negatives: number
  historyTokens: number
  interactionTokens: number
  maxInteractionTokens: number
  seed: number
  quantize: OpenModelOptions['quantize']
}

/** `bump judge` with its one subcommand. */
export function judgeCommand(): Command {
  return new Command('judge').description('ask the judge before training').addCommand(checkCommand())
}

function checkCommand(): Command {
  const command = new Command('check').description(
    'measure whether the judge can tell the users of a log apart, per scorer, beside chance',
  )
  addJudgeServerFlags(addLogFlags(command))
    .option('--judge-model <where>', 'a language model as the judge: a Hugging Face folder, a .gguf file or a hub name')
    .option('--encoder <where>', 'a sentence encoder as the judge, by the embedding scorer: a folder or a hub name')
    .addOption(new Option('--pooling <name>', "how the encoder pools, where its folder doesn't say").choices(POOLINGS))
    .addOption(
      new Option('--scorer <name>', 'scorer to check, may be repeated (default: all that the models allow)')
        .choices(SCORER_NAMES)
        .argParser((name: string, before: Scorer[] | undefined) => [...(before ?? []), scorerNamed(name)]),
    )
    .addOption(
      new Option('--decoder <name>', 'how the listwise scorer answers (default: check each)').choices(DECODERS),
    )
    .addOption(
      new Option('--combine <how>', 'check all of these together as well, by the mean or the worst of them').choices(
        COMBINATIONS,
      ),
    )
    .option('--users <count>', 'users to check, drawn from the log', positiveInteger, 64)
    .option('--held-out <count>', 'interactions held out a user (P)', positiveInteger, 1)
    .option('--min-interactions <count>', 'users with fewer are skipped', positiveInteger, DEFAULT_MIN_INTERACTIONS)
    .option('-k, --negatives <count>', "other users' candidates in a pool (K)", positiveInteger, 8)
    .option(
      '--history-tokens <count>',
      'tokens of raw history that stand in the place of a profile',
      positiveInteger,
      256,
    )
    .option('--interaction-tokens <count>', 'tokens of one interaction of the history', positiveInteger, 48)
    .option('--max-interaction-tokens <count>', 'tokens of a candidate that the judge reads', positiveInteger, 64)
    .option('--seed <number>', 'seed of users, pools and orders', naturalNumber, 0)
    .addOption(
      new Option(
        '--quantize <integers>',
        'integers that its matrices are read in (default: int8 from 100 M parameters on)',
      ).choices(QUANTIZE),
    )
    .addHelpText('after', HELP)
    .action((flags: CheckFlags) => check(flags))
  return addEngineFlags(command)
}

const HELP = `
The raw history of each user stands in the place of a profile. A judge that can work ranks it well above chance in both
directions, and ranks another user's history at chance.

Examples:
  bump judge check --logs reviews.jsonl --judge-model ./SmolLM2-135M-Instruct
  bump judge check --logs reviews.parquet --user user_id --time ts --text "title || ': ' || body" --judge-model judge.gguf
  bump judge check --logs clicks.csv --judge-model judge.gguf --scorer likelihood --scorer pointwise --users 200 -k 16
  bump judge check --logs reviews.jsonl --judge-server http://127.0.0.1:8000/v1 --judge-server-model Qwen/Qwen3-4B-Instruct-2507
  bump judge check --logs reviews.jsonl --judge-model judge.gguf --encoder BAAI/bge-small-en-v1.5
  bump judge check --logs reviews.jsonl --judge-model judge.gguf --encoder BAAI/bge-small-en-v1.5 --scorer likelihood --scorer embedding --combine worst
`

async function check(flags: CheckFlags): Promise<void> {
  const { logs: paths, judgeModel, judgeServerModel, encoder: encoderName, pooling, quantize } = flags
  if (paths === undefined)
    throw new BumpError('invalid-options', 'a judge is checked on interaction logs: name them by --logs')
  const judgeServer = judgeServerOf(flags)
  const judges = judgesOf(flags)
  await interruptible(
    () => say('stopping; press Ctrl-C again to stop at once'),
    async (signal) => {
      say(readingLine({ paths }))
      const logs = await openLogs(paths, { ...sourceOptions(flags), signal })
      try {
        const shared = { signal, onProgress: say }
        const served = judgeServer && openServedModel({ ...judgeServer, model: judgeServerModel!, onNote: say })
        const model = judgeModel
          ? await openModel(judgeModel, { ...engineOptions(flags), quantize, ...shared })
          : served
        const { threads } = engineOptions(flags)
        const encoder = encoderName ? await openEncoder(encoderName, { pooling, threads, ...shared }) : undefined
        try {
          const { users, heldOut, minInteractions, negatives, historyTokens, interactionTokens, seed } = flags
          const options = { users, heldOut, minInteractions, negatives, historyTokens, interactionTokens, seed }
          const onEvent = (event: JudgeCheckEvent) => tell(event, say)
          print(checkReport(await judgeCheck({ logs, model, encoder, judges, ...options, signal, onEvent })))
          const spent = served?.spent()
          if (spent) print(`${spent}\n`)
        } finally {
          await model?.close()
          await encoder?.close()
        }
      } finally {
        logs.close()
      }
    },
  )
}

/** The judges that the flags name, or all that their models allow: of the listwise scorer, one a decoder. */
function judgesOf({
  decoder,
  combine,
  maxInteractionTokens,
  judgeModel,
  judgeServer,
  judgeServerModel,
  encoder,
  pooling,
  ...flags
}: CheckFlags): AnyJudgeConfigInput[] {
  if (judgeModel && judgeServer)
    throw new BumpError('invalid-options', '--judge-model and --judge-server: name one language model')
  if (judgeServer && !judgeServerModel)
    throw new BumpError('invalid-options', '--judge-server needs --judge-server-model: the name of the model there')
  const languageModel = judgeModel ?? judgeServerModel
  const modelOf = (scorer: Scorer) => (readsEncoder({ scorer }) ? encoder : languageModel)
  const scorer = flags.scorer ?? SCORER_NAMES.filter(modelOf)
  if (!languageModel && !encoder)
    throw new BumpError(
      'invalid-options',
      'a judge needs a model: name it by --judge-model or --judge-server, an encoder by --encoder',
    )
  const lacking = scorer.find((name) => !modelOf(name))
  if (lacking)
    throw new BumpError(
      'invalid-options',
      `--scorer ${lacking} reads with ${readsEncoder({ scorer: lacking }) ? 'an encoder: name it by --encoder' : 'a language model: name it by --judge-model or --judge-server'}`,
    )
  if (pooling && !encoder) throw new BumpError('invalid-options', '--pooling belongs to --encoder')
  if (decoder !== undefined && !scorer.includes('listwise'))
    throw new BumpError('invalid-options', '--decoder belongs to --scorer listwise')
  const judges = scorer.flatMap((name): JudgeConfigInput[] => {
    if (name === 'embedding') return [{ scorer: name, model: encoder!, maxInteractionTokens }]
    if (name !== 'listwise') return [{ scorer: name, maxInteractionTokens }]
    return (decoder ? [decoder] : DECODERS).map((each) => ({ scorer: name, decoder: each, maxInteractionTokens }))
  })
  if (!combine) return judges
  if (judges.length < 2)
    throw new BumpError('invalid-options', '--combine needs at least two judges: name --scorer twice')
  return [...judges, { scorer: 'several', combine, judges }]
}

function tell(event: JudgeCheckEvent, say: OnLine): void {
  if (event.type === 'logs') for (const line of reportLines(event.report)) say(line)
  if (event.type === 'users') say(`checking ${event.users} of ${event.total} users`)
  if (event.type === 'judging') {
    const { judge, query, share } = event
    say(`${judge}: ${QUERIES[query]}${share === 0 ? '' : ` ${Math.floor(share * 100)} %`}`, share > 0)
  }
}

function scorerNamed(name: string): Scorer {
  const found = SCORER_NAMES.find((known) => known === name)
  if (found === undefined) throw new InvalidArgumentError(`Allowed choices are ${SCORER_NAMES.join(', ')}.`)
  return found
}

const QUERIES: Record<CheckedQuery, string> = {
  history: 'own history',
  mismatched: "another user's history",
  generic: 'generic text',
}

/** The result as text: one table a judge, then the verdict. */
export function checkReport(result: JudgeCheck): string {
  const lines: string[] = [`NDCG of ${result.users} users, with bootstrap 95 % intervals`, '']
  for (const judge of result.judges) {
    const row = (name: string, forward: string, backward: string) =>
      `  ${name.padEnd(24)}${forward.padEnd(24)}${backward}`
    const { chance } = judge.history
    lines.push(
      `${judge.name} (${judge.seconds.toFixed(1)} s, ${judge.pairs} pairs, ${costOf(judge)})`,
      row('', 'forward', 'backward'),
      ...(['history', 'mismatched', 'generic'] as const).map((query) =>
        row(QUERIES[query], intervalText(judge[query].forward), intervalText(judge[query].backward)),
      ),
      row('chance', chance.forward.toFixed(3), chance.backward.toFixed(3)),
      '',
    )
  }
  return `${[...lines, ...verdictOf(result)].join('\n')}\n`
}

/** Plain sentences: one a judge, warnings, and the recommendation. */
function verdictOf({ judges, failed, recommended }: JudgeCheck): string[] {
  return [
    ...judges.flatMap((judge) => [ability(judge), ...warnings(judge)]),
    ...failed.map(({ name, reason }) => `${name} could not be used: ${reason}`),
    recommended
      ? `Recommended: ${recommended.name}, ${(100 * recommended.gain).toFixed(0)} % of the way from chance to perfect at ${costOf(recommended)}.`
      : 'Recommended: none. Try a larger model, more history tokens, texts that say more about their user, or more users.',
  ]
}

function ability({ name, history, tells }: CheckedJudge): string {
  const can = ['cannot tell users apart', `tells users apart only ${tells[0]}`, 'tells users apart'][tells.length]
  const figures = (['forward', 'backward'] as const)
    .map((each) => `${each} ${intervalText(history[each])} against chance ${history.chance[each].toFixed(3)}`)
    .join(', ')
  return `${name} ${can}: ${figures}.`
}

function warnings({ mismatched, generic, mismatchedOffChance, genericAboveChance }: CheckedJudge): string[] {
  return (['forward', 'backward'] as const).flatMap((direction) => [
    ...(mismatchedOffChance.includes(direction)
      ? [
          `  Warning: another user's history is off chance ${direction}, ${intervalText(mismatched[direction])}: users share interactions, or they are too few; try --users and --seed.`,
        ]
      : []),
    ...(genericAboveChance.includes(direction)
      ? [
          `  Warning: generic text ranks above chance ${direction}, ${intervalText(generic[direction])}: this judge may reward padding, so keep the length penalty and compare with mismatched profiles.`,
        ]
      : []),
  ])
}

/** Milliseconds and tokens of one query-candidate pair. */
function costOf({ seconds, pairs, tokens }: CheckedJudge): string {
  return `${((1000 * seconds) / pairs).toFixed(1)} ms and ${(tokens / pairs).toFixed(0)} tokens a pair`
}
