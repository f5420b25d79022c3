// Which judge evaluates, and how it stands to the judges of the trainings: a profile that only the judge it was trained
// with can read is a hack of the reward, and the numbers of that judge cannot show it.

import type { JudgeConfig } from '../../judge/config.ts'
import type { ModelInfo } from '../../model/contract.ts'
import type { TrainedRun } from '../../train/trained-run.ts'

/** What decides a judge's scores. */
export interface JudgeRecord {
  model: string
  digest: string
  config: JudgeConfig
}

/** The judge of an evaluation as the result records it. */
export function judgeRecord({ name, digest }: ModelInfo, config: JudgeConfig): JudgeRecord {
  return { model: name, digest, config }
}

/** 'likelihood', 'listwise (permutation, 2 orders)'. */
function scorerName(config: JudgeConfig): string {
  if (config.scorer !== 'listwise') return config.scorer
  return `${config.scorer} (${config.decoder}, ${config.orders} orders)`
}

/** The judge of a run's training. */
export function trainingJudge({ header, config }: TrainedRun): JudgeRecord {
  const { name, digest } = header.judge ?? header.model
  return { model: String(name), digest: String(digest), config: config.judge }
}

/** For every run, plainly: is the judge of the evaluation the one that the run was trained with? */
export function judgeNotes(judge: JudgeRecord, runs: readonly TrainedRun[]): string[] {
  const mine = `the ${scorerName(judge.config)} scorer on ${judge.model}`
  if (runs.length === 0) return [`Judge: ${mine}.`]
  return runs.map((run) => {
    if (run.config.reward.type === 'custom')
      return `Judge: ${mine}. ${run.folder} was trained by the reward ${run.config.reward.name}, without a judge.`
    const training = trainingJudge(run)
    const sameModel = training.digest === judge.digest
    const sameScorer = scorerName(training.config) === scorerName(judge.config)
    if (sameModel && sameScorer)
      return `Judge: ${mine}, the same that ${run.folder} was trained with. Profiles that only this judge can read would score just as high here: evaluate with another --judge-model as well.`
    const theirs = `the ${scorerName(training.config)} scorer on ${training.model}`
    const how = sameModel
      ? 'the same model with another scorer'
      : sameScorer
        ? 'another model'
        : 'model and scorer differ'
    return `Judge: ${mine}. ${run.folder} was trained with another judge, ${theirs} (${how}): what its profiles gain here does not hang on that judge.`
  })
}
