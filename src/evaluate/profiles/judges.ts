// Which judge evaluates, and how it stands to the judges of the trainings: a profile that only the judge it was trained
// with can read is a hack of the reward, and the numbers of that judge cannot show it.
import { type JudgeConfig, singleJudges } from '../../judge/config.ts'
import { judgeName } from '../../judge/judge.ts'
import type { ModelInfo } from '../../model/contract.ts'
import type { TrainedRun } from '../../train/trained-run.ts'
import { few } from '../../util/few.ts'

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

/** What is said of runs; `were`: the runs and the verb, such as `runs/a, runs/b were`. */
type Said = (were: string) => string

/**
 * For every run, plainly: is the judge of the evaluation the one that the run was trained with? Runs of which the same
 * is to be said share a note.
 */
export function judgeNotes(judge: JudgeRecord, runs: readonly TrainedRun[]): string[] {
  const mine = described(judge)
  if (runs.length === 0) return [`Judge: ${mine}.`]
  const notes = new Map<string, { said: Said; folders: string[] }>()
  for (const run of runs) {
    const said = saidOf(judge, run)
    const note = notes.get(said('')) ?? { said, folders: [] }
    note.folders.push(run.folder)
    notes.set(said(''), note)
  }
  return [...notes.values()].map(
    ({ said, folders }) => `Judge: ${mine}${said(`${few(folders)} ${folders.length === 1 ? 'was' : 'were'}`)}`,
  )
}

function saidOf(judge: JudgeRecord, run: TrainedRun): Said {
  const { header, config } = run
  const { reward } = config
  if (reward.type === 'custom') return (were) => `. ${were} trained by the reward ${reward.name}, without a judge.`
  if (header.judge?.scorer === 'custom') {
    const { name } = header.judge
    return (were) =>
      `. ${were} trained with the judge ${name}: what the profiles gain here does not hang on that judge.`
  }
  const trainings = trainingJudges(run)
  if (trainings.length > 1) return severalSaid(judge, judgeName(config.judge), trainings)
  const [training] = trainings
  const sameModel = training.digest === judge.digest
  const sameScorer = judgeName(training.config) === judgeName(judge.config)
  if (sameModel && sameScorer)
    return (were) =>
      `, the same that ${were} trained with. Profiles that only this judge can read would score just as high here: evaluate with another judge as well.`
  const theirs = described(training)
  const how = sameModel
    ? 'the same model with another scorer'
    : sameScorer
      ? 'another model'
      : 'model and scorer differ'
  return (were) =>
    `. ${were} trained with another judge, ${theirs} (${how}): what the profiles gain here does not hang on that judge.`
}

function severalSaid(judge: JudgeRecord, name: string, trainings: readonly JudgeRecord[]): Said {
  const same = trainings.some(
    ({ digest, config: theirs }) => digest === judge.digest && judgeName(theirs) === judgeName(judge.config),
  )
  const all = `the ${name} (${trainings.map(described).join(', ')})`
  return same
    ? (were) => `. ${were} trained with ${all}, this judge among them: evaluate with another judge as well.`
    : (were) => `. ${were} trained with other judges, ${all}: what the profiles gain here does not hang on those.`
}
