// What the commands of `bump evaluate` share: progress, Ctrl-C, and the tables that are printed at the end.
import { join } from 'node:path'
import type { JudgingEvent } from '../../evaluate/profiles/judged.ts'
import type { EvaluationEngine } from '../../evaluate/profiles/models.ts'
import type { EvaluationResult } from '../../evaluate/result.ts'
import type { OnLine } from '../../util/byte-progress.ts'
import { type EngineFlags, engineOptions } from './engine-flags.ts'
import { tellJudging } from './judge-flags.ts'
import { interruptible } from './process.ts'
import { workProgress } from './progress.ts'
import { resultTableText } from './result-table.ts'
import { print } from './terminal.ts'

/** Options of every evaluation. */
interface SharedOptions {
  out: string
  command: string
  engine: EvaluationEngine
  signal: AbortSignal
  onEvent: (event: JudgingEvent) => void
}

export interface EvaluationCommand {
  flags: EngineFlags & { run: string[]; out?: string }
  /** As it was typed. */
  command: string
  /** The results' folder in the first run, or in `runs`. */
  folder: string
  /** What stands in the folder for people to read. */
  files: string
  /** How the tables are printed; default one after the other. */
  shown?: (result: EvaluationResult) => string
}

/** Runs an evaluation with what all have in common, and prints its tables. */
export async function runEvaluation(
  { flags, command, folder, files, shown = eachTable }: EvaluationCommand,
  evaluate: (shared: SharedOptions, say: OnLine) => Promise<EvaluationResult>,
): Promise<void> {
  const out = flags.out ?? join(flags.run[0] ?? 'runs', 'evaluate', folder)
  const progress = workProgress()
  try {
    const result = await interruptible(
      () => progress.say('stopping; what is done is kept, the same command goes on. Ctrl-C again stops at once'),
      (signal) => {
        const onEvent = (event: JudgingEvent) => tellJudging(event, progress)
        return evaluate({ out, command, engine: engineOptions(flags), signal, onEvent }, progress.say)
      },
    )
    progress.done()
    print(`\n${shown(result)}\nAll of it is in ${out}: ${files}\n`)
  } finally {
    progress.done()
  }
}

const eachTable = ({ tables }: EvaluationResult): string => tables.map((table) => resultTableText(table)).join('\n')
