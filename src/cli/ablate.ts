// `bump ablate`: trains the reward's variants one after the other, and prints one table of them.

import { join } from 'node:path'
import { type Command as CliCommand, Command, InvalidArgumentError } from 'commander'
import { ablationTable, VARIANTS, type Variant, type VariantRun, variantConfig } from '../evaluate/ablation.ts'
import type { EvaluationResult } from '../evaluate/result.ts'
import type { UserSplit } from '../logs/types.ts'
import { readProfileLines, readSummary } from '../run/read.ts'
import { checkSameRun } from '../run/same-run.ts'
import type { TrainConfig } from '../train/config.ts'
import { dataDigest } from '../train/digest.ts'
import type { Baseline } from '../train/final-test.ts'
import { readBaseline } from '../train/final-test.ts'

import { CancelledError } from '../util/errors.ts'
import { writeFileAtomic } from '../util/files.ts'
import { commandLine } from './shared/command-line.ts'
import { addTrainingFlags, type TrainingFlags, trainingOptions } from './shared/engine-flags.ts'
import { collect } from './shared/flag-values.ts'
import { interruptible } from './shared/interrupt.ts'
import { addLogFlags } from './shared/log-flags.ts'
import { duration, type Progress, trainProgress } from './shared/progress.ts'
import { resultTableText } from './shared/result-table.ts'
import { resolveTrainConfig, type TrainFlags } from './shared/train-config.ts'
import { loadSplit, splitLine, trainRun } from './shared/training.ts'

const HELP = `
Variants: both (the reward as configured), forward (no backward reward), backward (no forward reward) and
no-length-penalty. All have the same users, budget and seeds, and all are judged in both directions on the same users
never trained on. Each run is one of bump train in runs/<name>-<variant>-s<seed>; the table is in runs/<name>/result.json.
The same command again goes on where it was stopped: finished runs are kept.

Examples:
  bump ablate --logs posts.jsonl --model ./SmolLM2-135M-Instruct --name posts-ablation
  bump ablate --logs train.json --test-logs dev.json --model ./SmolLM2-135M-Instruct --seeds 1,2,3 --steps 60
  bump ablate --config train.yaml --variants both,forward,backward --name directions
`

interface AblateFlags extends Omit<TrainFlags, 'name' | 'seed' | 'resume'>, TrainingFlags {
  name: string
  variants: Variant[]
  seeds: number[]
}

/** `bump ablate`. */
export function ablateCommand(): Command {
  const command = new Command('ablate').description(
    'train with parts of the reward left out, and compare what each is worth on the same unseen users',
  )
  addLogFlags(command)
    .option('--test-logs <paths...>', 'logs of other users for the final test (default: a part of --logs)')
    .option('--model <where>', 'the policy: a Hugging Face folder, a .gguf file or a hub name')
    .option('--judge-model <where>', 'another model as the judge (default: the frozen base of the policy)')
    .option('--name <name>', 'name of the ablation: first part of its runs’ names', 'ablation')
    .option('--variants <list>', 'what to train', variantList, [...VARIANTS])
    .option('--seeds <list>', 'seeds, each of which trains every variant', seedList, [1])
    .option('--config <file>', 'YAML file with any part of the configuration of bump train')
    .option('--preset <name>', "start from a preset: paper (the paper's own choices)")
    .option('--steps <count>', 'optimiser steps of each run')
    .option('--set <key=value>', 'one value of the configuration, may be repeated', collect, [])
    .option('--runs <folder>', 'where run folders stand', 'runs')
    .addHelpText('after', HELP)
    .action((flags: AblateFlags, self: CliCommand) => ablate(flags, commandLine(self)))
  return addTrainingFlags(command)
}

/** Comma-separated values, each once. */
function listed(text: string): string[] {
  const parts = text.split(',').map((part) => part.trim())
  return [...new Set(parts.filter((part) => part !== ''))]
}

function variantList(text: string): Variant[] {
  const names = listed(text)
  const wrong = names.find((name) => !VARIANTS.includes(name as Variant))
  if (wrong !== undefined || names.length === 0)
    throw new InvalidArgumentError(`Expected a list of ${VARIANTS.join(', ')}${wrong ? `, not ${wrong}` : ''}.`)
  return VARIANTS.filter((variant) => names.includes(variant))
}

function seedList(text: string): number[] {
  const seeds = listed(text).map(Number)
  if (seeds.length === 0 || seeds.some((seed) => !Number.isInteger(seed) || seed < 0 || seed > 0xffffffff))
    throw new InvalidArgumentError('Expected whole numbers separated by commas, such as 1,2,3.')
  return seeds
}

async function ablate(flags: AblateFlags, command: string): Promise<void> {
  const started = performance.now()
  const base = resolveTrainConfig(flags, 'bump ablate')
  const plan = flags.seeds.flatMap((seed) =>
    flags.variants.map((variant) => ({ variant, seed, config: variantConfig(base, variant, seed) })),
  )
  const view: View = {}
  const say = (line: string): void => (view.progress ? view.progress.say(line) : void process.stderr.write(`${line}\n`))
  await interruptible(
    () => say('ending at a clean checkpoint; press Ctrl-C again to stop at once'),
    async (signal) => {
      const users = await loadSplit(base, say)
      say(splitLine(users))
      const runs = await trainAll(plan, users, {
        folder: flags.runs,
        engine: trainingOptions(flags),
        signal,
        say,
        view,
      })
      const table = ablationTable(runs, base.split.seed)
      const result: EvaluationResult = {
        kind: 'ablation',
        createdAt: new Date().toISOString(),
        command,
        seconds: (performance.now() - started) / 1000,
        tables: [table],
        settings: {
          config: base,
          variants: flags.variants,
          seeds: flags.seeds,
          runs: plan.map(({ config }) => config.name),
          model: runs[0].summary.model,
          judge: runs[0].summary.judge,
          data: runs[0].summary.data,
          trainingSeconds: Object.fromEntries(plan.map(({ config }, i) => [config.name, totalSeconds(runs[i])])),
        },
      }
      const out = join(flags.runs, base.name, 'result.json')
      writeFileAtomic(out, `${JSON.stringify(result, undefined, 2)}\n`)
      process.stdout.write(`\n${resultTableText(table)}\nAll of it is in ${out}\n`)
    },
  )
}

/** The progress of the run under way. */
interface View {
  progress?: Progress
}

interface PlannedRun {
  variant: Variant
  seed: number
  config: TrainConfig
}

/** [planned] finished runs: those that are there are kept, the others trained or resumed, one after the other. */
async function trainAll(
  plan: readonly PlannedRun[],
  users: UserSplit,
  options: {
    folder: string
    engine: TrainingFlags
    signal: AbortSignal
    say: (line: string) => void
    view: View
  },
): Promise<VariantRun[]> {
  const { engine, signal, say, view } = options
  const runs: VariantRun[] = []
  const baselines = new Map<number, Baseline>()
  const spent: number[] = []
  for (const [i, { variant, seed, config }] of plan.entries()) {
    const folder = join(options.folder, config.name)
    const left = spent.length === 0 ? '' : `, ETA of all ${duration((plan.length - i) * (sum(spent) / spent.length))}`
    // Greedy zero-shot profiles do not depend on the seed.
    const measured = config.profile.temperature === 0 ? 0 : seed
    let summary = readSummary(folder)
    if (summary) {
      checkSameRun(folder, config, dataDigest(users))
      say(`${i + 1}/${plan.length} ${config.name}: finished before`)
    } else {
      say(`${i + 1}/${plan.length} ${config.name}${left}`)
      const started = performance.now()
      try {
        const result = await trainRun(config, users, {
          folder,
          resume: true,
          engine,
          signal,
          baseline: baselines.get(measured),
          say,
          onOpened: () => {
            view.progress = trainProgress(config.optim.steps)
          },
          onEvent: (event) => view.progress?.onEvent(event),
        })
        if (result.status === 'interrupted')
          throw new CancelledError(
            `ended in ${config.name} after step ${result.step}, with a checkpoint. The same command goes on.`,
          )
        summary = result.summary
      } finally {
        view.progress?.done()
        view.progress = undefined
      }
      spent.push((performance.now() - started) / 1000)
    }
    if (!baselines.has(measured)) baselines.set(measured, readBaseline(folder, summary))
    runs.push({ variant, seed, summary, profiles: readProfileLines(folder) })
  }
  return runs
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0)

function totalSeconds({ summary }: VariantRun): number {
  return Math.round(sum(Object.values(summary.seconds)))
}
