// `bump sft`: training questions of a LaMP task in, a LoRA adapter of the task backbone and its run folder out.
import { join } from 'node:path'
import { Command, Option } from 'commander'
import { stringify } from 'yaml'
import { lampSft, SFT_CONDITIONS } from '../lamp/sft.ts'
import { openModel } from '../model/onnx/open.ts'
import { TinkerServer } from '../model/tinker/server.ts'
import { openOnServer, refuseIdleServer } from '../train/models.ts'
import { CancelledError } from '../util/errors.ts'
import { addEngineFlags, addTrainEngineFlags, engineOptions, type TrainEngineFlags } from './shared/engine-flags.ts'
import { collect } from './shared/flag-values.ts'
import { interruptible } from './shared/process.ts'
import type { Progress } from './shared/progress.ts'
import { sftProgress, workProgress } from './shared/progress.ts'
import { resolveSftConfig, type SftFlags } from './shared/sft-config.ts'
import { sftSummaryText } from './shared/summary-table.ts'
import { print } from './shared/terminal.ts'

const HELP = `
Conditions: ${SFT_CONDITIONS.join(', ')}.
The examples are the questions of the task's train split, with the very prompts that the evaluation gives under this
condition; the loss is on the gold answers only. A tenth of the users is held out to choose the best step by.
Profiles come from --run (a run of bump train: its best checkpoint, or its untrained base for zero-shot), from a file of
bump profile, or, zero-shot, from the backbone itself.

Everything that flags do not name is set in the YAML file or by --set; --dry-run shows all of it with its defaults.
The run is written to runs/<name>: config.json, users.json, metrics.jsonl, checkpoints/, summary.json and adapter/, a PEFT
adapter that bump evaluate lamp, vLLM and transformers read. Ctrl-C ends at a clean checkpoint; --resume goes on.

Examples:
  bump sft --task 5 --data LaMP_5 --backbone ./SmolLM2-135M-Instruct --condition none --name sft-none
  bump sft --task 5 --data LaMP_5 --backbone ./SmolLM2-135M-Instruct --condition bump --run runs/papers --name sft-bump
  bump sft --task 3 --data LaMP_3 --backbone model.gguf --condition bm25 --examples 200 --set optim.learningRate=1e-4
  bump sft --task 5 --data LaMP_5 --backbone Qwen/Qwen3-4B-Instruct-2507 --condition bm25 --engine tinker --server http://127.0.0.1:8000
  bump sft --resume --name sft-bump
`

interface RunFlags extends SftFlags, TrainEngineFlags {
  dryRun?: boolean
}

/** `bump sft`. */
export function sftCommand(): Command {
  const command = new Command('sft')
    .description('adapt a task backbone by LoRA on a LaMP task, with or without profiles in its prompts')
    .option('--task <number>', 'task of the benchmark, 1 to 7')
    .option('--data <folder>', 'folder of the downloaded files: LaMP_N, or one that holds them')
    .option('--backbone <where>', 'the model to adapt: a Hugging Face folder, a .gguf file or a hub name')
    .addOption(new Option('--condition <name>', 'how the user stands in the prompt').choices(SFT_CONDITIONS))
    .option('--run <folder>', 'run folder of bump train: its generator writes the profiles')
    .option('--profiles <file>', 'profiles from a file of bump profile instead')
    .option('--text <fields>', 'what a generator reads of an item: title, or "{title}: {abstract}"')
    .option('--name <name>', 'name of the run (default: from task, condition and backbone)')
    .option('--epochs <count>', 'passes over the examples (default: 1)')
    .option('--steps <count>', 'optimiser steps in place of epochs')
    .option('--examples <count>', 'about so many questions: whole users, drawn by the seed (default: all)')
    .option('--items <count>', 'items in a prompt that shows items (default: 4)')
    .option('--budget <tokens>', 'tokens of a prompt (default: 512, or what the context allows)')
    .option('--seed <number>', 'seed of everything random')
    .option('--config <file>', 'YAML file with any part of the configuration')
    .option('--set <key=value>', 'one value of the configuration, may be repeated', collect, [])
    .option('--runs <folder>', 'where run folders stand', 'runs')
    .option('--resume', 'go on with the run of that name from its last checkpoint')
    .option('--dry-run', 'print the resolved configuration and stop')
    .addHelpText('after', HELP)
    .action((flags: RunFlags) => runSft(flags))
  return addEngineFlags(addTrainEngineFlags(command))
}

async function runSft(flags: RunFlags): Promise<void> {
  const config = resolveSftConfig(flags)
  const engine = { ...config.engine, server: flags.server }
  refuseIdleServer(engine)
  if (flags.dryRun) return print(stringify(config))
  // Before any profile is written, which may take long.
  if (engine.type) TinkerServer.of(engine)
  const out = join(flags.runs, config.name)
  const preparing = workProgress()
  let training: Progress | undefined
  const say = (line: string): void => (training ?? preparing).say(line)
  try {
    const summary = await interruptible(
      () => say('ending at a clean checkpoint; press Ctrl-C again to stop at once'),
      (signal) =>
        lampSft({
          config,
          out,
          resume: flags.resume,
          openBackbone: ({ backbone, lora, precision, seed }) => {
            const options = { trainable: { type: 'lora', ...lora }, seed, signal, onProgress: say } as const
            return engine.type
              ? openOnServer(backbone, engine, options)
              : openModel(backbone, { ...options, precision, quantize: 'none', ...engineOptions(flags) })
          },
          engine: engineOptions(flags),
          signal,
          onNote: say,
          onProgress: preparing.update,
          onStart(steps) {
            preparing.done()
            training = sftProgress(steps)
          },
          onEvent: (event) => training?.onEvent(event),
        }),
    )
    training?.done()
    training = undefined
    const { task, data, backbone, condition } = config
    const generator = config.run === undefined ? '' : ` --run ${config.run}`
    print(
      `\n${sftSummaryText(summary)}The adapter is in ${join(out, 'adapter')}. What it is worth on users never trained on:\n  bump evaluate lamp --task ${task} --data ${data} --backbone ${backbone}${config.precision === 'int8' ? ' --quantize int8' : ''}${generator} --sft ${condition}=${out}\n`,
    )
  } catch (error) {
    if (error instanceof CancelledError)
      throw new CancelledError(`${error.message}. Go on with: bump sft --resume --name ${config.name}`)
    throw error
  } finally {
    training?.done()
    preparing.done()
  }
}
