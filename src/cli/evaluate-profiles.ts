// `bump evaluate profiles`: how well profiles identify people never trained on, beside everything they must be compared
// with. Opens models and files; the judging and the tables are in evaluate/profiles/.

import { basename, join } from 'node:path'
import { Command, InvalidArgumentError, Option } from 'commander'
import { SCORERS, type ScorerName } from '../evaluate/judge-check.ts'
import { mismatchedWith } from '../evaluate/measure/controls.ts'
import { CONDITION_KINDS, type ConditionKind, type ProfileCondition } from '../evaluate/profiles/conditions.ts'
import { judgeNotes, judgeRecord, trainingJudge } from '../evaluate/profiles/judges.ts'
import { checkPoolSizes, type JudgingWork, judgeConditions } from '../evaluate/profiles/judging.ts'
import { ScoreFile } from '../evaluate/profiles/score-file.ts'
import { profileTable, shownTable } from '../evaluate/profiles/table.ts'
import { evaluationUsers } from '../evaluate/profiles/users.ts'
import { userRecords, writeProfileResult } from '../evaluate/profiles/write.ts'
import type { EvaluationResult } from '../evaluate/result.ts'
import type { JudgeConfig } from '../judge/config.ts'
import { LISTWISE_LABELS } from '../judge/prompts.ts'
import type { User } from '../logs/types.ts'
import type { LanguageModel } from '../model/contract.ts'
import { openModel } from '../model/onnx/open.ts'
import { isEmptyProfile } from '../reward/guards.ts'
import { type TrainConfig, trainConfigSchema } from '../train/config.ts'
import { measuredUsers, poolUsers } from '../train/measure.ts'
import type { TrainedRun } from '../train/trained-run.ts'
import { readTrainedRun } from '../train/trained-run.ts'

import { BumpError } from '../util/errors.ts'
import { lockFolder } from '../util/lock.ts'
import { commandLine } from './shared/command-line.ts'
import { addEngineFlags, type EngineFlags, engineOptions } from './shared/engine-flags.ts'
import { collectConditions } from './shared/evaluated-conditions.ts'
import { collect, naturalNumber, positiveInteger } from './shared/flag-values.ts'
import { interruptible } from './shared/interrupt.ts'
import { addLogFlags, type LogFlags, reportLines } from './shared/log-flags.ts'
import { resultTableText } from './shared/result-table.ts'
import { type WorkProgress, workProgress } from './shared/work-progress.ts'

const HELP = `
Conditions, all judged on the same users in the same pools:
  none        a sentence that says nothing: what the judge finds likely of anybody; backward all tie, which is chance
  generic     a text that fits anyone
  history     the interactions that the generator reads, in the profile's place
  zero-shot   profiles by the frozen base of the (first) run, else by --model
  run         profiles by the best checkpoint of every --run, and by every --checkpoint of the first
  mismatched  another user's profile of the first run: must be at chance
Profiles by --model, by a server and from files are added where these flags are given.

Without --logs, the test users of the first run are measured. Users that were in the training of a run are refused.
<out> holds result.json (for bump report) and users.jsonl: every profile with its scores. Profiles and scores are kept
there by content: an interrupted command goes on where it stopped, and nothing is judged twice.

Examples:
  bump evaluate profiles --run runs/posts
  bump evaluate profiles --run runs/posts --checkpoint step-20 --run runs/other --judge-model judge.gguf
  bump evaluate profiles --run runs/papers --logs dev.json --text title --pool-sizes 8,32 --users 100
  bump evaluate profiles --run runs/posts --server http://localhost:8000/v1 --server-model qwen3
  bump evaluate profiles --model ./SmolLM2-135M-Instruct --logs posts.jsonl --profiles mine.jsonl --scorer listwise
`

const DEFAULT_SIZES = [8, 32, 128]
const DEFAULT_USERS = 200
const LISTWISE_CANDIDATES = LISTWISE_LABELS.length

interface EvaluateProfilesFlags extends LogFlags, EngineFlags {
  run: string[]
  checkpoint: string[]
  model?: string
  profiles: string[]
  server?: string
  serverModel?: string
  judgeModel?: string
  scorer?: ScorerName
  conditions?: ConditionKind[]
  poolSizes?: number[]
  users?: number
  seed: number
  out?: string
}

/** `bump evaluate profiles`. */
export function evaluateProfilesCommand(): Command {
  const command = new Command('profiles').description(
    'measure how well profiles identify people never trained on, in both directions',
  )
  addLogFlags(command)
    .option('--run <folder>', 'run folder of bump train; may be repeated', collect, [])
    .option('--checkpoint <name>', 'a checkpoint of the first run, such as step-20; may be repeated', collect, [])
    .option('--model <where>', 'untrained model for zero-shot profiles: a folder, a .gguf file or a hub name')
    .option('--profiles <file>', 'profiles of a file of bump profile; may be repeated', collect, [])
    .option('--server <address>', 'profiles by a model on an OpenAI-compatible server (key: OPENAI_API_KEY)')
    .option('--server-model <name>', 'name of the model on the server')
    .option('--judge-model <where>', 'the judge (default: that of the first run, else --model)')
    .addOption(
      new Option('--scorer <name>', 'how the judge scores (default: as the first run, else likelihood)').choices(
        Object.keys(SCORERS),
      ),
    )
    .option('--conditions <list>', 'conditions to compare, with commas between (default: all)', conditionList)
    .option(
      '--pool-sizes <list>',
      `other users in a pool (K), with commas between (default: of ${DEFAULT_SIZES.join(',')} those that fit)`,
      sizeList,
    )
    .option('--users <count>', `at most so many users (default: ${DEFAULT_USERS})`, positiveInteger)
    .option('--seed <number>', 'seed of pools and intervals', naturalNumber, 0)
    .option('--out <folder>', 'where the results go (default: evaluate/profiles in the first run or in runs)')
    .addHelpText('after', HELP)
  return addEngineFlags(command).action((flags: EvaluateProfilesFlags) =>
    runEvaluateProfiles(flags, commandLine(command)),
  )
}

function conditionList(text: string): ConditionKind[] {
  return text.split(',').map((part) => {
    const found = CONDITION_KINDS.find((known) => known === part.trim())
    if (found === undefined)
      throw new InvalidArgumentError(`No condition "${part.trim()}". Conditions are ${CONDITION_KINDS.join(', ')}.`)
    return found
  })
}

function sizeList(text: string): number[] {
  return [...new Set(text.split(',').map((part) => positiveInteger(part.trim())))].sort((a, b) => a - b)
}

/** Everything that the flags decide before a model is opened. */
interface Plan {
  runs: TrainedRun[]
  /** That of the first run; without one, the defaults. */
  config: TrainConfig
  judge: JudgeConfig
  judgeModel: string
  users: User[]
  poolSizes: number[]
  notes: string[]
  out: string
  logs: string[]
}

async function runEvaluateProfiles(flags: EvaluateProfilesFlags, command: string): Promise<void> {
  const started = performance.now()
  const progress = workProgress()
  let release: (() => void) | undefined
  try {
    await interruptible(
      () => progress.say('stopping; what is done is kept, the same command goes on. Ctrl-C again stops at once'),
      async (signal) => {
        const plan = await planOf(flags, progress)
        release = lockFolder(plan.out, '--out')
        const { conditions, notes, digests } = await collectConditions(
          {
            runs: plan.runs,
            config: plan.config,
            users: plan.users,
            kinds: flags.conditions,
            judgeModel: plan.judgeModel,
            out: plan.out,
          },
          flags,
          { signal, progress },
        )
        const { quantize } = plan.config
        const model = await openModel(plan.judgeModel, { ...engineOptions(flags), quantize, onProgress: progress.say })
        try {
          const result = await judged(plan, { ...flags, command }, model, conditions, [...plan.notes, ...notes], {
            digests,
            signal,
            progress,
            started,
          })
          progress.done()
          const tables = result.tables.map((table) => resultTableText(shownTable(table)))
          process.stdout.write(`\n${tables.join('\n')}\nAll of it is in ${plan.out}: result.json and users.jsonl\n`)
        } finally {
          await model.close()
        }
      },
    )
  } finally {
    release?.()
    progress.done()
  }
}

async function planOf(flags: EvaluateProfilesFlags, progress: WorkProgress): Promise<Plan> {
  checkFlags(flags)
  const runs = flags.run.map(readTrainedRun)
  const config = runs[0]?.config ?? defaultConfig(flags.model ?? flags.judgeModel!)
  const { user, time, text } = config.logs
  const source = flags.logs && {
    paths: flags.logs,
    format: flags.format,
    user: flags.user ?? user,
    time: flags.time ?? time,
    text: flags.text ?? text,
  }
  const found = await evaluationUsers(runs, source, config.split, (report) => {
    for (const line of reportLines(report)) progress.say(line)
  })
  const users = measuredUsers(found.users, flags.users ?? DEFAULT_USERS, config)
  if (users.length < found.users.length) progress.say(`evaluating ${users.length} of ${found.users.length} users`)
  const judge = judgeConfigOf(flags, config)
  return {
    runs,
    config,
    judge,
    judgeModel: flags.judgeModel ?? runs[0]?.config.judge.model ?? runs[0]?.config.model ?? flags.model!,
    users,
    poolSizes: poolSizesOf(flags, users.length, judge, config, progress),
    notes: found.notes,
    out: flags.out ?? join(flags.run[0] ?? 'runs', 'evaluate', 'profiles'),
    logs: found.source.paths,
  }
}

function checkFlags({ run, checkpoint, model, judgeModel, logs, server, serverModel }: EvaluateProfilesFlags): void {
  const wrong = (message: string) => new BumpError('invalid-options', message)
  if (checkpoint.length > 0 && run.length === 0) throw wrong('--checkpoint belongs to a run: name it by --run')
  if (run.length === 0 && logs === undefined)
    throw wrong('bump evaluate profiles needs users: --run (its test users are measured) or --logs')
  if (run.length === 0 && model === undefined && judgeModel === undefined)
    throw wrong('without --run there is no judge: name one by --judge-model (or --model, which then judges as well)')
  if ((server === undefined) !== (serverModel === undefined))
    throw wrong('--server and --server-model belong together: the address, and the name of the model there')
}

function defaultConfig(model: string): TrainConfig {
  return trainConfigSchema.parse({ name: 'default', logs: { paths: ['-'] }, model })
}

/** The scorer named, else that of the first run. The judge reads at least as much as the generator does. */
function judgeConfigOf({ scorer }: EvaluateProfilesFlags, config: TrainConfig): JudgeConfig {
  const { maxProfileTokens, maxInteractionTokens } = config.judge
  return {
    ...(scorer ? SCORERS[scorer] : config.judge),
    maxProfileTokens: Math.max(maxProfileTokens, config.prompt.historyTokens),
    maxInteractionTokens,
  }
}

function poolSizesOf(
  { poolSizes }: EvaluateProfilesFlags,
  users: number,
  judge: JudgeConfig,
  { reward }: TrainConfig,
  progress: WorkProgress,
): number[] {
  const most = judge.scorer === 'listwise' ? LISTWISE_CANDIDATES - reward.positives : Number.POSITIVE_INFINITY
  if (poolSizes) {
    checkPoolSizes(users, poolSizes)
    if (poolSizes.some((size) => size > most))
      throw new BumpError(
        'invalid-options',
        `a listwise judge ranks at most ${LISTWISE_CANDIDATES} candidates, so the largest possible pool size is ${most}: lower --pool-sizes, or take --scorer likelihood or pointwise`,
      )
    return poolSizes
  }
  const fitting = DEFAULT_SIZES.filter((size) => size <= Math.min(users - 2, most))
  const sizes = fitting.length > 0 ? fitting : [Math.min(users - 2, most)]
  checkPoolSizes(users, sizes)
  if (sizes.length < DEFAULT_SIZES.length) progress.say(`pools of ${sizes.join(', ')} other users: larger do not fit`)
  return sizes
}

async function judged(
  plan: Plan,
  flags: EvaluateProfilesFlags & { command: string },
  model: LanguageModel,
  conditions: readonly ProfileCondition[],
  notes: readonly string[],
  run: { digests: Record<string, unknown>; signal: AbortSignal; progress: WorkProgress; started: number },
): Promise<EvaluationResult> {
  const { users, judge, poolSizes, config, out } = plan
  const pooled = poolUsers(users)
  const sizes = await judgeConditions(pooled, conditions, model, judge, {
    positives: config.reward.positives,
    poolSizes,
    seed: flags.seed,
    store: new ScoreFile(join(out, 'scores.jsonl')),
    signal: run.signal,
    onStart: (work) => run.progress.say(workLine(work, conditions.length, users.length)),
    onProgress: (done, total) => run.progress.update('judging', done, total),
  })
  const record = judgeRecord(model.info, judge)
  const all = [
    `${users.length} users, P = ${config.reward.positives} held-out interaction${config.reward.positives > 1 ? 's' : ''} each; means with 95 % intervals, bootstrap over users; differences are paired. "both" is the mean of forward and backward.`,
    ...judgeNotes(record, plan.runs),
    ...conditions
      .filter(({ mismatched }) => mismatched)
      .map(({ label }) => `"${label}" is the mismatched control: it must be at chance.`),
    ...readingNotes(conditions, model, judge),
    ...notes,
  ]
  const result: EvaluationResult = {
    kind: 'profiles',
    createdAt: new Date().toISOString(),
    command: flags.command,
    seconds: Math.round(performance.now() - run.started) / 1000,
    tables: sizes.map((sized) => profileTable(sized, conditions, all, flags.seed)),
    settings: {
      judge: record,
      trainingJudges: Object.fromEntries(plan.runs.map((each) => [each.folder, trainingJudge(each)])),
      generators: run.digests,
      logs: plan.logs.map((path) => (path.includes('://') ? path : basename(path))),
      users: users.length,
      positives: config.reward.positives,
      poolSizes,
      prompt: config.prompt,
      maxTokens: config.profile.maxTokens,
      temperature: config.profile.temperature,
      split: config.split,
      seed: flags.seed,
    },
  }
  writeProfileResult(out, result, userRecords(pooled, conditions, sizes, mismatchedWith(users.length, flags.seed)))
  return result
}

function workLine({ unit, total, known }: JudgingWork, conditions: number, users: number): string {
  const what = unit === 'pairs' ? 'pairs of a profile and an interaction' : 'pools'
  const before = known > 0 ? `, ${known} of them judged before` : ''
  return `${conditions} conditions, ${users} users: ${total} ${what} to judge${before}`
}

/** What the judge did not read as it was written: empty profiles, and texts beyond its budget. */
function readingNotes(conditions: readonly ProfileCondition[], model: LanguageModel, judge: JudgeConfig): string[] {
  return conditions
    .filter(({ mismatched }) => !mismatched)
    .flatMap(({ label, profiles }) => {
      const empty = profiles.filter(isEmptyProfile).length
      const long = profiles.filter((text) => model.tokenizer.encode(text).length > judge.maxProfileTokens).length
      return [
        ...(empty > 0 ? [`${label}: ${empty} of ${profiles.length} are empty and score 0.`] : []),
        ...(long > 0
          ? [`${label}: ${long} of ${profiles.length} were cut to ${judge.maxProfileTokens} tokens for the judge.`]
          : []),
      ]
    })
}
