// `bump evaluate transfer`: what training on one domain is worth on another. The work is evaluateTransfer() of
// evaluate/transfer/.
import { Command } from 'commander'
import { DEFAULT_USERS } from '../evaluate/profiles/plan.ts'
import type { EvaluationResult } from '../evaluate/result.ts'
import { evaluateTransfer } from '../evaluate/transfer/evaluate.ts'
import { transferTests } from '../evaluate/transfer/tests.ts'
import { addEngineFlags, type EngineFlags } from './shared/engine-flags.ts'
import { runEvaluation } from './shared/evaluation.ts'
import { collect, naturalNumber, positiveInteger } from './shared/flag-values.ts'
import { addJudgeFlags, type JudgeFlags, judgeChoice } from './shared/judge-flags.ts'
import { addTrustFlag, type TrustFlags } from './shared/log-flags.ts'
import { commandLine } from './shared/process.ts'
import { laidOutText } from './shared/result-table.ts'
import { fileLayer } from './shared/train-config.ts'

const HELP = `
Every run writes profiles of the users of every test: its own test users, and those of the other runs. Shown are raw
history, zero-shot profiles, chance and another user's profile on each test, and what each run adds to zero-shot there.

--tests names other tests, in YAML, by names of your own:

  papers: { run: runs/papers }                           # the test users of a run
  reviews: { paths: [reviews.jsonl], text: title }       # all users of any logs, as in logs of bump train --config

Users whose ids were in the training of a run are left out and counted. <out> holds result.json (for bump report, which
draws it) and result.md. Profiles and scores are kept there by content: an interrupted command goes on where it stopped.

Examples:
  bump evaluate transfer --run runs/papers --run runs/movies
  bump evaluate transfer --run runs/papers --tests tests.yaml --judge likelihood --judge embedding=BAAI/bge-small-en-v1.5
`

interface TransferFlags extends TrustFlags, EngineFlags, JudgeFlags {
  run: string[]
  tests?: string
  poolSize?: number
  users?: number
  seed: number
  out?: string
}

/** `bump evaluate transfer`. */
export function evaluateTransferCommand(): Command {
  const command = new Command('transfer').description('measure generators on logs of other domains than their own')
  addJudgeFlags(addTrustFlag(command))
    .requiredOption(
      '--run <folder>',
      'run folder of bump train, whose best checkpoint writes; may be repeated',
      collect,
      [],
    )
    .option('--tests <file>', 'YAML file of tests (default: the test users of every run)')
    .option('--pool-size <count>', 'other users in a pool, K (default: 8, or as many as fit)', positiveInteger)
    .option('--users <count>', `at most so many users of each test (default: ${DEFAULT_USERS})`, positiveInteger)
    .option('--seed <number>', 'seed of pools and intervals', naturalNumber, 0)
    .option('--out <folder>', 'where the results go (default: evaluate/transfer in the first run)')
    .addHelpText('after', HELP)
  return addEngineFlags(command).action((flags: TransferFlags) => runTransfer(flags, commandLine(command)))
}

async function runTransfer(flags: TransferFlags, command: string): Promise<void> {
  const { run: runs, tests: file, poolSize, users, seed, trust } = flags
  const tests = file === undefined ? undefined : transferTests(fileLayer(file, '--tests').values, file)
  const files = 'result.json and result.md'
  const shown = ({ tables }: EvaluationResult) => laidOutText(tables, 'ndcg_both')
  await runEvaluation({ flags, command, folder: 'transfer', files, shown }, (shared) =>
    evaluateTransfer({ ...{ runs, tests, poolSize, users, seed, trust }, ...judgeChoice(flags), ...shared }),
  )
}
