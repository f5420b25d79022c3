// `bump train`: logs in, a trained profile generator and its run folder out.
import { Command } from 'commander'
import { stringify } from 'yaml'
import { memoryLine, quantizeOf } from '../model/onnx/open.ts'
import type { MlflowOptions } from '../run/mlflow/tracked-run.ts'
import { optionsOf, train } from '../train/train.ts'
import { BumpError, CancelledError } from '../util/errors.ts'
import { addEngineFlags, addTrainEngineFlags, engineOptions, type TrainEngineFlags } from './shared/engine-flags.ts'
import { collect } from './shared/flag-values.ts'
import { addLogFlags, addTrustFlag } from './shared/log-flags.ts'
import { interruptible } from './shared/process.ts'
import { addedModule, addedRewardsOf, customRewardOf } from './shared/reward-modules.ts'
import { addJudgeServerFlags, type JudgeServerFlags, judgeServerOf } from './shared/server-flags.ts'
import { summaryTable } from './shared/summary-table.ts'
import { print } from './shared/terminal.ts'
import { configOfFlags, type TrainFlags, yamlExpressions } from './shared/train-config.ts'
import { TrainView } from './shared/training.ts'

const HELP = `
Everything that flags do not name is set in the YAML file or by --set; --dry-run shows all of it with its defaults.
The run is written to runs/<name>: config.json, users.json (who was trained on), metrics.jsonl, rollouts.jsonl,
checkpoints/, profiles.jsonl (test users before and after) and summary.json. Ctrl-C ends at a clean checkpoint; --resume goes on.

Examples:
  bump train --logs reviews.parquet --user user_id --time ts --text "title || ': ' || body" --model ./SmolLM2-135M-Instruct
  bump train --logs posts.jsonl --model HuggingFaceTB/SmolLM2-135M-Instruct --name posts --steps 100
  bump train --config train.yaml --set optim.loss=gspo --set rollout.groupSize=16 --dry-run
  bump train --logs train.json --test-logs dev.json --text title --model ./SmolLM2-135M-Instruct
  bump train --logs posts.jsonl --model ./SmolLM2-135M-Instruct --judge-model BAAI/bge-small-en-v1.5 --set judge.scorer=embedding
  bump train --config train.yaml --set 'test.judges=[{scorer: embedding, model: BAAI/bge-small-en-v1.5}]'
  bump train --logs posts.jsonl --model ./SmolLM2-135M-Instruct --judge-server http://127.0.0.1:8000/v1 \
    --judge-server-model Qwen/Qwen3-4B-Instruct-2507 --set judge.scorer=listwise
  bump train --logs posts.jsonl --model ./SmolLM2-135M-Instruct --add-reward ./kind.mjs=0.5
  bump train --reward labels --task 5 --data LaMP_5 --model ./SmolLM2-135M-Instruct --name titles-by-labels
  bump train --logs posts.jsonl --model ./SmolLM2-135M-Instruct --mlflow http://127.0.0.1:5000
  bump train --logs posts.jsonl --model Qwen/Qwen3-4B-Instruct-2507 --engine tinker --server http://127.0.0.1:8000
  bump train --resume --name posts
`

/** `bump train`. */
export function trainCommand(): Command {
  const command = new Command('train').description(
    'train a profile generator on interaction logs with GRPO under the bidirectional reward',
  )
  addJudgeServerFlags(addTrustFlag(addLogFlags(command)))
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
      '--reward <name>',
      'bidirectional: label-free, by the judge; labels: the metric of a LaMP task; or a module of yours, ./reward.mjs (default: bidirectional)',
    )
    .option(
      '--add-reward <module[=weight]>',
      'a module of yours, ./kind.mjs or ./kind.mjs=0.5, whose reward is added to that one; may be repeated',
      collect,
      [],
    )
    .option('--task <number>', 'with --reward labels: the LaMP task, 1 to 7')
    .option('--data <folder>', 'with --reward labels: its folder; without --logs its profiles are the logs')
    .option('--name <name>', 'name of the run (default: from log and model)')
    .option('--config <file>', 'YAML file with any part of the configuration')
    .option(
      '--preset <name>',
      "start from a preset: paper (the paper's own choices), private (profiles that give away less)",
    )
    .option('--steps <count>', 'optimiser steps')
    .option('--seed <number>', 'seed of everything random')
    .option('--set <key=value>', 'one value of the configuration, may be repeated', collect, [])
    .option('--runs <folder>', 'where run folders stand', 'runs')
    .option('--mlflow <address>', 'follow the run at an MLflow tracking server: settings and numbers, never texts')
    .option('--mlflow-experiment <name>', 'experiment there, made where there is none (default: bump)')
    .option('--mlflow-name <name>', "the run's name there (default: that of the run)")
    .option('--resume', 'go on with the run of that name from its last checkpoint')
    .option('--dry-run', 'print the resolved configuration and stop')
    .addHelpText('after', HELP)
    .action((flags: RunFlags) => runTrain(flags))
  return addEngineFlags(addTrainEngineFlags(command))
}

interface RunFlags extends TrainFlags, TrainEngineFlags, JudgeServerFlags {
  addReward: string[]
  dryRun?: boolean
  mlflow?: string
  mlflowExperiment?: string
  mlflowName?: string
}

async function runTrain(flags: RunFlags): Promise<void> {
  const config = configOfFlags(flags)
  if (flags.dryRun && config.engine) return print(stringify(config))
  if (flags.dryRun) {
    const { trainable, precision } = config
    const { device, memory } = flags
    const quantize = await quantizeOf(config.model, { trainable, quantize: config.quantize, device })
    const needed = await memoryLine(config.model, { trainable, quantize, precision, device, memory })
    return print(`# ${needed}\n${stringify({ ...config, quantize })}`)
  }
  const view = new TrainView()
  for (const line of yamlExpressions(flags, config)) view.say(line)
  try {
    const { folder, summary } = await interruptible(
      () => view.say('ending at a clean checkpoint; press Ctrl-C again to stop at once'),
      async (signal) =>
        train({
          ...optionsOf(config, flags.runs),
          engine: { ...config.engine, ...engineOptions(flags), server: flags.server },
          customReward: await customRewardOf(config, flags.reward),
          rewards: await addedRewardsOf(config, flags.addReward.map(addedModule)),
          judgeServer: judgeServerOf(flags),
          mlflow: mlflowOf(flags),
          resume: flags.resume,
          signal,
          onEvent: view.onEvent,
        }),
    )
    view.done()
    print(
      `\n${summaryTable(summary)}\nAll of it is in ${folder}. Profiles for your users:\n  bump profile --run ${folder} --out profiles.jsonl\n`,
    )
  } catch (error) {
    if (error instanceof CancelledError)
      throw new CancelledError(`${error.message}. Go on with: bump train --resume --name ${config.name}`)
    throw error
  } finally {
    view.done()
  }
}

/** Throws BumpError where the flags do not belong together. */
function mlflowOf({ mlflow, mlflowExperiment, mlflowName }: RunFlags): MlflowOptions | undefined {
  if (mlflow !== undefined) return { uri: mlflow, experiment: mlflowExperiment, name: mlflowName }
  if (mlflowExperiment === undefined && mlflowName === undefined) return undefined
  throw new BumpError('invalid-options', '--mlflow-experiment and --mlflow-name belong to --mlflow: give its address')
}
