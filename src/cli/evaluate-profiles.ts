// `bump evaluate profiles`: how well profiles identify people never trained on, beside everything they must be compared
// with. The work is compareProfiles() of evaluate/profiles/.
import { Command, InvalidArgumentError } from 'commander'
import { compareProfiles, DEFAULT_POOL_SIZES } from '../evaluate/profiles/compare.ts'
import { CONDITION_KINDS, type ConditionKind } from '../evaluate/profiles/conditions.ts'
import { DEFAULT_USERS } from '../evaluate/profiles/plan.ts'
import { shownTable } from '../evaluate/profiles/table.ts'
import type { EvaluationResult } from '../evaluate/result.ts'
import { addEngineFlags, type EngineFlags } from './shared/engine-flags.ts'
import { runEvaluation } from './shared/evaluation.ts'
import { collect, collectGroups, naturalNumber, positiveInteger } from './shared/flag-values.ts'
import { addJudgeFlags, type JudgeFlags, judgeChoice } from './shared/judge-flags.ts'
import { addLogFlags, addTrustFlag, type LogFlags, logsOf, type TrustFlags } from './shared/log-flags.ts'
import { commandLine } from './shared/process.ts'
import { resultTableText } from './shared/result-table.ts'
import { addServerFlags, type ServerFlags, serverOf, tellSpent } from './shared/server-flags.ts'

const HELP = `
Conditions, all judged on the same users in the same pools:
  none        a sentence that says nothing: what the judge finds likely of anybody; backward all tie, which is chance
  generic     a text that fits anyone
  history     the interactions that the generator reads, in the profile's place
  zero-shot   profiles by the frozen base of each run, asked as that run asks, else by --model, else by --server
  run         profiles by the best checkpoint of every --run, and by every --checkpoint of the first
  mismatched  another user's profile of the first run: must be at chance
Profiles by --model, by a server and from files are added where these flags are given.

Runs that differ only by their seed are a group: its row is the mean over them, each user's own, and differences to it and
between groups are paired by user. --group names other groups; bump evaluate groups adds some to a finished evaluation.

Without --logs, the test users of the first run are measured. Users that were in the training of a run are refused.
<out> holds result.json (for bump report) and users.jsonl: every profile with its scores. Profiles and scores are kept
there by content: an interrupted command goes on where it stopped, and nothing is judged twice.

Examples:
  bump evaluate profiles --run runs/posts
  bump evaluate profiles --run runs/posts --checkpoint step-20 --run runs/other --judge-model judge.gguf
  bump evaluate profiles --run runs/a-1 --run runs/a-2 --run runs/b-1 --run runs/b-2 --group a=a-1,a-2 --group b=b-1,b-2
  bump evaluate profiles --run runs/papers --logs dev.json --text title --pool-sizes 8,32 --users 100
  bump evaluate profiles --run runs/posts --scorer embedding --judge-model BAAI/bge-small-en-v1.5
  bump evaluate profiles --run runs/posts --judge likelihood --judge embedding=BAAI/bge-small-en-v1.5
  bump evaluate profiles --run runs/posts --judge-server http://localhost:8000/v1 --judge-server-model qwen3 --scorer listwise
  bump evaluate profiles --run runs/posts --server http://localhost:8000/v1 --server-model qwen3
  bump evaluate profiles --model ./SmolLM2-135M-Instruct --logs posts.jsonl --profiles mine.jsonl --scorer listwise
`

interface EvaluateProfilesFlags extends LogFlags, TrustFlags, EngineFlags, ServerFlags, JudgeFlags {
  run: string[]
  checkpoint: string[]
  model?: string
  profiles: string[]
  conditions?: ConditionKind[]
  group?: Record<string, string[]>
  poolSizes?: number[]
  users?: number
  seed: number
  out?: string
}

/** `bump evaluate profiles`. */
export function evaluateProfilesCommand(): Command {
  const command = new Command('profiles').description(
    'measure how well profiles identify people never trained on, in both directions',
  )
  addJudgeFlags(addServerFlags(addTrustFlag(addLogFlags(command)), 'profiles by a model on a server'))
    .option('--run <folder>', 'run folder of bump train; may be repeated', collect, [])
    .option('--checkpoint <name>', 'a checkpoint of the first run, such as step-20; may be repeated', collect, [])
    .option('--model <where>', 'untrained model for zero-shot profiles: a folder, a .gguf file or a hub name')
    .option('--profiles <where>', 'profiles of a file or folder of bump profile; may be repeated', collect, [])
    .option('--conditions <list>', 'conditions to compare, with commas between (default: all)', conditionList)
    .option(
      '--group <name=runs>',
      'runs whose mean is a row, with commas between; may be repeated (default: runs that differ only by their seed)',
      collectGroups,
    )
    .option(
      '--pool-sizes <list>',
      `other users in a pool (K), with commas between (default: of ${DEFAULT_POOL_SIZES.join(',')} those that fit)`,
      sizeList,
    )
    .option('--users <count>', `at most so many users (default: ${DEFAULT_USERS})`, positiveInteger)
    .option('--seed <number>', 'seed of pools and intervals', naturalNumber, 0)
    .option('--out <folder>', 'where the results go (default: evaluate/profiles in the first run or in runs)')
    .addHelpText('after', HELP)
  return addEngineFlags(command).action((flags: EvaluateProfilesFlags) =>
    runEvaluateProfiles(flags, commandLine(command)),
  )
}

function conditionList(text: string): ConditionKind[] {
  return text.split(',').map((part) => {
    const found = CONDITION_KINDS.find((known) => known === part.trim())
    if (found === undefined)
      throw new InvalidArgumentError(`No condition "${part.trim()}". Conditions are ${CONDITION_KINDS.join(', ')}.`)
    return found
  })
}

function sizeList(text: string): number[] {
  return [...new Set(text.split(',').map((part) => positiveInteger(part.trim())))].sort((a, b) => a - b)
}

async function runEvaluateProfiles(flags: EvaluateProfilesFlags, command: string): Promise<void> {
  const { run: runs, checkpoint: checkpoints, model, profiles, conditions: kinds } = flags
  const { group: groups, trust, poolSizes, users, seed } = flags
  const shown = ({ tables, settings }: EvaluationResult) =>
    tables.map((table) => resultTableText(shownTable(table, Object.keys(settings.groups ?? {})))).join('\n')
  await runEvaluation(
    { flags, command, folder: 'profiles', files: 'result.json and users.jsonl', shown },
    async (shared, say) => {
      const server = serverOf(flags, say)
      const result = await compareProfiles({
        ...{ runs, checkpoints, model, server, files: profiles, kinds, groups, trust, poolSizes, users, seed },
        logs: logsOf(flags),
        ...judgeChoice(flags),
        ...shared,
      })
      if (server) tellSpent(server, say)
      return result
    },
  )
}
