// The frame of an evaluation that asks something of its own about profiles: whose profiles and by which judges is
// planned, they are collected under a lock, and what was found of them is written to result.json.
import { join } from 'node:path'
import { lazyScoreFile } from '../../judge/score-file.ts'
import { lockFolder } from '../../util/lock.ts'
import { requireOptions } from '../../util/required.ts'
import type { EvaluationResult, ResultTable } from '../result.ts'
import { writeResult } from '../write-result.ts'
import { type CollectedConditions, collectConditions, type ProfileSources } from './collect.ts'
import type { ConditionKind } from './conditions.ts'
import { type EvaluationEngine, EvaluationModels } from './models.ts'
import { type EvaluationEvent, type Plan, type PlanOptions, planEvaluation } from './plan.ts'

export interface ProfileEvaluationOptions extends PlanOptions {
  /** Of pools, samples, controls and intervals. */
  seed?: number
  /** Folder of the results and of what is kept between calls. */
  out: string
  engine?: EvaluationEngine
  /** As result.json records it; default the name of the function. */
  command?: string
  onEvent?: (event: EvaluationEvent) => void
}

/** What an evaluation works with. */
export interface ProfileEvaluation {
  plan: Plan
  models: EvaluationModels
  onProgress: (what: string, done: number, total: number) => void
  onNote: (text: string) => void
  /** Profiles of the sources that are named, else of those of the options; of the users and runs of `plan`. */
  collect(sources?: Partial<ProfileSources>, plan?: Plan): Promise<CollectedConditions>
}

/** What it found, and with what. */
interface Found {
  tables: ResultTable[]
  collected: CollectedConditions
  /** Of result.json, besides those that all have. */
  settings: Record<string, unknown>
}

interface Frame {
  kind: EvaluationResult['kind']
  /** Of the function. */
  name: string
  /** Conditions where none are named, as far as there is something that they come from. */
  kinds: readonly ConditionKind[]
  /** At most so many users where no number is named and a judge reads each pair. */
  usersOfPairs?: number
}

/**
 * What `find` finds, as result.json holds it. Throws what `planEvaluation`, `collectConditions` and `find` throw, and
 * BumpError where another process works in `out`.
 */
export async function profileEvaluation(
  { kind, name, kinds, usersOfPairs }: Frame,
  options: ProfileEvaluationOptions,
  find: (evaluation: ProfileEvaluation) => Promise<Found>,
): Promise<EvaluationResult> {
  requireOptions(`${name}()`, options, ['out'])
  const started = performance.now()
  const { out, engine, seed = 0, judgeServer, signal, onEvent } = options
  const onProgress = (what: string, done: number, total: number) => onEvent?.({ type: 'progress', what, done, total })
  const onNote = (text: string, passing?: boolean) => onEvent?.({ type: 'note', text, passing })
  const served = judgeServer && { ...judgeServer, answers: lazyScoreFile(join(out, 'judge-answers.jsonl')) }
  const models = new EvaluationModels({ ...engine, signal, onProgress: onNote }, served)
  models.refuseUnusable(options.model)
  const plan = await planEvaluation(options, models, onEvent)
  const pairs = plan.judges.some(({ config }) => config.scorer !== 'embedding')
  if (usersOfPairs !== undefined && options.users === undefined && pairs) plan.users.splice(usersOfPairs)
  const isThere = (each: ConditionKind): boolean => {
    if (each === 'run') return plan.runs.length > 0
    return each !== 'zero-shot' || plan.runs.length > 0 || options.model !== undefined
  }
  const collect = async (sources: Partial<ProfileSources> = {}, of = plan): Promise<CollectedConditions> => {
    const { checkpoints = [], files = [] } = options
    const [{ model, config }] = of.judges
    const judgeTokenizer = () => models.judge(model, config, async ({ tokenizer }) => tokenizer)
    const collected = await collectConditions(
      { ...options, kinds: options.kinds ?? kinds.filter(isThere), checkpoints, files, ...sources, runs: of.runs },
      { ...of, judgeTokenizer, out, models, signal, onProgress },
    )
    for (const note of collected.notes) onNote(note)
    return collected
  }
  const release = lockFolder(out, 'out folder')
  try {
    const { tables, collected, settings } = await find({ plan, models, onProgress, onNote, collect })
    const { prompt, profile, split } = plan.config
    return writeResult(out, {
      kind,
      createdAt: new Date().toISOString(),
      command: options.command ?? name,
      seconds: Math.round(performance.now() - started) / 1000,
      tables,
      settings: {
        generators: collected.generators,
        users: collected.users.length,
        ...settings,
        prompt,
        maxTokens: profile.maxTokens,
        temperature: profile.temperature,
        split,
        seed,
      },
    })
  } finally {
    release()
  }
}
