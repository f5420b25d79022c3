// The conditions of an evaluation by each of its judges, one model open at a time: between planning and tables.
import { basename, join } from 'node:path'
import { judgeName } from '../../judge/judge.ts'
import { ScoreFile } from '../../judge/score-file.ts'
import type { User } from '../../logs/types.ts'
import type { JudgeModel } from '../../model/encoder.ts'
import { isEmptyProfile } from '../../reward/guards.ts'
import type { TrainConfig } from '../../train/config.ts'
import { poolUsers } from '../../train/measure.ts'
import type { ProfileCondition } from './conditions.ts'
import { type JudgeRecord, judgeRecord } from './judges.ts'
import { type JudgingWork, judgeConditions, type PoolSizeScores } from './judging.ts'
import type { EvaluationModels } from './models.ts'
import type { EvaluationEvent } from './plan.ts'
import type { PlannedJudge } from './planned-judges.ts'

export type JudgingEvent =
  | EvaluationEvent
  /** What is to be judged: said once for each judge, before it is first asked. */
  | { type: 'judging'; conditions: number; users: number; work: JudgingWork }

/** The conditions by one judge. */
export interface JudgedConditions {
  record: JudgeRecord
  /** [size] */
  sizes: PoolSizeScores[]
  /** What the judge did not read as it was written. */
  notes: string[]
}

export interface JudgedOptions {
  models: EvaluationModels
  /** Folder of the scores. */
  out: string
  /** Of the pools. */
  seed: number
  signal?: AbortSignal
  onEvent?: (event: JudgingEvent) => void
}

/** [judge] all conditions, on the same users in the same pools. Throws what judging throws. */
export async function judgedByEach(
  conditions: readonly ProfileCondition[],
  plan: { users: readonly User[]; judges: readonly PlannedJudge[]; poolSizes: readonly number[]; config: TrainConfig },
  { models, out, seed, signal, onEvent }: JudgedOptions,
): Promise<JudgedConditions[]> {
  const { users, judges, poolSizes, config } = plan
  const judged: JudgedConditions[] = []
  for (const { model, config: judge } of judges) {
    const work = async (reader: JudgeModel): Promise<JudgedConditions> => {
      const record = judgeRecord(reader.info, judge)
      const what = judges.length > 1 ? `judging by ${nameOfJudge(record)}` : 'judging'
      const sizes = await judgeConditions(poolUsers(users), conditions, reader, judge, {
        positives: config.reward.positives,
        poolSizes,
        seed,
        store: new ScoreFile(join(out, 'scores.jsonl')),
        signal,
        onStart: (work) => onEvent?.({ type: 'judging', conditions: conditions.length, users: users.length, work }),
        onProgress: (done, total) => onEvent?.({ type: 'progress', what, done, total }),
      })
      return { record, sizes, notes: readingNotes(conditions, reader, judge.maxProfileTokens) }
    }
    judged.push(await models.judge(model, judge, work, { quantize: config.quantize }))
  }
  return judged
}

/** What a judge is called where there are several. */
export const nameOfJudge = ({ model, config }: JudgeRecord) => `${judgeName(config)} on ${basename(model)}`

/** What the judge did not read as it was written: empty profiles, and texts beyond its budget. */
function readingNotes(conditions: readonly ProfileCondition[], model: JudgeModel, budget: number): string[] {
  return conditions
    .filter(({ mismatched }) => !mismatched)
    .flatMap(({ label, profiles }) => {
      const empty = profiles.filter(isEmptyProfile).length
      const long = profiles.filter((text) => model.tokenizer.encode(text).length > budget).length
      return [
        ...(empty > 0 ? [`${label}: ${empty} of ${profiles.length} are empty and score 0.`] : []),
        ...(long > 0 ? [`${label}: ${long} of ${profiles.length} were cut to ${budget} tokens for the judge.`] : []),
      ]
    })
}
