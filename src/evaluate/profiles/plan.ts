// What an evaluation of profiles measures, decided before a model is opened: the runs, the judges, and the users, who
// were in no run's training.
import { join } from 'node:path'
import { servedModelOf } from '../../judge/config.ts'
import type { LoadedUsers } from '../../logs/load.ts'
import type { LogSource, User } from '../../logs/types.ts'
import type { ServerAccess } from '../../model/served.ts'
import { refuseUntrusted, withoutNamed } from '../../run/trust.ts'
import { type TrainConfig, trainConfigSchema } from '../../train/config.ts'
import { measuredUsers } from '../../train/measure.ts'
import { readTrainedRuns, type TrainedRun } from '../../train/trained-run.ts'
import { BumpError } from '../../util/errors.ts'
import type { ProfileSources } from './collect.ts'
import { type EvaluationModels, nameOf } from './models.ts'
import { type JudgeChoice, judgesOf, type PlannedJudge } from './planned-judges.ts'
import { evaluationUsers } from './users.ts'

/** Users that are measured at most where no number is named. */
export const DEFAULT_USERS = 200

/** What every evaluation of profiles tells. */
export type EvaluationEvent =
  /** `done` of `total` of some work: profiles written, pairs judged. */
  | { type: 'progress'; what: string; done: number; total: number }
  /** What was read of the logs. */
  | { type: 'logs'; report: LoadedUsers['report'] }
  /** `passing`: the next one says more. */
  | { type: 'note'; text: string; passing?: boolean }

/** Whose profiles are measured, and by which judges. */
export interface PlanOptions extends Partial<ProfileSources>, JudgeChoice {
  /** Run folders of bump train. Settings that are not named here are those of the first. */
  runs?: readonly string[]
  /** Whose profiles are compared; default: the test users of the first run. Columns not named are those of that run. */
  logs?: LogSource | string
  /** Take SQL expressions of the first run's logs although they were never used on this machine. */
  trust?: boolean
  /** At most so many users. */
  users?: number
  /** Where judges are that read with a model on a server; no file names it. Texts of the users are sent there. */
  judgeServer?: ServerAccess
  signal?: AbortSignal
}

export interface Plan {
  runs: TrainedRun[]
  /** That of the first run; without one, the defaults. */
  config: TrainConfig
  /** One after the other, so that one model is open at a time. */
  judges: PlannedJudge[]
  users: User[]
  /** The logs that the users stand in. */
  source: LogSource
  /** What must be known of the users to read their scores. */
  notes: string[]
}

/**
 * Throws BumpError where options do not belong together, a run or the logs cannot be read, a judge cannot be opened, or
 * users were in the training of a run.
 */
export async function planEvaluation(
  options: PlanOptions,
  models: EvaluationModels,
  onEvent?: (event: EvaluationEvent) => void,
): Promise<Plan> {
  const { model, logs, signal } = options
  checkOptions(options)
  const runs = readTrainedRuns(options.runs ?? [])
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
  const named = own && { user, time, text, ...own, with: { ...tables, ...own.with } }
  const found = await evaluationUsers(runs, named, config.split, {
    signal,
    onReport: (report) => onEvent?.({ type: 'logs', report }),
    onNote: (text) => onEvent?.({ type: 'note', text }),
  })
  const users = measuredUsers(found.users, options.users ?? DEFAULT_USERS, config)
  if (users.length < found.users.length)
    onEvent?.({ type: 'note', text: `evaluating ${users.length} of ${found.users.length} users` })
  return { runs, config, judges, users, source: found.source, notes: found.notes }
}

/** The log's own columns, where they are named. */
function definedOf(source: LogSource): LogSource {
  return Object.fromEntries(Object.entries(source).filter(([, value]) => value !== undefined)) as unknown as LogSource
}

function checkOptions(options: PlanOptions): void {
  const { runs = [], checkpoints = [], model, judgeModel, servedJudge, judges, logs } = options
  const wrong = (message: string) => new BumpError('invalid-options', message)
  if (checkpoints.length > 0 && runs.length === 0) throw wrong('a checkpoint belongs to a run: name the run')
  if (runs.length === 0 && logs === undefined)
    throw wrong('profiles are compared on users: name a run (its test users are measured) or interaction logs')
  if (runs.length === 0 && [model, judgeModel, servedJudge, judges].every((option) => option === undefined))
    throw wrong('without a run there is no judge: name the judge model (or a model, which then judges as well)')
}
