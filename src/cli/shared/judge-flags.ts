// Flags that name the judges of an evaluation, and how its progress is told.
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { JudgingEvent } from '../../evaluate/profiles/judged.ts'
import type { JudgeChoice } from '../../evaluate/profiles/planned-judges.ts'
import { type JudgeConfig, type JudgeConfigInput, SCORER_NAMES } from '../../judge/config.ts'
import { DECODERS } from '../../judge/listwise.ts'
import type { ServerAccess } from '../../model/served.ts'
import { reportLines } from './log-flags.ts'
import type { WorkProgress } from './progress.ts'
import { addJudgeServerFlags, type JudgeServerFlags, judgeServerOf } from './server-flags.ts'

export interface JudgeFlags extends JudgeServerFlags {
  judgeModel?: string
  scorer?: JudgeConfig['scorer']
  decoder?: (typeof DECODERS)[number]
  judge?: JudgeConfigInput[]
}

/** Adds --judge-model, --scorer, --decoder, --judge, and --judge-server with what belongs to it. */
export function addJudgeFlags(command: Command): Command {
  return addJudgeServerFlags(command)
    .option(
      '--judge-model <where>',
      'the judge, with --scorer embedding an encoder (default: that of the first run, else --model)',
    )
    .addOption(
      new Option('--scorer <name>', 'how the judge scores (default: as the first run, else likelihood)').choices(
        SCORER_NAMES,
      ),
    )
    .addOption(new Option('--decoder <name>', 'how the listwise scorer answers').choices(DECODERS))
    .option(
      '--judge <scorer[=model]>',
      'a judge, in place of the three above: tables of each; may be repeated (default: every judge of the first run)',
      judgeNamed,
    )
}

/** What the flags choose. Throws BumpError where those of the server do not belong together. */
export function judgeChoice(flags: JudgeFlags): JudgeChoice & { judgeServer?: ServerAccess } {
  return {
    judgeModel: flags.judgeModel,
    judgeServer: judgeServerOf(flags),
    servedJudge: flags.judgeServerModel,
    scorer: flags.scorer,
    decoder: flags.decoder,
    judges: flags.judge,
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

/** Tells what an evaluation does. */
export function tellJudging(event: JudgingEvent, progress: WorkProgress): void {
  if (event.type === 'progress') progress.update(event.what, event.done, event.total)
  if (event.type === 'note') progress.say(event.text, event.passing)
  if (event.type === 'logs') for (const line of reportLines(event.report)) progress.say(line)
  if (event.type === 'judging') {
    const { unit, total, known } = event.work
    const what = unit === 'pairs' ? 'pairs of a profile and an interaction' : unit
    const before = known > 0 ? `, ${known} of them judged before` : ''
    progress.say(`${event.conditions} conditions, ${event.users} users: ${total} ${what} to judge${before}`)
  }
}
