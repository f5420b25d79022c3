// How well profiles identify people never trained on, beside everything they must be compared with: what `bump evaluate
// profiles` does. Profiles are collected (collect.ts), judged (judging.ts) and put into tables (table.ts); <out> gets
// result.json and users.jsonl, and keeps profiles and scores by content, so that nothing is done twice.
import { basename, join } from 'node:path'
import { type JudgeConfig, servedModelOf } from '../../judge/config.ts'
import { judgeName } from '../../judge/judge.ts'
import { LISTWISE_LABELS } from '../../judge/prompts.ts'
import { lazyScoreFile, ScoreFile } from '../../judge/score-file.ts'
import { judgeKeys } from '../../judge/several.ts'
import type { LoadedUsers } from '../../logs/load.ts'
import type { LogSource, User } from '../../logs/types.ts'
import type { JudgeModel } from '../../model/encoder.ts'
import type { ServerAccess } from '../../model/served.ts'
import { isEmptyProfile } from '../../reward/guards.ts'
import { refuseUntrusted, withoutNamed } from '../../run/trust.ts'
import { type TrainConfig, trainConfigSchema } from '../../train/config.ts'
import { measuredUsers, poolUsers } from '../../train/measure.ts'
import { readTrainedRun, type TrainedRun } from '../../train/trained-run.ts'
import { bareAddresses } from '../../util/address.ts'
import { BumpError } from '../../util/errors.ts'
import { lockFolder } from '../../util/lock.ts'
import { requireOptions } from '../../util/required.ts'
import { mismatchedWith } from '../measure/controls.ts'
import type { EvaluationResult } from '../result.ts'
import { type CollectedConditions, collectConditions, type ProfileSources, runKey } from './collect.ts'
import type { ProfileCondition } from './conditions.ts'
import { groupNote, groupsBySeed, type NamedGroups, namedGroups, type ProfileGroup } from './groups.ts'
import { type JudgeRecord, judgeNotes, judgeRecord, trainingJudges } from './judges.ts'
import { checkPoolSizes, type JudgingWork, judgeConditions, type PoolSizeScores } from './judging.ts'
import { type EvaluationEngine, EvaluationModels, nameOf } from './models.ts'
import { type JudgeChoice, judgesOf, type PlannedJudge } from './planned-judges.ts'
import { profileTable } from './table.ts'
import { evaluationUsers } from './users.ts'
import { userRecords, writeProfileResult } from './write.ts'

/** Pool sizes that are measured where none are named, as far as they fit. */
export const DEFAULT_POOL_SIZES = [8, 32, 128] as const
/** Users that are measured at most where no number is named. */
export const DEFAULT_USERS = 200
const LISTWISE_CANDIDATES = LISTWISE_LABELS.length

export type CompareEvent =
  /** `done` of `total` of some work: profiles written, pairs judged. */
  | { type: 'progress'; what: string; done: number; total: number }
  /** What is to be judged: said once, before the judge is first asked. */
  | { type: 'judging'; conditions: number; users: number; work: JudgingWork }
  /** What was read of the logs. */
  | { type: 'logs'; report: LoadedUsers['report'] }
  /** `passing`: the next one says more. */
  | { type: 'note'; text: string; passing?: boolean }

export interface CompareProfilesOptions extends Partial<ProfileSources>, JudgeChoice {
  /** Run folders of bump train. Settings that are not named here are those of the first. */
  runs?: readonly string[]
  /** Whose profiles are compared; default: the test users of the first run. Columns not named are those of that run. */
  logs?: LogSource | string
  /** Take SQL expressions of the first run's logs although they were never used on this machine. */
  trust?: boolean
  /**
   * Means of runs as rows of their own, by name: two or more run folders, names of runs, or keys of conditions. Default:
   * the runs that differ only by their seed.
   */
  groups?: NamedGroups
  /** K of each table, ascending; default: those of `DEFAULT_POOL_SIZES` that fit. */
  poolSizes?: readonly number[]
  /** At most so many users. */
  users?: number
  /** Of pools and intervals. */
  seed?: number
  /** Folder of the results and of what is kept between calls. */
  out: string
  /** What models that are named run on. */
  engine?: EvaluationEngine
  /** Where judges are that read with a model on a server; no file names it. Texts of the users are sent there. */
  judgeServer?: ServerAccess
  /** As result.json records it; default 'compareProfiles'. */
  command?: string
  signal?: AbortSignal
  onEvent?: (event: CompareEvent) => void
}

/**
 * One table for each pool size, all conditions on the same users in the same pools; also written to `out`. Throws
 * BumpError where options do not belong together, a run, log, model or file cannot be used, users were in the training
 * of a run, or a pool size needs more users; CancelledError where the signal aborts, with all that was done kept.
 */
export async function compareProfiles(options: CompareProfilesOptions): Promise<EvaluationResult> {
  requireOptions('compareProfiles()', options, ['out'])
  const started = performance.now()
  const { signal, onEvent } = options
  const onProgress = (text: string, passing?: boolean) => onEvent?.({ type: 'note', text, passing })
  const { judgeServer } = options
  const served = judgeServer && { ...judgeServer, answers: lazyScoreFile(join(options.out, 'judge-answers.jsonl')) }
  const models = new EvaluationModels({ ...options.engine, signal, onProgress }, served)
  models.refuseUnusable(options.model)
  const plan = await planOf(options, models)
  const groups = groupsOf(plan.runs, options)
  const [first] = plan.judges
  const release = lockFolder(options.out, 'out folder')
  try {
    const collected = await collectConditions(
      { ...options, runs: plan.runs, checkpoints: options.checkpoints ?? [], files: options.files ?? [] },
      {
        ...plan,
        judgeTokenizer: () => models.judge(first.model, first.config, async ({ tokenizer }) => tokenizer),
        out: options.out,
        models,
        signal,
        onProgress: (what, done, total) => onEvent?.({ type: 'progress', what, done, total }),
      },
    )
    for (const text of collected.notes) onEvent?.({ type: 'note', text })
    const planned = withUsers(plan, collected.users, options)
    const { quantize } = plan.config
    const judged: JudgedConditions[] = []
    for (const { model, config } of plan.judges) {
      const work = (reader: JudgeModel) => judgedBy(reader, config, planned, collected, options)
      judged.push(await models.judge(model, config, work, { quantize }))
    }
    return writeResult(planned, collected, judged, groups, started, options)
  } finally {
    release()
  }
}

/** Everything that the options decide before a model is opened. */
interface Plan {
  runs: TrainedRun[]
  /** That of the first run; without one, the defaults. */
  config: TrainConfig
  /** One after the other, so that one model is open at a time. */
  judges: PlannedJudge[]
  users: User[]
  poolSizes: readonly number[]
  /** The logs that the users stand in. */
  paths: string[]
}

async function planOf(options: CompareProfilesOptions, models: EvaluationModels): Promise<Plan> {
  const { model, logs, signal, onEvent } = options
  checkOptions(options)
  const runs = (options.runs ?? []).map(readTrainedRun)
  const config =
    runs[0]?.config ??
    trainConfigSchema.parse({
      name: 'default',
      logs: { paths: ['-'] },
      model: nameOf(model ?? options.judgeModel ?? options.servedJudge ?? '-'),
    })
  const judges = judgesOf(options, config)
  for (const { model: reader, config: judge } of judges) models.refuseUnusableJudge(reader, judge)
  if (options.judgeServer && !judges.some((judge) => servedModelOf(judge.config)))
    throw new BumpError(
      'invalid-options',
      'judgeServer does nothing here: no judge reads with a model on a server. Name that model by servedJudge',
    )
  const own = logs === undefined ? undefined : definedOf(typeof logs === 'string' ? { paths: [logs] } : logs)
  const { user, time, text, with: tables } = config.logs
  const taken = withoutNamed(own ? { user, time, text, with: tables } : config.logs, own ?? {})
  if (runs[0]) refuseUntrusted(taken, join(runs[0].folder, 'config.json'), options.trust)
  const source = own && { user, time, text, ...own, with: { ...tables, ...own.with } }
  const found = await evaluationUsers(runs, source, config.split, {
    signal,
    onReport: (report) => onEvent?.({ type: 'logs', report }),
    onNote: (text) => onEvent?.({ type: 'note', text }),
  })
  const users = measuredUsers(found.users, options.users ?? DEFAULT_USERS, config)
  if (users.length < found.users.length)
    onEvent?.({ type: 'note', text: `evaluating ${users.length} of ${found.users.length} users` })
  const poolSizes = poolSizesOf(options, users.length, judges, config)
  return { runs, config, judges, users, poolSizes, paths: found.source.paths }
}

/** The plan for the users of whom there are profiles, who may be fewer than planned. */
function withUsers(plan: Plan, users: User[], options: CompareProfilesOptions): Plan {
  if (users.length === plan.users.length) return plan
  return { ...plan, users, poolSizes: poolSizesOf(options, users.length, plan.judges, plan.config) }
}

/** The log's own columns, where they are named. */
function definedOf(source: LogSource): LogSource {
  return Object.fromEntries(Object.entries(source).filter(([, value]) => value !== undefined)) as unknown as LogSource
}

function checkOptions(options: CompareProfilesOptions): void {
  const { runs = [], checkpoints = [], model, judgeModel, servedJudge, judges, logs } = options
  const wrong = (message: string) => new BumpError('invalid-options', message)
  if (checkpoints.length > 0 && runs.length === 0) throw wrong('a checkpoint belongs to a run: name the run')
  if (runs.length === 0 && logs === undefined)
    throw wrong('profiles are compared on users: name a run (its test users are measured) or interaction logs')
  if (runs.length === 0 && [model, judgeModel, servedJudge, judges].every((option) => option === undefined))
    throw wrong('without a run there is no judge: name the judge model (or a model, which then judges as well)')
}

function poolSizesOf(
  { poolSizes, onEvent }: CompareProfilesOptions,
  users: number,
  judges: readonly PlannedJudge[],
  { reward }: TrainConfig,
): readonly number[] {
  const listwise = judges.some(({ config }) => config.scorer === 'listwise')
  const most = listwise ? LISTWISE_CANDIDATES - reward.positives : Number.POSITIVE_INFINITY
  if (poolSizes) {
    checkPoolSizes(users, poolSizes)
    if (poolSizes.some((size) => size > most))
      throw new BumpError(
        'invalid-options',
        `a listwise judge ranks at most ${LISTWISE_CANDIDATES} candidates, so the largest possible pool size is ${most}: take smaller pools, or the likelihood or pointwise scorer`,
      )
    return poolSizes
  }
  const fitting = DEFAULT_POOL_SIZES.filter((size) => size <= Math.min(users - 2, most))
  const sizes = fitting.length > 0 ? fitting : [Math.min(users - 2, most)]
  checkPoolSizes(users, sizes)
  if (sizes.length < DEFAULT_POOL_SIZES.length)
    onEvent?.({ type: 'note', text: `pools of ${sizes.join(', ')} other users: larger do not fit` })
  return sizes
}

/** The conditions by one judge. */
interface JudgedConditions {
  record: JudgeRecord
  /** [size] */
  sizes: PoolSizeScores[]
  /** What the judge did not read as it was written. */
  notes: string[]
}

async function judgedBy(
  reader: JudgeModel,
  judge: JudgeConfig,
  { users, poolSizes, config, judges }: Plan,
  { conditions }: CollectedConditions,
  { out, seed = 0, signal, onEvent }: CompareProfilesOptions,
): Promise<JudgedConditions> {
  const record = judgeRecord(reader.info, judge)
  const what = judges.length > 1 ? `judging by ${nameIn(record)}` : 'judging'
  const sizes = await judgeConditions(poolUsers(users), conditions, reader, judge, {
    positives: config.reward.positives,
    poolSizes,
    seed,
    store: new ScoreFile(join(out, 'scores.jsonl')),
    signal,
    onStart: (work) => onEvent?.({ type: 'judging', conditions: conditions.length, users: users.length, work }),
    onProgress: (done, total) => onEvent?.({ type: 'progress', what, done, total }),
  })
  return { record, sizes, notes: readingNotes(conditions, reader, judge) }
}

/** The groups of the runs that are compared: those named, else those by seed. */
function groupsOf(runs: readonly TrainedRun[], { groups, kinds }: CompareProfilesOptions): ProfileGroup[] {
  const compared = (kinds?.includes('run') ?? true) ? runs : []
  const members = compared.map(({ name, folder }, r) => ({ key: runKey(r), names: [name, folder] }))
  return groups
    ? namedGroups(groups, members)
    : groupsBySeed(
        compared,
        members.map(({ key }) => key),
      )
}

const nameIn = ({ model, config }: JudgeRecord) => `${judgeName(config)} on ${basename(model)}`

function writeResult(
  plan: Plan,
  { conditions, notes, generators }: CollectedConditions,
  judged: readonly JudgedConditions[],
  groups: readonly ProfileGroup[],
  started: number,
  { out, seed = 0, command = 'compareProfiles' }: CompareProfilesOptions,
): EvaluationResult {
  const { users, poolSizes, config } = plan
  const { positives } = config.reward
  const pooled = poolUsers(users)
  const [{ record }] = judged
  const labels = new Map(conditions.map(({ key, label }) => [key, label]))
  const tables = judged.flatMap((by) => {
    const all = [
      `${users.length} users, P = ${positives} held-out interaction${positives > 1 ? 's' : ''} each; means with 95 % intervals, bootstrap over users; differences are paired. "both" is the mean of forward and backward.`,
      ...judgeNotes(by.record, plan.runs),
      ...conditions
        .filter(({ mismatched }) => mismatched)
        .map(({ label }) => `"${label}" is the mismatched control: it must be at chance.`),
      ...by.notes,
      ...groups.map((group) => groupNote(group, labels)),
      ...notes,
    ]
    const judge = judged.length > 1 ? nameIn(by.record) : undefined
    return by.sizes.map((sized) => profileTable(sized, conditions, { notes: all, seed, judge, groups }))
  })
  const result: EvaluationResult = {
    kind: 'profiles',
    createdAt: new Date().toISOString(),
    command,
    seconds: Math.round(performance.now() - started) / 1000,
    tables,
    settings: {
      judge: record,
      ...(judged.length > 1 ? { judges: judged.map((by) => by.record) } : {}),
      trainingJudges: Object.fromEntries(
        plan.runs.map((run) => {
          const trainings = trainingJudges(run)
          return [run.folder, trainings.length === 1 ? trainings[0] : trainings]
        }),
      ),
      generators,
      ...(groups.length > 0 ? { groups: Object.fromEntries(groups.map(({ key, members }) => [key, members])) } : {}),
      logs: plan.paths.map((path) => (path.includes('://') ? bareAddresses(path) : basename(path))),
      users: users.length,
      positives,
      poolSizes,
      prompt: config.prompt,
      maxTokens: config.profile.maxTokens,
      temperature: config.profile.temperature,
      split: config.split,
      seed,
    },
  }
  const keys = judgeKeys(judged.map((by) => by.record.config))
  const byJudge = judged.map(({ sizes }, i) => ({ judge: keys[i], sizes }))
  writeProfileResult(out, result, userRecords(pooled, conditions, byJudge, mismatchedWith(users.length, seed)))
  return result
}

/** What the judge did not read as it was written: empty profiles, and texts beyond its budget. */
function readingNotes(conditions: readonly ProfileCondition[], model: JudgeModel, judge: JudgeConfig): string[] {
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
