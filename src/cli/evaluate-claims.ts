// `bump evaluate claims`: how much of what profiles say the history supports. The work is evaluateClaims() of
// evaluate/claims/.
import { Command } from 'commander'
import { evaluateClaims } from '../evaluate/claims/evaluate.ts'
import { addEngineFlags, type EngineFlags } from './shared/engine-flags.ts'
import { runEvaluation } from './shared/evaluation.ts'
import { collect, naturalNumber, positiveInteger } from './shared/flag-values.ts'
import { addLogFlags, addTrustFlag, type LogFlags, logsOf, type TrustFlags } from './shared/log-flags.ts'
import { commandLine } from './shared/process.ts'
import { addJudgeServerFlags, type JudgeServerFlags, judgeServerOf } from './shared/server-flags.ts'

const HELP = `
A language model reads what the generator read and each sentence of a profile: do the records support it? Two controls
say what its answers are worth. Where statements of other users are supported as often, it cannot tell.

<out>/to-label.jsonl has thirty statements. Set supported to true or false in a copy and give it as --labels: the
agreement of the model with you is measured.

Examples:
  bump evaluate claims --run runs/posts --judge-model qwen15.gguf
  bump evaluate claims --run runs/posts --judge-server http://localhost:8000/v1 --judge-server-model qwen3
  bump evaluate claims --run runs/posts --judge-model qwen15.gguf --labels labelled.jsonl
`

interface ClaimsFlags extends LogFlags, TrustFlags, EngineFlags, JudgeServerFlags {
  run: string[]
  model?: string
  profiles: string[]
  judgeModel?: string
  labels?: string
  users?: number
  seed: number
  out?: string
}

/** `bump evaluate claims`. */
export function evaluateClaimsCommand(): Command {
  const command = new Command('claims').description('measure how much of what profiles say the history supports')
  addJudgeServerFlags(addTrustFlag(addLogFlags(command)))
    .option('--run <folder>', 'run folder of bump train; may be repeated', collect, [])
    .option('--model <where>', 'untrained model for zero-shot profiles: a folder, a .gguf file or a hub name')
    .option('--profiles <where>', 'profiles of a file or folder of bump profile; may be repeated', collect, [])
    .option('--judge-model <where>', 'the language model that is asked (default: the base of the first run)')
    .option('--labels <file>', 'a to-label.jsonl that was filled in by hand')
    .option('--users <count>', 'at most so many users (default: 30)', positiveInteger)
    .option('--seed <number>', 'seed of controls, samples and intervals', naturalNumber, 0)
    .option('--out <folder>', 'where the results go (default: evaluate/claims in the first run or in runs)')
    .addHelpText('after', HELP)
  return addEngineFlags(command).action((flags: ClaimsFlags) => runClaims(flags, commandLine(command)))
}

async function runClaims(flags: ClaimsFlags, command: string): Promise<void> {
  const files = 'result.json, claims.jsonl and to-label.jsonl'
  const { run: runs, model, profiles, trust, judgeModel, judgeServerModel: servedJudge, labels, users, seed } = flags
  await runEvaluation({ flags, command, folder: 'claims', files }, (shared) =>
    evaluateClaims({
      ...{ runs, model, files: profiles, trust, judgeModel, servedJudge, labels, users, seed },
      logs: logsOf(flags),
      judgeServer: judgeServerOf(flags),
      ...shared,
    }),
  )
}
