// Which judge evaluates, and how it stands to the judges of the trainings: a profile that only the judge it was trained
// with can read is a hack of the reward, and the numbers of that judge cannot show it.
import { type JudgeConfig, singleJudges } from '../../judge/config.ts'
import { judgeName } from '../../judge/judge.ts'
import type { ModelInfo } from '../../model/contract.ts'
import type { TrainedRun } from '../../train/trained-run.ts'

/** What decides a judge's scores. */
export interface JudgeRecord {
  model: string
  digest: string
  config: JudgeConfig
}

/** The judge of an evaluation as the result records it. */
export function judgeRecord({ name, digest }: Pick<ModelInfo, 'name' | 'digest'>, config: JudgeConfig): JudgeRecord {
  return { model: name, digest, config }
}

/** The judges of a run's training; of a judge of one's own, `config` is not what decided its scores. */
export function trainingJudges({ header, config }: TrainedRun): JudgeRecord[] {
  const { judges = [header.judge ?? header.model] } = (header.judge ?? {}) as { judges?: Record<string, unknown>[] }
  return singleJudges(config.judge).map((judge, i) => {
    const { name, digest } = judges[i] ?? {}
    return { model: String(name), digest: String(digest), config: judge }
  })
}

const described = ({ model, config }: JudgeRecord) => `the ${judgeName(config)} scorer on ${model}`

/** For every run, plainly: is the judge of the evaluation the one that the run was trained with? */
export function judgeNotes(judge: JudgeRecord, runs: readonly TrainedRun[]): string[] {
  const mine = described(judge)
  if (runs.length === 0) return [`Judge: ${mine}.`]
  return runs.map((run) => {
    if (run.config.reward.type === 'custom')
      return `Judge: ${mine}. ${run.folder} was trained by the reward ${run.config.reward.name}, without a judge.`
    if (run.header.judge?.scorer === 'custom')
      return `Judge: ${mine}. ${run.folder} was trained with the judge ${run.header.judge.name}: what its profiles gain here does not hang on that judge.`
    const trainings = trainingJudges(run)
    if (trainings.length > 1) return `Judge: ${mine}. ${severalNote(judge, run, trainings)}`
    const [training] = trainings
    const sameModel = training.digest === judge.digest
    const sameScorer = judgeName(training.config) === judgeName(judge.config)
    if (sameModel && sameScorer)
      return `Judge: ${mine}, the same that ${run.folder} was trained with. Profiles that only this judge can read would score just as high here: evaluate with another judge as well.`
    const theirs = described(training)
    const how = sameModel
      ? 'the same model with another scorer'
      : sameScorer
        ? 'another model'
        : 'model and scorer differ'
    return `Judge: ${mine}. ${run.folder} was trained with another judge, ${theirs} (${how}): what its profiles gain here does not hang on that judge.`
  })
}

function severalNote(judge: JudgeRecord, { folder, config }: TrainedRun, trainings: readonly JudgeRecord[]): string {
  const same = trainings.some(
    ({ digest, config: theirs }) => digest === judge.digest && judgeName(theirs) === judgeName(judge.config),
  )
  const all = `the ${judgeName(config.judge)} (${trainings.map(described).join(', ')})`
  return same
    ? `${folder} was trained with ${all}, this judge among them: evaluate with another judge as well.`
    : `${folder} was trained with other judges, ${all}: what its profiles gain here does not hang on those.`
}
