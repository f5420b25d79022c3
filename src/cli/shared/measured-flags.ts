// Flags of evaluations that measure profiles by judges, in ways of their own: whose, written by what, judged by what.
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { EvaluationEvent, PlanOptions } from '../../evaluate/profiles/plan.ts'
import { type JudgeConfig, type JudgeConfigInput, SCORER_NAMES } from '../../judge/config.ts'
import type { EngineFlags } from './engine-flags.ts'
import { collect, naturalNumber, positiveInteger } from './flag-values.ts'
import { addLogFlags, addTrustFlag, type LogFlags, reportLines, sourceOptions, type TrustFlags } from './log-flags.ts'
import type { WorkProgress } from './progress.ts'
import { addJudgeServerFlags, type JudgeServerFlags, judgeServerOf } from './server-flags.ts'

export interface MeasuredFlags extends LogFlags, TrustFlags, EngineFlags, JudgeServerFlags {
  run: string[]
  model?: string
  profiles: string[]
  judgeModel?: string
  scorer?: JudgeConfig['scorer']
  judge?: JudgeConfigInput[]
  users?: number
  seed: number
  out?: string
}

/** Adds them; `users`: what their number is where it is not given; `out`: of the results. */
export function addMeasuredFlags(command: Command, users: string, out: string): Command {
  return addJudgeServerFlags(addTrustFlag(addLogFlags(command)))
    .option('--run <folder>', 'run folder of bump train; may be repeated', collect, [])
    .option('--model <where>', 'untrained model for zero-shot profiles: a folder, a .gguf file or a hub name')
    .option('--profiles <where>', 'profiles of a file or folder of bump profile; may be repeated', collect, [])
    .option(
      '--judge-model <where>',
      'the judge, with --scorer embedding an encoder (default: that of the first run, else --model)',
    )
    .addOption(
      new Option('--scorer <name>', 'how the judge scores (default: as the first run, else likelihood)').choices(
        SCORER_NAMES,
      ),
    )
    .option(
      '--judge <scorer[=model]>',
      'a judge, in place of the two above: tables of each; may be repeated (default: every judge of the first run)',
      judgeNamed,
    )
    .option('--users <count>', `at most so many users (default: ${users})`, positiveInteger)
    .option('--seed <number>', 'seed of samples, pools and intervals', naturalNumber, 0)
    .option('--out <folder>', `where the results go (default: evaluate/${out} in the first run or in runs)`)
}

/** What the flags say. */
export function planOptionsOf(flags: MeasuredFlags): PlanOptions & Pick<MeasuredFlags, 'seed'> {
  return {
    runs: flags.run,
    model: flags.model,
    files: flags.profiles,
    trust: flags.trust,
    logs: flags.logs && { paths: flags.logs, ...sourceOptions(flags) },
    judgeModel: flags.judgeModel,
    judgeServer: judgeServerOf(flags),
    servedJudge: flags.judgeServerModel,
    scorer: flags.scorer,
    judges: flags.judge,
    users: flags.users,
    seed: flags.seed,
  }
}

/** `embedding=BAAI/bge-small-en-v1.5`; without a model, that of the run. */
export function judgeNamed(text: string, before: JudgeConfigInput[] = []): JudgeConfigInput[] {
  const [name, ...rest] = text.split('=')
  const scorer = SCORER_NAMES.find((known) => known === name)
  if (scorer === undefined)
    throw new InvalidArgumentError(`No scorer "${name}". Scorers are ${SCORER_NAMES.join(', ')}.`)
  const model = rest.length > 0 ? { model: rest.join('=') } : {}
  return [...before, { scorer, ...model } as JudgeConfigInput]
}

/** Says what an evaluation tells. */
export function tellEvaluation(event: EvaluationEvent, progress: WorkProgress): void {
  if (event.type === 'progress') progress.update(event.what, event.done, event.total)
  if (event.type === 'note') progress.say(event.text, event.passing)
  if (event.type === 'logs') for (const line of reportLines(event.report)) progress.say(line)
}
