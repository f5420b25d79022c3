// `bump ablate`: trains the reward's variants one after the other, and prints one table of them.

import { join } from 'node:path'
import { type Command as CliCommand, Command, InvalidArgumentError } from 'commander'
import { VARIANTS, type Variant, variantsOf } from '../evaluate/ablation.ts'
import type { EvaluationResult } from '../evaluate/result.ts'
import { runAblation } from '../evaluate/run-ablation.ts'
import { writeFileAtomic } from '../util/files.ts'
import { addEngineFlags, addTrainEngineFlags, engineOptions, type TrainEngineFlags } from './shared/engine-flags.ts'
import { collect } from './shared/flag-values.ts'
import { addLogFlags } from './shared/log-flags.ts'
import { commandLine, interruptible } from './shared/process.ts'
import { duration } from './shared/progress.ts'
import { resultTableText } from './shared/result-table.ts'
import { addedModule, addedRewardsOf } from './shared/reward-modules.ts'
import { addJudgeServerFlags, type JudgeServerFlags, judgeServerOf } from './shared/server-flags.ts'
import { print } from './shared/terminal.ts'
import { configOfFlags, type TrainFlags, yamlExpressions } from './shared/train-config.ts'
import { TrainView } from './shared/training.ts'

const HELP = `
Variants: both (the reward as configured), forward (no backward reward), backward (no forward reward),
no-length-penalty; with --embedder, in-batch (no hard examples); with --add-reward, no-added (without those). All have the same users, budget and seeds, and all are judged in both directions on the same users
never trained on. Each run is one of bump train in runs/<name>-<variant>-s<seed>; the table is in runs/<name>/result.json.
The same command again goes on where it was stopped: finished runs are kept.

Examples:
  bump ablate --logs posts.jsonl --model ./SmolLM2-135M-Instruct --name posts-ablation
  bump ablate --logs train.json --test-logs dev.json --model ./SmolLM2-135M-Instruct --seeds 1,2,3 --steps 60
  bump ablate --config train.yaml --variants both,forward,backward --name directions
  bump ablate --logs posts.jsonl --model ./SmolLM2-135M-Instruct --embedder BAAI/bge-small-en-v1.5 \
    --set split.heldOut=4 --variants both,in-batch --name hard
  bump ablate --logs posts.jsonl --model ./SmolLM2-135M-Instruct --add-reward ./kind.mjs=0.5 --variants both,no-added
`

interface AblateFlags extends Omit<TrainFlags, 'seed' | 'resume'>, TrainEngineFlags, JudgeServerFlags {
  name?: string
  addReward: string[]
  variants?: Variant[]
  seeds?: number[]
}

/** `bump ablate`. */
export function ablateCommand(): Command {
  const command = new Command('ablate').description(
    'train with parts of the reward left out, and compare what each is worth on the same unseen users',
  )
  addJudgeServerFlags(addLogFlags(command))
    .option('--test-logs <paths...>', 'logs of other users for the final test (default: a part of --logs)')
    .option('--model <where>', 'what becomes the generator: a Hugging Face folder, a .gguf file or a hub name')
    .option(
      '--judge-model <where>',
      "another model as the judge, with judge.scorer=embedding an encoder (default: the generator's frozen base)",
    )
    .option(
      '--embedder <where>',
      'BUMP+: a sentence encoder that chooses hard positives and rivals, such as BAAI/bge-small-en-v1.5',
    )
    .option(
      '--add-reward <module[=weight]>',
      'a module of yours, ./kind.mjs or ./kind.mjs=0.5, whose reward is added in all variants but no-added; may be repeated',
      collect,
      [],
    )
    .option(
      '--name <name>',
      'name of the ablation, the first part of its runs’ names (default: that of the configuration, else ablation)',
    )
    .option('--variants <list>', 'what to train (default: all that the configuration allows)', variantList)
    .option(
      '--seeds <list>',
      'seeds, each of which trains every variant (default: that of the configuration)',
      seedList,
    )
    .option('--config <file>', 'YAML file with any part of the configuration of bump train')
    .option(
      '--preset <name>',
      "start from a preset: paper (the paper's own choices), private (profiles that give away less)",
    )
    .option('--steps <count>', 'optimiser steps of each run')
    .option('--set <key=value>', 'one value of the configuration, may be repeated', collect, [])
    .option('--runs <folder>', 'where run folders stand', 'runs')
    .addHelpText('after', HELP)
    .action((flags: AblateFlags, self: CliCommand) => ablate(flags, commandLine(self)))
  return addEngineFlags(addTrainEngineFlags(command))
}

/** Comma-separated values, each once. */
function commaSeparated(text: string): string[] {
  const parts = text.split(',').map((part) => part.trim())
  return [...new Set(parts.filter((part) => part !== ''))]
}

function variantList(text: string): Variant[] {
  const names = commaSeparated(text)
  const wrong = names.find((name) => !VARIANTS.includes(name as Variant))
  if (wrong !== undefined || names.length === 0)
    throw new InvalidArgumentError(`Expected a list of ${VARIANTS.join(', ')}${wrong ? `, not ${wrong}` : ''}.`)
  return VARIANTS.filter((variant) => names.includes(variant))
}

function seedList(text: string): number[] {
  const seeds = commaSeparated(text).map(Number)
  if (seeds.length === 0 || seeds.some((seed) => !Number.isInteger(seed) || seed < 0 || seed > 0xffffffff))
    throw new InvalidArgumentError('Expected whole numbers separated by commas, such as 1,2,3.')
  return [...new Set(seeds)]
}

async function ablate(flags: AblateFlags, command: string): Promise<void> {
  const started = performance.now()
  const base = configOfFlags(flags, 'bump ablate', 'ablation')
  const view = new TrainView()
  for (const line of yamlExpressions(flags, base)) view.say(line)
  try {
    const { tables, settings } = await interruptible(
      () => view.say('ending at a clean checkpoint; press Ctrl-C again to stop at once'),
      async (signal) =>
        runAblation({
          config: base,
          variants: flags.variants ?? variantsOf(base),
          seeds: flags.seeds ?? [base.seed],
          runs: flags.runs,
          engine: { ...engineOptions(flags), server: flags.server },
          judgeServer: judgeServerOf(flags),
          rewards: await addedRewardsOf(base, flags.addReward.map(addedModule)),
          signal,
          onEvent: (event) => {
            if (event.type !== 'run') return view.onEvent(event)
            view.done()
            const { name, index, total, finished, left } = event
            const when = left === undefined ? '' : `, ETA of all ${duration(left)}`
            view.say(`${index + 1}/${total} ${name}${finished ? ': finished before' : when}`)
          },
        }),
    )
    view.done()
    const result: EvaluationResult = {
      kind: 'ablation',
      createdAt: new Date().toISOString(),
      command,
      seconds: (performance.now() - started) / 1000,
      tables,
      settings,
    }
    const out = join(flags.runs, base.name, 'result.json')
    writeFileAtomic(out, `${JSON.stringify(result, undefined, 2)}\n`)
    print(`\n${resultTableText(tables[0])}\nAll of it is in ${out}\n`)
  } finally {
    view.done()
  }
}
