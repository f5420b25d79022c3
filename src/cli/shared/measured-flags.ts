// Flags of evaluations that measure profiles in ways of their own: whose profiles, written by what, judged by what.
import type { Command } from 'commander'
import type { PlanOptions } from '../../evaluate/profiles/plan.ts'
import type { EngineFlags } from './engine-flags.ts'
import { collect, naturalNumber, positiveInteger } from './flag-values.ts'
import { addJudgeFlags, type JudgeFlags, judgeChoice } from './judge-flags.ts'
import { addLogFlags, addTrustFlag, type LogFlags, logsOf, type TrustFlags } from './log-flags.ts'

export interface MeasuredFlags extends LogFlags, TrustFlags, EngineFlags, JudgeFlags {
  run: string[]
  model?: string
  profiles: string[]
  users?: number
  seed: number
  out?: string
}

/** Adds them; `users`: what their number is where it is not given; `out`: where the results go then. */
export function addMeasuredFlags(command: Command, users: string, out: string): Command {
  return addJudgeFlags(addTrustFlag(addLogFlags(command)))
    .option('--run <folder>', 'run folder of bump train; may be repeated', collect, [])
    .option('--model <where>', 'untrained model for zero-shot profiles: a folder, a .gguf file or a hub name')
    .option('--profiles <where>', 'profiles of a file or folder of bump profile; may be repeated', collect, [])
    .option('--users <count>', `at most so many users (default: ${users})`, positiveInteger)
    .option('--seed <number>', 'seed of samples, pools and intervals', naturalNumber, 0)
    .option('--out <folder>', `where the results go (default: evaluate/${out} in the first run or in runs)`)
}

/** What the flags say. */
export function planOptionsOf(flags: MeasuredFlags): PlanOptions & { seed: number } {
  return {
    ...judgeChoice(flags),
    runs: flags.run,
    model: flags.model,
    files: flags.profiles,
    trust: flags.trust,
    logs: logsOf(flags),
    users: flags.users,
    seed: flags.seed,
  }
}
