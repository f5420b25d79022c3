// What a profile is worth that is rewritten from the one before with what is new: what `bump evaluate incremental` does.
// Beside it stand the profile from everything so far and the first profile, kept as it is, in the same pools; and what
// each costs. <out> gets result.json, and keeps profiles and scores by content.

import { basename, join } from 'node:path'
import { openGenerator } from '../../generator/open.ts'
import { logsOfRun } from '../../generator/run-settings.ts'
import { servedModelOf } from '../../judge/config.ts'
import { judgeName } from '../../judge/judge.ts'
import { lazyScoreFile, ScoreFile } from '../../judge/score-file.ts'
import type { LoadedUsers } from '../../logs/load.ts'
import type { LogSource, User } from '../../logs/types.ts'
import type { JudgeModel } from '../../model/encoder.ts'
import type { ServerAccess } from '../../model/served.ts'
import type { TextModel } from '../../model/text-model.ts'
import { type TrainConfig, trainConfigSchema } from '../../train/config.ts'
import { measuredUsers, poolUsers } from '../../train/measure.ts'
import { readTrainedRun, type TrainedRun } from '../../train/trained-run.ts'
import { BumpError } from '../../util/errors.ts'
import { writeFileAtomic } from '../../util/files.ts'
import { lockFolder } from '../../util/lock.ts'
import { seedFrom } from '../../util/random.ts'
import { requireOptions } from '../../util/required.ts'
import { bootstrapInterval, pairedDifference } from '../../util/stats.ts'
import { fewUsersNotes } from '../few-users.ts'
import { mismatchedOf, type ProfileCondition, rawHistories } from '../profiles/conditions.ts'
import { type JudgeRecord, judgeNotes, judgeRecord } from '../profiles/judges.ts'
import { checkPoolSizes, judgeConditions } from '../profiles/judging.ts'
import { type EvaluationEngine, EvaluationModels } from '../profiles/models.ts'
import { type JudgeChoice, judgesOf, type PlannedJudge } from '../profiles/planned-judges.ts'
import { measuredText, profileTable } from '../profiles/table.ts'
import { evaluationUsers } from '../profiles/users.ts'
import { type EvaluationResult, evaluationResultSchema, type ResultTable } from '../result.ts'
import { logNames } from '../result-files.ts'
import { type PeriodProfiles, writePeriods } from './periods.ts'
import { generatorWriter, type PeriodWriter, serverWriter } from './writers.ts'

export type IncrementalEvent =
  /** `done` of `total` of some work: profiles written, pairs judged. */
  | { type: 'progress'; what: string; done: number; total: number }
  /** What was read of the logs. */
  | { type: 'logs'; report: LoadedUsers['report'] }
  /** `passing`: the next one says more. */
  | { type: 'note'; text: string; passing?: boolean }

/** Judges that are not named are those of the run; without one, the model by likelihood. */
export interface IncrementalOptions extends Pick<JudgeChoice, 'servedJudge' | 'scorer' | 'judges'> {
  /** The judge's model: its name. The embedding scorer's is an encoder. */
  judgeModel?: string
  /** Run folder of bump train, whose best checkpoint writes; its test users are measured, unless `logs` are named. */
  run?: string
  /** An untrained model that writes, in place of a run: its name. */
  model?: string
  /**
   * A text model that writes in place of both, such as one on a server (`openOpenAi`); its answers are kept. A run beside
   * it gives users, prompt and judges; without one a judge must be named.
   */
  server?: TextModel
  /** Whose profiles are measured; with a run, columns not named are those of the run. */
  logs?: LogSource
  /** Take SQL expressions of the run's logs although they were never used on this machine. */
  trust?: boolean
  /** Where judges are that read with a model on a server; no file names it. Texts of the users are sent there. */
  judgeServer?: ServerAccess
  /** Into how many parts a history is cut, at least 2; default 3. */
  periods?: number
  /** K; default 8, or as many as fit. */
  poolSize?: number
  /** At most so many users; default 200. */
  users?: number
  /** Of pools and intervals. */
  seed?: number
  /** Folder of the results and of what is kept between calls. */
  out: string
  engine?: EvaluationEngine
  /** As result.json records it; default 'evaluateIncremental'. */
  command?: string
  signal?: AbortSignal
  onEvent?: (event: IncrementalEvent) => void
}

/**
 * Tables of quality, one of each judge, and one of cost, all conditions on the same users in the same pools; also
 * written to `out`. Throws BumpError where options do not belong together, a run, log or model cannot be used, users were
 * in the training of the run or are too few; CancelledError where the signal aborts, with all that was done kept.
 */
export async function evaluateIncremental(options: IncrementalOptions): Promise<EvaluationResult> {
  requireOptions('evaluateIncremental()', options, ['out'])
  const started = performance.now()
  const {
    model,
    server,
    out,
    engine,
    periods = 3,
    seed = 0,
    command = 'evaluateIncremental',
    signal,
    onEvent,
  } = options
  const onProgress = (text: string, passing?: boolean) => onEvent?.({ type: 'note', text, passing })
  const { judgeServer } = options
  const served = judgeServer && { ...judgeServer, answers: lazyScoreFile(join(out, 'judge-answers.jsonl')) }
  const models = new EvaluationModels({ ...engine, signal, onProgress }, served)
  const plan = planOf(options)
  const { run, config, judges } = plan
  models.refuseUnusable(model)
  for (const { model: reader, config: judge } of judges) models.refuseUnusableJudge(reader, judge)
  const found = await usersOf(options, run, config, periods)
  poolSizeOf(options, found.users)
  const release = lockFolder(out, 'out folder')
  try {
    const { users, written, history, writer, notes } = await withWriter(options, plan, async (writer) => {
      const all = await writePeriods(writer, found.users, periods, (what, done, total) =>
        onEvent?.({ type: 'progress', what, done, total }),
      )
      return { ...all, writer, history: rawHistories(all.users, writer.tokenizer, writer.settings.prompt) }
    })
    for (const note of notes) onProgress(note)
    const negatives = poolSizeOf(options, users)
    const conditions = written.map(conditionOf)
    const { positives } = config.reward
    const all = [history, ...conditions, mismatchedOf(conditions.at(-1)!)]
    const judged: { record: JudgeRecord; table: ResultTable }[] = []
    for (const { model: name, config: judge } of judges) {
      const work = async (reader: JudgeModel) => {
        const record = judgeRecord(reader.info, judge)
        const what = judges.length > 1 ? `${judgeName(judge)} on ${basename(record.model)}` : undefined
        const [scored] = await judgeConditions(poolUsers(users), all, reader, judge, {
          positives,
          poolSizes: [negatives],
          seed,
          store: new ScoreFile(join(out, 'scores.jsonl')),
          signal,
          onProgress: (done, total) =>
            onEvent?.({ type: 'progress', what: what ? `judging by ${what}` : 'judging', done, total }),
        })
        const shown = [
          `${measuredText(users, positives)}, the same after every period; histories in ${periods} periods of as many interactions; means with 95 % intervals, bootstrap over users; differences are paired. "both" is the mean of forward and backward.`,
          ...fewUsersNotes(users.length),
          ...judgeNotes(record, run ? [run] : []),
          `The profile of period 1 is also what is left where a profile is never written again. "${conditions.at(-1)!.label}" of another user is the mismatched control: it must be at chance.`,
          ...unchangedNotes(written),
          ...found.notes,
          ...notes,
        ]
        return { record, table: qualityTable(profileTable(scored, all, { notes: shown, seed, judge: what })) }
      }
      judged.push(await models.judge(name, judge, work, { quantize: config.quantize }))
    }
    const { prompt, maxTokens, temperature } = writer.settings
    const result: EvaluationResult = {
      kind: 'incremental',
      createdAt: new Date().toISOString(),
      command,
      seconds: Math.round(performance.now() - started) / 1000,
      tables: [...judged.map(({ table }) => table), costTable(written, seed, server !== undefined)],
      settings: {
        generator: { ...writer.record, ...(run && !server ? { run: run.name } : {}) },
        judge: judged[0].record,
        ...(judges.length > 1 ? { judges: judged.map(({ record }) => record) } : {}),
        logs: logNames(found.paths),
        users: users.length,
        ...{ periods, positives, poolSize: negatives, prompt, maxTokens, temperature, split: config.split, seed },
      },
    }
    const checked = evaluationResultSchema.parse(result)
    writeFileAtomic(join(out, 'result.json'), `${JSON.stringify(checked, undefined, 2)}\n`)
    return result
  } finally {
    release()
  }
}

/** `work` with what writes: the run's best checkpoint, an untrained model, or the server's. */
async function withWriter<T>(
  { model, server, out, engine, trust, signal, onEvent }: IncrementalOptions,
  { run, config }: Plan,
  work: (writer: PeriodWriter) => Promise<T>,
): Promise<T> {
  if (server) return await work(serverWriter(server, config, out, signal))
  const onProgress = (text: string, passing?: boolean) => onEvent?.({ type: 'note', text, passing })
  const generator = await openGenerator(run?.folder ?? { model: model! }, { ...engine, trust, signal, onProgress })
  try {
    return await work(generatorWriter(generator, out, signal))
  } finally {
    await generator.close()
  }
}

/** K. Throws BumpError where the users are too few. */
function poolSizeOf({ poolSize }: IncrementalOptions, users: readonly User[]): number {
  const negatives = poolSize ?? Math.min(8, users.length - 2)
  checkPoolSizes(users.length, [negatives])
  return negatives
}

interface Plan {
  run: TrainedRun | undefined
  /** That of the run; without one, the defaults. */
  config: TrainConfig
  judges: PlannedJudge[]
}

function planOf(options: IncrementalOptions): Plan {
  const { run: folder, model, server, logs, judgeServer, periods = 3 } = options
  const wrong = (message: string) => new BumpError('invalid-options', message)
  if ((model === undefined) === (folder === undefined && server === undefined))
    throw wrong('name the generator: a run, a model, or a server, which may stand beside a run')
  if (folder === undefined && logs === undefined)
    throw wrong('without a run there are no test users: name the interaction logs')
  const judge = options.judgeModel ?? options.servedJudge ?? options.judges
  if (server && folder === undefined && judge === undefined)
    throw wrong('a server does not judge what it writes: name the judge by judgeModel, servedJudge or judges')
  if (!Number.isInteger(periods) || periods < 2) throw wrong('periods: a history is cut into 2 parts or more')
  const run = folder === undefined ? undefined : readTrainedRun(folder)
  const name = model ?? server?.name
  const config = run?.config ?? trainConfigSchema.parse({ name: 'default', logs: { paths: ['-'] }, model: name })
  const judges = judgesOf({ ...options, runs: folder === undefined ? [] : [folder] }, config)
  if (judgeServer && !judges.some((judge) => servedModelOf(judge.config)))
    throw wrong(
      'judgeServer does nothing here: no judge reads with a model on a server. Name that model by servedJudge',
    )
  return { run, config, judges }
}

/** Users with an interaction in every period. */
async function usersOf(
  { run: folder, logs, trust, users: most = 200, signal, onEvent }: IncrementalOptions,
  run: TrainedRun | undefined,
  config: TrainConfig,
  periods: number,
): Promise<{ users: User[]; paths: string[]; notes: string[] }> {
  // Also asks whether expressions of the run's record may run.
  const source = folder === undefined ? logs : logsOfRun(folder, { own: logs, trust })
  const found = await evaluationUsers(run ? [run] : [], logs && source, config.split, {
    signal,
    onReport: (report) => onEvent?.({ type: 'logs', report }),
    onNote: (text) => onEvent?.({ type: 'note', text }),
  })
  const long = found.users.filter(({ history }) => history.length >= periods)
  const users = measuredUsers(long, most, config)
  if (users.length < found.users.length)
    onEvent?.({
      type: 'note',
      text: `evaluating ${users.length} of ${found.users.length} users; ${found.users.length - long.length} have fewer than ${periods} interactions to cut`,
    })
  return { users, paths: found.source.paths, notes: found.notes }
}

const FIRST = 'all-1'

function conditionOf({ period, way, profiles }: PeriodProfiles): ProfileCondition {
  const label = way === 'all' ? `from all, period ${period}` : `rewritten, period ${period}`
  return { key: `${way}-${period}`, label, profiles }
}

/** NDCG alone; of the differences, what rewriting and writing anew are worth at each period. */
function qualityTable(table: ResultTable): ResultTable {
  return {
    ...table,
    metrics: table.metrics.filter(({ key }) => key.startsWith('ndcg')),
    differences: table.differences.filter(({ a, b }) => isCompared(a, b) || (b === FIRST && /^(all|rew)/.test(a))),
  }
}

/** Whether two conditions are both ways of one period. */
function isCompared(a: string, b: string): boolean {
  return a.startsWith('rewritten') && b === a.replace('rewritten', 'all')
}

/** How often rewriting changed nothing. */
function unchangedNotes(written: readonly PeriodProfiles[]): string[] {
  const chain = written.filter(({ way, period }) => way === 'rewritten' || period === 1)
  return chain.slice(1).map((each, before) => {
    const same = each.profiles.filter((profile, u) => profile === chain[before].profiles[u]).length
    return `${conditionOf(each).label}: ${same} of ${each.profiles.length} are the profile before, word for word.`
  })
}

/** What one profile costs; `estimated`: in tokens by an estimate. */
function costTable(written: readonly PeriodProfiles[], seed: number, estimated: boolean): ResultTable {
  const options = { seed: seedFrom('bootstrap', seed) }
  const keys = ['prompt', 'profile'] as const
  const exact = (seconds: number) => ({ mean: seconds, low: seconds, high: seconds })
  const measured = written.filter(({ seconds }) => seconds !== undefined).length
  return {
    title: 'Cost of one profile',
    notes: [
      'Tokens of the prompt and of the profile, means over users. Seconds are of sampling users together, divided by their number.',
      ...(estimated ? ['Tokens are estimated: a server does not say them of each profile.'] : []),
      ...(measured < written.length ? ['Seconds are missing where all profiles were there from an earlier call.'] : []),
    ],
    metrics: [
      { key: 'prompt', label: 'prompt tokens', higherIsBetter: false, chance: null },
      { key: 'profile', label: 'profile tokens', higherIsBetter: false, chance: null },
      { key: 'seconds', label: 'seconds', higherIsBetter: false, chance: null },
    ],
    rows: written.map((each) => {
      const { key, label, profiles } = conditionOf(each)
      const tokens = keys.map((of) => [of, bootstrapInterval(each.tokens[of], options)] as const)
      const seconds = each.seconds === undefined ? [] : [['seconds', exact(each.seconds)] as const]
      return { condition: key, label, n: profiles.length, values: Object.fromEntries([...tokens, ...seconds]) }
    }),
    differences: written.flatMap((a) => {
      const b = a.way === 'rewritten' && written.find(({ way, period }) => way === 'all' && period === a.period)
      if (!b) return []
      const values = keys.map((of) => [of, pairedDifference(b.tokens[of], a.tokens[of], options)] as const)
      return [{ a: conditionOf(a).key, b: conditionOf(b).key, values: Object.fromEntries(values) }]
    }),
  }
}
