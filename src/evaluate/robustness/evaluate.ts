// What profiles are worth where histories are short, noisy or out of order: what `bump evaluate robustness` does. The
// generators write from disturbed histories (disturb.ts), and the judges rank what they write by the same held-out
// interactions in the same pools. <out> gets result.json and result.md, and keeps profiles and scores by content.

import { join } from 'node:path'
import { lazyScoreFile } from '../../judge/score-file.ts'
import { loadUsers } from '../../logs/load.ts'
import type { Interaction, User } from '../../logs/types.ts'
import { BumpError } from '../../util/errors.ts'
import { few } from '../../util/few.ts'
import { lockFolder } from '../../util/lock.ts'
import { requireOptions } from '../../util/required.ts'
import { fewUsersNotes } from '../few-users.ts'
import { collectConditions } from '../profiles/collect.ts'
import { mismatchedOf } from '../profiles/conditions.ts'
import { type JudgingEvent, judgedByEach, nameOfJudge } from '../profiles/judged.ts'
import { judgeNotes } from '../profiles/judges.ts'
import { checkPoolSizes } from '../profiles/judging.ts'
import { type EvaluationEngine, EvaluationModels } from '../profiles/models.ts'
import { type Plan, type PlanOptions, planEvaluation } from '../profiles/plan.ts'
import { measuredText } from '../profiles/table.ts'
import type { EvaluationResult } from '../result.ts'
import { logNames, writeResultFiles } from '../result-files.ts'
import { DISTURBANCES, type Disturbance, type DisturbanceKind, disturbed } from './disturb.ts'
import { robustnessTables, sourceOf } from './table.ts'

export interface RobustnessOptions extends Omit<PlanOptions, 'checkpoints' | 'server' | 'files' | 'kinds'> {
  /** Default: all, `language` where `translatedText` is named. */
  disturbances?: readonly DisturbanceKind[]
  /** Of `language`: column or SQL expression of the same logs that has the text of a history in another language. */
  translatedText?: string
  /** K; default 8, or as many as fit. */
  poolSize?: number
  /** Of disturbances, pools and intervals. */
  seed?: number
  /** Folder of the results and of what is kept between calls. */
  out: string
  engine?: EvaluationEngine
  /** As result.json records it; default 'evaluateRobustness'. */
  command?: string
  onEvent?: (event: JudgingEvent) => void
}

/**
 * A table for each judge and disturbance, all conditions on the same users in the same pools; also written to `out`.
 * Throws BumpError where options do not belong together, a run, log or model cannot be used, users were in the training
 * of a run or are too few; CancelledError where the signal aborts, with all that was done kept.
 */
export async function evaluateRobustness(options: RobustnessOptions): Promise<EvaluationResult> {
  requireOptions('evaluateRobustness()', options, ['out'])
  const started = performance.now()
  const { out, engine, seed = 0, command = 'evaluateRobustness', judgeServer, signal, onEvent } = options
  const kinds = kindsOf(options)
  const onProgress = (text: string, passing?: boolean) => onEvent?.({ type: 'note', text, passing })
  const served = judgeServer && { ...judgeServer, answers: lazyScoreFile(join(out, 'judge-answers.jsonl')) }
  const models = new EvaluationModels({ ...engine, signal, onProgress }, served)
  models.refuseUnusable(options.model)
  const plan = await planEvaluation(options, models, onEvent)
  const { users, config, judges, runs } = plan
  const { positives } = config.reward
  const poolSize = options.poolSize ?? Math.min(8, users.length - 2)
  checkPoolSizes(users.length, [poolSize])
  const translated = kinds.includes('language') ? await translatedHistories(plan, options) : []
  const disturbances = kinds.map((kind) => disturbed(kind, users, seed, translated))
  const release = lockFolder(out, 'out folder')
  try {
    const [{ model: judge, config: judging }] = judges
    const people = disturbedPeople(users, disturbances)
    const { conditions: written, generators } = await collectConditions(
      {
        runs,
        model: options.model,
        checkpoints: [],
        files: [],
        kinds: ['history', 'zero-shot', ...(runs.length > 0 ? (['run'] as const) : [])],
      },
      {
        users: people.written,
        config,
        judgeTokenizer: () => models.judge(judge, judging, async ({ tokenizer }) => tokenizer),
        out,
        models,
        signal,
        onProgress: (what, done, total) => onEvent?.({ type: 'progress', what, done, total }),
      },
    )
    const sources = written.map((source) => sourceOf(source, users.length, people.indices, disturbances))
    const mismatched = mismatchedOf(sources.at(-1)!.undisturbed)
    const conditions = [...sources.flatMap(({ undisturbed, levels }) => [undisturbed, ...levels.flat()]), mismatched]
    const sized = { ...plan, poolSizes: [poolSize] }
    const judged = await judgedByEach(conditions, sized, { models, out, seed, signal, onEvent })
    const result: EvaluationResult = {
      kind: 'robustness',
      createdAt: new Date().toISOString(),
      command,
      seconds: Math.round(performance.now() - started) / 1000,
      tables: judged.flatMap((by) => {
        const judge = judged.length > 1 ? nameOfJudge(by.record) : undefined
        const notes = [
          `${measuredText(users, positives)}, which are never disturbed; K = ${poolSize}; means with 95 % intervals, bootstrap over users; differences are paired. "both" is the mean of forward and backward.`,
          ...fewUsersNotes(users.length),
          ...judgeNotes(by.record, runs),
          ...plan.notes,
        ]
        return robustnessTables(disturbances, sources, {
          conditions,
          mismatched,
          scores: by.sizes[0],
          notes,
          judge,
          seed,
        })
      }),
      settings: {
        judges: judged.map(({ record }) => record),
        generators,
        logs: logNames(plan.source.paths),
        users: users.length,
        positives,
        poolSize,
        disturbances: kinds,
        translatedText: options.translatedText,
        prompt: config.prompt,
        maxTokens: config.profile.maxTokens,
        temperature: config.profile.temperature,
        split: config.split,
        seed,
      },
    }
    writeResultFiles(out, result)
    return result
  } finally {
    release()
  }
}

/** Throws BumpError (`invalid-options`) where a disturbance is not known, named twice, or has nothing to come from. */
function kindsOf({ disturbances, translatedText }: RobustnessOptions): DisturbanceKind[] {
  const kinds = disturbances ?? DISTURBANCES.filter((kind) => kind !== 'language' || translatedText !== undefined)
  const unknown = kinds.find((kind) => !DISTURBANCES.includes(kind))
  if (unknown !== undefined || kinds.length === 0)
    throw new BumpError(
      'invalid-options',
      `disturbances: name some of ${DISTURBANCES.join(', ')}${unknown === undefined ? '' : `, not ${unknown}`}`,
    )
  if (translatedText !== undefined && !kinds.includes('language'))
    throw new BumpError(
      'invalid-options',
      'translatedText does nothing here: it gives the histories of the disturbance language. Name that one too',
    )
  if (kinds.includes('language') && translatedText === undefined)
    throw new BumpError(
      'invalid-options',
      'the disturbance language needs translatedText: the column, or SQL expression, that has the text of an interaction in another language',
    )
  return [...new Set(kinds)]
}

/**
 * [user] the history as `translatedText` reads it. Throws BumpError (`evaluation-failed`) where a user's history has
 * not as many interactions there: then they are not the same ones.
 */
async function translatedHistories(
  { source, config, users }: Plan,
  { translatedText, signal }: RobustnessOptions,
): Promise<Interaction[][]> {
  const { split } = await loadUsers(
    { ...source, text: translatedText },
    { ...config.split, validation: 0, test: 0 },
    signal,
  )
  const found = new Map(split.train.map(({ id, history }) => [id, history]))
  const other = users.filter(({ id, history }) => found.get(id)?.length !== history.length)
  if (other.length > 0)
    throw new BumpError(
      'evaluation-failed',
      `${other.length} of the ${users.length} users have another number of interactions by translatedText than by the text of the logs (${few(other.map(({ id }) => id))}): it must have a text, different ones for different interactions, in each row that the text has one`,
    )
  return users.map(({ id }) => found.get(id)!)
}

/**
 * Everybody with every history that profiles are written from, none twice, the undisturbed ones first; `indices`:
 * [disturbance][level][user] where each stands.
 */
function disturbedPeople(
  users: readonly User[],
  disturbances: readonly Disturbance[],
): { written: User[]; indices: number[][][] } {
  const written = [...users]
  const place = new Map<string, number>()
  const key = (u: number, history: readonly Interaction[]) => JSON.stringify([u, ...history.map(({ text }) => text)])
  for (const [u, { history }] of users.entries()) place.set(key(u, history), u)
  const indexOf = (u: number, history: Interaction[]): number => {
    const known = place.get(key(u, history))
    if (known !== undefined) return known
    place.set(key(u, history), written.length)
    return written.push({ ...users[u], history }) - 1
  }
  const indices = disturbances.map(({ levels }) =>
    levels.map(({ histories }) => histories.map((history, u) => indexOf(u, history))),
  )
  return { written, indices }
}
