// `bump evaluate transfer`: what training on one domain is worth on another. The work is evaluateTransfer() of
// evaluate/transfer/.
import { join } from 'node:path'
import { Command } from 'commander'
import { DEFAULT_USERS } from '../evaluate/profiles/plan.ts'
import { evaluateTransfer } from '../evaluate/transfer/evaluate.ts'
import { transferTests } from '../evaluate/transfer/tests.ts'
import { addEngineFlags, type EngineFlags, engineOptions } from './shared/engine-flags.ts'
import { collect, naturalNumber, positiveInteger } from './shared/flag-values.ts'
import { addJudgeFlags, type JudgeFlags, judgeChoice, tellJudging } from './shared/judge-flags.ts'
import { addTrustFlag, type TrustFlags } from './shared/log-flags.ts'
import { commandLine, interruptible } from './shared/process.ts'
import { workProgress } from './shared/progress.ts'
import { laidOutText } from './shared/result-table.ts'
import { print } from './shared/terminal.ts'
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
  const out = flags.out ?? join(runs[0] ?? 'runs', 'evaluate', 'transfer')
  const tests = file === undefined ? undefined : transferTests(fileLayer(file, '--tests').values, file)
  const progress = workProgress()
  try {
    const { tables } = await interruptible(
      () => progress.say('stopping; what is done is kept, the same command goes on. Ctrl-C again stops at once'),
      (signal) =>
        evaluateTransfer({
          ...{ runs, tests, poolSize, users, seed, trust, out, command, signal },
          ...judgeChoice(flags),
          engine: engineOptions(flags),
          onEvent: (event) => tellJudging(event, progress),
        }),
    )
    progress.done()
    print(`\n${laidOutText(tables, 'ndcg_both')}\nAll of it is in ${out}: result.json and result.md\n`)
  } finally {
    progress.done()
  }
}
