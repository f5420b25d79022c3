// `bump train`: logs in, a trained profile generator and its run folder out.
import { join } from 'node:path'
import { Command } from 'commander'
import { stringify } from 'yaml'
import type { LanguageModel } from '../llm/contract.ts'
import { openModel } from '../llm/onnx/open.ts'
import { loadUsers } from '../logs/load.ts'
import type { UserSplit } from '../logs/types.ts'
import type { TrainConfig } from '../train/config.ts'
import { train } from '../train/grpo.ts'
import { BumpError, CancelledError } from '../util/errors.ts'
import { seedFrom } from '../util/random.ts'
import { positiveInteger } from './shared/flag-values.ts'
import { interruptible } from './shared/interrupt.ts'
import { addLogFlags, reportLines } from './shared/log-flags.ts'
import { packageInfo } from './shared/package-info.ts'
import { type Progress, trainProgress } from './shared/progress.ts'
import { summaryTable } from './shared/summary-table.ts'
import { resolveTrainConfig, type TrainFlags } from './shared/train-config.ts'

const HELP = `
Everything that flags do not name is set in the YAML file or by --set; --dry-run shows all of it with its defaults.
The run is written to runs/<name>: config.json, metrics.jsonl, rollouts.jsonl, checkpoints/, profiles.jsonl (test users
before and after) and summary.json. Ctrl-C ends at a clean checkpoint; --resume goes on.

Examples:
  bump train --logs reviews.parquet --user user_id --time ts --text "title || ': ' || body" --model ./SmolLM2-135M-Instruct
  bump train --logs posts.jsonl --model HuggingFaceTB/SmolLM2-135M-Instruct --name posts --steps 100
  bump train --config train.yaml --set optim.loss=gspo --set rollout.groupSize=16 --dry-run
  bump train --logs train.json --test-logs dev.json --text title --model ./SmolLM2-135M-Instruct
  bump train --resume --name posts
`

/** `bump train`. */
export function trainCommand(): Command {
  const command = new Command('train').description(
    'train a profile generator on interaction logs with GRPO under the bidirectional reward',
  )
  addLogFlags(command)
    .option('--test-logs <paths...>', 'logs of other users for the final test (default: a part of --logs)')
    .option('--model <where>', 'the policy: a Hugging Face folder, a .gguf file or a hub name')
    .option('--judge-model <where>', 'another model as the judge (default: the frozen base of the policy)')
    .option('--name <name>', 'name of the run (default: from log and model)')
    .option('--config <file>', 'YAML file with any part of the configuration')
    .option('--preset <name>', "start from a preset: paper (the paper's own choices)")
    .option('--steps <count>', 'optimiser steps')
    .option('--seed <number>', 'seed of everything random')
    .option('--set <key=value>', 'one value of the configuration, may be repeated', collect, [])
    .option('--runs <folder>', 'where run folders stand', 'runs')
    .option('--threads <count>', 'threads of the engine (default: all cores)', positiveInteger)
    .option('--resume', 'go on with the run of that name from its last checkpoint')
    .option('--dry-run', 'print the resolved configuration and stop')
    .addHelpText('after', HELP)
    .action((flags: TrainFlags & { dryRun?: boolean; threads?: number }) => runTrain(flags))
  return command
}

function collect(value: string, before: string[]): string[] {
  return [...before, value]
}

/** The users of a run: from one log, or with the test's users from logs of their own. */
async function loadSplit(config: TrainConfig, say: (line: string) => void): Promise<UserSplit> {
  const { testPaths, ...source } = config.logs
  const { split, report } = await loadUsers(source, testPaths ? { ...config.split, test: 0 } : config.split)
  for (const line of reportLines(report)) say(line)
  if (!testPaths) return split
  const tested = await loadUsers({ ...source, paths: testPaths }, { ...config.split, validation: 0, test: 0 })
  for (const line of reportLines(tested.report)) say(`test: ${line}`)
  const known = new Set([...split.train, ...split.validation].map(({ id }) => id))
  const both = tested.split.train.filter(({ id }) => known.has(id)).map(({ id }) => id)
  if (both.length > 0)
    throw new BumpError(
      `${both.length} users stand in the logs of training and in those of the test (${both.slice(0, 5).join(', ')}): the test would not measure unseen people. Take them out of one.`,
    )
  return { ...split, test: tested.split.train }
}

async function runTrain(flags: TrainFlags & { dryRun?: boolean; threads?: number }): Promise<void> {
  const config = resolveTrainConfig(flags)
  if (flags.dryRun) return void process.stdout.write(stringify(config))
  const folder = join(flags.runs, config.name)
  const opened: LanguageModel[] = []
  let progress: Progress | undefined
  const say = (line: string): void => (progress ? progress.say(line) : void process.stderr.write(`${line}\n`))
  try {
    await interruptible(
      () => say('ending at a clean checkpoint; press Ctrl-C again to stop at once'),
      async (signal) => {
        const split = await loadSplit(config, say)
        say(
          `${split.train.length} users to train on, ${split.validation.length} for validation, ${split.test.length} for the test`,
        )
        const options = { threads: flags.threads, onProgress: say }
        const seed = seedFrom(config.seed, 'trainable')
        const trainable = config.trainable.type === 'lora' ? { ...config.trainable, seed } : config.trainable
        const open = async (where: string, more: Parameters<typeof openModel>[1]): Promise<LanguageModel> => {
          const model = await openModel(where, { ...options, ...more })
          opened.push(model)
          return model
        }
        const model = await open(config.model, { trainable })
        const judgeModel = config.judgeModel === undefined ? undefined : await open(config.judgeModel, {})
        progress = trainProgress(config.optim.steps)
        const result = await train({
          config,
          model,
          judgeModel,
          users: split,
          folder,
          package: packageInfo(),
          resume: flags.resume,
          signal,
          onEvent: progress.onEvent,
        })
        progress.done()
        progress = undefined
        if (result.status === 'interrupted')
          throw new CancelledError(
            `ended after step ${result.step}, with a checkpoint. Go on with: bump train --resume --name ${config.name}`,
          )
        process.stdout.write(
          `\n${summaryTable(result.summary)}\nAll of it is in ${folder}. Profiles for your users:\n  bump profile --run ${folder} --out profiles.jsonl\n`,
        )
      },
    )
  } finally {
    progress?.done()
    for (const model of opened) await model.close()
  }
}
