// `bump evaluate incremental`: profiles that are rewritten as interactions come, beside profiles written anew. The work
// is evaluateIncremental() of evaluate/incremental/.
import { join } from 'node:path'
import { Command, Option } from 'commander'
import { evaluateIncremental, type IncrementalEvent } from '../evaluate/incremental/evaluate.ts'
import { type JudgeConfig, type JudgeConfigInput, SCORER_NAMES } from '../judge/config.ts'
import { addEngineFlags, type EngineFlags, engineOptions } from './shared/engine-flags.ts'
import { naturalNumber, positiveInteger } from './shared/flag-values.ts'
import { judgeNamed } from './shared/judge-flags.ts'
import { addLogFlags, addTrustFlag, type LogFlags, logsOf, reportLines, type TrustFlags } from './shared/log-flags.ts'
import { commandLine, interruptible } from './shared/process.ts'
import { type WorkProgress, workProgress } from './shared/progress.ts'
import { resultTableText } from './shared/result-table.ts'
import {
  addJudgeServerFlags,
  addServerFlags,
  type JudgeServerFlags,
  judgeServerOf,
  type ServerFlags,
  serverOf,
  tellSpent,
} from './shared/server-flags.ts'
import { print } from './shared/terminal.ts'

const HELP = `
The history of each user is cut into periods of as many interactions. After each period there are two profiles: one
from everything so far, and one that is rewritten from the profile before and what is new. Both are measured by the same
held-out interactions as the profile of the first period, kept as it is.

A model on a server (--server) writes in the place of a run or a model. Beside --run it has the users, the prompt and the
judges of the run, such as where it is the run's adapter, served; otherwise name the judge.

Examples:
  bump evaluate incremental --run runs/posts
  bump evaluate incremental --model ./SmolLM2-135M-Instruct --logs posts.jsonl --periods 4 --users 50
  bump evaluate incremental --run runs/posts --scorer embedding --judge-model BAAI/bge-small-en-v1.5
  bump evaluate incremental --run runs/posts --judge-server http://localhost:8000/v1 --judge-server-model qwen3
  bump evaluate incremental --server http://localhost:8000/v1 --server-model qwen3 --logs posts.jsonl \\
    --judge-model ./SmolLM2-135M-Instruct
`

interface IncrementalFlags extends LogFlags, TrustFlags, EngineFlags, ServerFlags, JudgeServerFlags {
  run?: string
  model?: string
  judgeModel?: string
  scorer?: JudgeConfig['scorer']
  judge?: JudgeConfigInput[]
  periods: number
  poolSize?: number
  users?: number
  seed: number
  out?: string
}

/** `bump evaluate incremental`. */
export function evaluateIncrementalCommand(): Command {
  const command = new Command('incremental').description(
    'measure profiles that are rewritten as interactions come, beside profiles written anew',
  )
  addJudgeServerFlags(addServerFlags(addTrustFlag(addLogFlags(command)), 'a model on a server that writes instead'))
    .option('--run <folder>', 'run folder of bump train: its best checkpoint writes')
    .option('--model <where>', 'untrained model that writes instead: a folder, a .gguf file or a hub name')
    .option(
      '--judge-model <where>',
      'the judge, with --scorer embedding an encoder (default: those of the run, else --model)',
    )
    .addOption(
      new Option('--scorer <name>', 'how the judge scores (default: as the run, else likelihood)').choices(
        SCORER_NAMES,
      ),
    )
    .option(
      '--judge <scorer[=model]>',
      'a judge, in place of those two: a table of each; may be repeated (default: every judge of the run)',
      judgeNamed,
    )
    .option('--periods <count>', 'parts that a history is cut into', positiveInteger, 3)
    .option('--pool-size <count>', 'other users in a pool, K (default: 8, or as many as fit)', positiveInteger)
    .option('--users <count>', 'at most so many users (default: 200)', positiveInteger)
    .option('--seed <number>', 'seed of pools and intervals', naturalNumber, 0)
    .option('--out <folder>', 'where the results go (default: evaluate/incremental in the run or in runs)')
    .addHelpText('after', HELP)
  return addEngineFlags(command).action((flags: IncrementalFlags) => runIncremental(flags, commandLine(command)))
}

async function runIncremental(flags: IncrementalFlags, command: string): Promise<void> {
  const { run, model, judgeModel, scorer, periods, poolSize, users, seed, trust } = flags
  const out = flags.out ?? join(run ?? 'runs', 'evaluate', 'incremental')
  const progress = workProgress()
  try {
    const server = serverOf(flags, progress.say)
    const { tables } = await interruptible(
      () => progress.say('stopping; what is done is kept, the same command goes on. Ctrl-C again stops at once'),
      (signal) =>
        evaluateIncremental({
          ...{ run, model, server, judgeModel, scorer, periods, poolSize, users, seed, trust, out, command, signal },
          judgeServer: judgeServerOf(flags),
          servedJudge: flags.judgeServerModel,
          judges: flags.judge,
          logs: logsOf(flags),
          engine: engineOptions(flags),
          onEvent: (event) => tell(event, progress),
        }),
    )
    if (server) tellSpent(server, progress.say)
    progress.done()
    print(`\n${tables.map(resultTableText).join('\n')}\nAll of it is in ${out}: result.json\n`)
  } finally {
    progress.done()
  }
}

function tell(event: IncrementalEvent, progress: WorkProgress): void {
  if (event.type === 'progress') progress.update(event.what, event.done, event.total)
  if (event.type === 'note') progress.say(event.text, event.passing)
  if (event.type === 'logs') for (const line of reportLines(event.report)) progress.say(line)
}
