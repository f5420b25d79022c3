// How well profiles identify people never trained on, beside everything they must be compared with: what `bump evaluate
// profiles` does. Profiles are collected (collect.ts), judged (judged.ts) and put into tables (table.ts); <out> gets
// result.json and users.jsonl, and keeps profiles and scores by content, so that nothing is done twice.

import { join } from 'node:path'
import { LISTWISE_LABELS } from '../../judge/prompts.ts'
import { lazyScoreFile } from '../../judge/score-file.ts'
import { judgeKeys } from '../../judge/several.ts'
import type { User } from '../../logs/types.ts'
import type { TrainConfig } from '../../train/config.ts'
import { poolUsers } from '../../train/measure.ts'
import type { TrainedRun } from '../../train/trained-run.ts'
import { BumpError } from '../../util/errors.ts'
import { lockFolder } from '../../util/lock.ts'
import { requireOptions } from '../../util/required.ts'
import { fewUsersNotes } from '../few-users.ts'
import { mismatchedWith } from '../measure/controls.ts'
import type { EvaluationResult } from '../result.ts'
import { logNames } from '../result-files.ts'
import { type CollectedConditions, collectConditions, runKey } from './collect.ts'
import { groupNote, groupsBySeed, type NamedGroups, namedGroups, type ProfileGroup } from './groups.ts'
import { type JudgedConditions, type JudgingEvent, judgedByEach, nameOfJudge } from './judged.ts'
import { judgeNotes, trainingJudges } from './judges.ts'
import { checkPoolSizes } from './judging.ts'
import { type EvaluationEngine, EvaluationModels } from './models.ts'
import { type Plan, type PlanOptions, planEvaluation } from './plan.ts'
import type { PlannedJudge } from './planned-judges.ts'
import { measuredText, profileTable } from './table.ts'
import { wordingTable } from './wording.ts'
import { userRecords, writeProfileResult } from './write.ts'

/** Pool sizes that are measured where none are named, as far as they fit. */
export const DEFAULT_POOL_SIZES = [8, 32, 128] as const
const LISTWISE_CANDIDATES = LISTWISE_LABELS.length

export interface CompareProfilesOptions extends PlanOptions {
  /**
   * Means of runs as rows of their own, by name: two or more run folders, names of runs, or keys of conditions. Default:
   * the runs that differ only by their seed.
   */
  groups?: NamedGroups
  /** K of each table, ascending; default: those of `DEFAULT_POOL_SIZES` that fit. */
  poolSizes?: readonly number[]
  /** Of pools and intervals. */
  seed?: number
  /** Folder of the results and of what is kept between calls. */
  out: string
  /** What models that are named run on. */
  engine?: EvaluationEngine
  /** As result.json records it; default 'compareProfiles'. */
  command?: string
  onEvent?: (event: JudgingEvent) => void
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
    const judged = await judgedByEach(collected.conditions, planned, { ...options, models, seed: options.seed ?? 0 })
    return writeResult(planned, collected, judged, started, options)
  } finally {
    release()
  }
}

/** What the options decide, with K of each table. */
interface PooledPlan extends Plan {
  groups: readonly ProfileGroup[]
  poolSizes: readonly number[]
}

async function planOf(options: CompareProfilesOptions, models: EvaluationModels): Promise<PooledPlan> {
  const plan = await planEvaluation(options, models, options.onEvent)
  const poolSizes = poolSizesOf(options, plan.users.length, plan.judges, plan.config)
  return { ...plan, groups: groupsOf(plan.runs, options), poolSizes }
}

/** The groups of the runs that are compared: those named, else those by seed. */
function groupsOf(runs: readonly TrainedRun[], { groups, kinds }: CompareProfilesOptions): ProfileGroup[] {
  const compared = (kinds?.includes('run') ?? true) ? runs : []
  const keys = compared.map((_, r) => runKey(r))
  if (!groups) return groupsBySeed(compared, keys)
  return namedGroups(
    groups,
    compared.map(({ name, folder }, r) => ({ key: keys[r], names: [name, folder] })),
  )
}

/** The plan for the users of whom there are profiles, who may be fewer than planned. */
function withUsers(plan: PooledPlan, users: User[], options: CompareProfilesOptions): PooledPlan {
  if (users.length === plan.users.length) return plan
  return { ...plan, users, poolSizes: poolSizesOf(options, users.length, plan.judges, plan.config) }
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

function writeResult(
  plan: PooledPlan,
  { conditions, notes, generators }: CollectedConditions,
  judged: readonly JudgedConditions[],
  started: number,
  { out, seed = 0, command = 'compareProfiles' }: CompareProfilesOptions,
): EvaluationResult {
  const { users, groups, poolSizes, config } = plan
  const labels = new Map(conditions.map(({ key, label }) => [key, label]))
  const { positives } = config.reward
  const pooled = poolUsers(users)
  const [{ record }] = judged
  const tables = judged.flatMap((by) => {
    const all = [
      `${measuredText(users, positives)}; means with 95 % intervals, bootstrap over users; differences are paired. "both" is the mean of forward and backward.`,
      ...fewUsersNotes(users.length),
      ...judgeNotes(by.record, plan.runs),
      ...conditions
        .filter(({ mismatched }) => mismatched)
        .map(({ label }) => `"${label}" is the mismatched control: it must be at chance.`),
      ...by.notes,
      ...groups.map((group) => groupNote(group, labels)),
      ...plan.notes,
      ...notes,
    ]
    const judge = judged.length > 1 ? nameOfJudge(by.record) : undefined
    return by.sizes.map((sized) => profileTable(sized, conditions, { notes: all, seed, judge, groups }))
  })
  const wording = wordingTable(users, conditions, { limit: config.reward.maxCopiedNgram, seed })
  const result: EvaluationResult = {
    kind: 'profiles',
    createdAt: new Date().toISOString(),
    command,
    seconds: Math.round(performance.now() - started) / 1000,
    tables: wording ? [...tables, wording] : tables,
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
      logs: logNames(plan.source.paths),
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
