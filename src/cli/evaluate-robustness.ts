// `bump evaluate robustness`: what profiles are worth where histories are short, noisy or out of order. The work is
// evaluateRobustness() of evaluate/robustness/.
import { Command, InvalidArgumentError } from 'commander'
import { DEFAULT_USERS } from '../evaluate/profiles/plan.ts'
import type { EvaluationResult } from '../evaluate/result.ts'
import { DISTURBANCES, type DisturbanceKind } from '../evaluate/robustness/disturb.ts'
import { evaluateRobustness } from '../evaluate/robustness/evaluate.ts'
import { addEngineFlags, type EngineFlags } from './shared/engine-flags.ts'
import { runEvaluation } from './shared/evaluation.ts'
import { collect, naturalNumber, positiveInteger } from './shared/flag-values.ts'
import { addJudgeFlags, type JudgeFlags, judgeChoice } from './shared/judge-flags.ts'
import { addLogFlags, addTrustFlag, type LogFlags, logsOf, type TrustFlags } from './shared/log-flags.ts'
import { commandLine } from './shared/process.ts'
import { laidOutText } from './shared/result-table.ts'

const HELP = `
The raw history, zero-shot profiles and those of every run, written from disturbed histories and ranked by the same
held-out interactions in the same pools:
  short     the latest 1, 2, 4, 8 and 16 interactions
  others    10, 25 and 50 % of the history are other people's interactions
  typos     10, 25 and 50 % of the longer words have an error
  order     shuffled
  language  the same interactions in another language, by --translated-text

<out> holds result.json (for bump report, which draws it) and result.md. Profiles and scores are kept there by content: an
interrupted command goes on where it stopped.

Examples:
  bump evaluate robustness --run runs/posts
  bump evaluate robustness --run runs/posts --users 100 --judge embedding=BAAI/bge-small-en-v1.5
  bump evaluate robustness --run runs/posts --disturbances short,language --translated-text text_de
  bump evaluate robustness --model ./SmolLM2-135M-Instruct --logs posts.jsonl --disturbances short
`

interface RobustnessFlags extends LogFlags, TrustFlags, EngineFlags, JudgeFlags {
  run: string[]
  model?: string
  disturbances?: DisturbanceKind[]
  translatedText?: string
  poolSize?: number
  users?: number
  seed: number
  out?: string
}

/** `bump evaluate robustness`. */
export function evaluateRobustnessCommand(): Command {
  const command = new Command('robustness').description(
    'measure profiles that are written from short, noisy or shuffled histories',
  )
  addJudgeFlags(addTrustFlag(addLogFlags(command)))
    .option('--run <folder>', 'run folder of bump train, whose best checkpoint writes; may be repeated', collect, [])
    .option('--model <where>', 'untrained model for zero-shot profiles: a folder, a .gguf file or a hub name')
    .option('--disturbances <list>', `some of ${DISTURBANCES.join(',')} (default: all that can be)`, disturbanceList)
    .option('--translated-text <column>', 'column or SQL expression of the text in another language')
    .option('--pool-size <count>', 'other users in a pool, K (default: 8, or as many as fit)', positiveInteger)
    .option('--users <count>', `at most so many users (default: ${DEFAULT_USERS})`, positiveInteger)
    .option('--seed <number>', 'seed of disturbances, pools and intervals', naturalNumber, 0)
    .option('--out <folder>', 'where the results go (default: evaluate/robustness in the first run or in runs)')
    .addHelpText('after', HELP)
  return addEngineFlags(command).action((flags: RobustnessFlags) => runRobustness(flags, commandLine(command)))
}

function disturbanceList(text: string): DisturbanceKind[] {
  return text.split(',').map((part) => {
    const found = DISTURBANCES.find((known) => known === part.trim())
    if (found === undefined)
      throw new InvalidArgumentError(`No disturbance "${part.trim()}". Disturbances are ${DISTURBANCES.join(', ')}.`)
    return found
  })
}

async function runRobustness(flags: RobustnessFlags, command: string): Promise<void> {
  const { run: runs, model, disturbances, translatedText, poolSize, users, seed, trust } = flags
  const files = 'result.json and result.md'
  const shown = ({ tables }: EvaluationResult) => laidOutText(tables, 'ndcg_both')
  await runEvaluation({ flags, command, folder: 'robustness', files, shown }, (shared) =>
    evaluateRobustness({
      ...{ runs, model, disturbances, translatedText, poolSize, users, seed, trust },
      ...judgeChoice(flags),
      logs: logsOf(flags),
      ...shared,
    }),
  )
}
