// `bump sft`: training questions of a LaMP task in, a LoRA adapter of the task backbone and its run folder out.
import { join } from 'node:path'
import { Command, Option } from 'commander'
import { stringify } from 'yaml'
import { conditionPrompts } from '../lamp/conditions.ts'
import { itemText } from '../lamp/item-text.ts'
import { readLamp } from '../lamp/read.ts'
import { promptBudget, sampleQuestions } from '../lamp/run.ts'
import { taskOf } from '../lamp/tasks.ts'
import type { LampSplit } from '../lamp/types.ts'
import type { LanguageModel } from '../model/contract.ts'
import { openModel } from '../model/onnx/open.ts'
import { textModel } from '../model/text-from-tokens.ts'
import { sft, stepsOf } from '../train/sft.ts'
import { type SftExample, splitExamples, targetEncoder } from '../train/sft-examples.ts'
import { BumpError, CancelledError } from '../util/errors.ts'
import {
  addTrainingFlags,
  type EngineFlags,
  engineOptions,
  type TrainingFlags,
  trainingOptions,
} from './shared/engine-flags.ts'
import { collect } from './shared/flag-values.ts'
import { interruptible } from './shared/interrupt.ts'
import { type LampProfiles, lampProfiles, type ProfileSource, profileKindOf } from './shared/lamp-profiles.ts'
import type { Progress } from './shared/progress.ts'
import { resolveSftConfig, SFT_CONDITIONS, type SftFlags, type SftRunConfig } from './shared/sft-config.ts'
import { sftProgress, sftSummaryText } from './shared/sft-progress.ts'
import { workProgress } from './shared/work-progress.ts'

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
  bump sft --resume --name sft-bump
`

interface RunFlags extends SftFlags, TrainingFlags {
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
  return addTrainingFlags(command)
}

async function runSft(flags: RunFlags): Promise<void> {
  const config = resolveSftConfig(flags)
  if (flags.dryRun) return void process.stdout.write(stringify(config))
  let progress: Progress | undefined
  const say = (line: string): void => (progress ? progress.say(line) : void process.stderr.write(`${line}\n`))
  let model: LanguageModel | undefined
  try {
    await interruptible(
      () => say('ending at a clean checkpoint; press Ctrl-C again to stop at once'),
      async (signal) => {
        const split = questionsOf(config)
        const profiles = await profilesOf(split, config, engineOptions(flags), signal)
        const trainable = { type: 'lora' as const, ...config.lora }
        model = await openModel(config.backbone, {
          trainable,
          seed: config.seed,
          ...trainingOptions(flags),
          onProgress: say,
        })
        const examples = examplesOf(split, profiles, config, model, say)
        const parts = splitExamples(examples, config.validation.users, config.validation.seed)
        say(`${split.variant}: ${parts.train.length} examples to train on, ${parts.validation.length} for validation`)
        progress = sftProgress(stepsOf(config, parts.train.length))
        const folder = join(flags.runs, config.name)
        const summary = await sft({
          config,
          model,
          examples,
          about: { task: config.task, variant: split.variant, rebuilt: split.rebuilt, condition: config.condition },
          out: folder,
          resume: flags.resume,
          signal,
          onEvent: progress.onEvent,
        })
        progress.done()
        progress = undefined
        process.stdout.write(
          `\n${sftSummaryText(summary)}The adapter is in ${join(folder, 'adapter')}. What it is worth on users never trained on:\n  bump evaluate lamp --task ${config.task} --data ${config.data} --backbone ${config.backbone}${config.run === undefined ? '' : ` --run ${config.run}`} --sft ${config.condition}=${folder}\n`,
        )
      },
    )
  } catch (error) {
    if (error instanceof CancelledError)
      throw new CancelledError(`${error.message}. Go on with: bump sft --resume --name ${config.name}`)
    throw error
  } finally {
    progress?.done()
    await model?.close()
  }
}

/** The questions that become examples. */
function questionsOf({ data, task, examples, seed }: SftRunConfig): LampSplit {
  const split = readLamp(data, { task, split: 'train' })
  return examples === undefined ? split : sampleQuestions(split, examples, seed)
}

/** The profiles that the condition shows; the generator is closed again before the backbone is opened. */
async function profilesOf(
  split: LampSplit,
  config: SftRunConfig,
  engine: EngineFlags,
  signal: AbortSignal,
): Promise<LampProfiles> {
  const { condition, run, profiles, text, backbone } = config
  const kind = profileKindOf(condition)
  const named = [...(run ? ['--run'] : []), ...(profiles ? ['--profiles'] : [])]
  if (kind === undefined && named.length > 0)
    throw new BumpError(
      'invalid-options',
      `condition '${condition}' shows no profile: leave ${named.join(' and ')} out`,
    )
  if (named.length > 1)
    throw new BumpError(
      'invalid-options',
      'profiles come either from a run (--run) or from a file (--profiles), not from both',
    )
  if (kind === undefined) return {}
  const source: ProfileSource = {
    run,
    files: { [kind]: profiles },
    // Nothing but the backbone is at hand to write zero-shot profiles with.
    model: kind === 'zero-shot' ? backbone : undefined,
  }
  const progress = workProgress()
  try {
    return await lampProfiles(split, [kind], source, {
      engine,
      text: text === undefined ? undefined : itemText(text, split),
      signal,
      onProgress: progress.say,
      onWork: progress.update,
    })
  } finally {
    progress.done()
  }
}

/**
 * The questions as the evaluation asks them, each with its gold as the target. Questions without an answer and examples
 * longer than the model's context are left out, counted and said.
 */
function examplesOf(
  split: LampSplit,
  profiles: LampProfiles,
  config: SftRunConfig,
  model: LanguageModel,
  say: (line: string) => void,
): SftExample[] {
  const { condition, items, seed } = config
  const text = textModel(model, { weights: 'policy', identity: model.info.digest })
  const budget = promptBudget(text, taskOf(split).maxTokens, config.budget)
  const { 'zero-shot': zeroShot, bump } = profiles
  const prompts = conditionPrompts(split, condition, { items, budget, seed, model: text, zeroShot, bump })
  const target = targetEncoder(model.tokenizer)
  const { golds = [] } = split
  const all = split.questions.map(({ id, user }, q) => ({
    id,
    user,
    prompt: model.tokenizer.chat(prompts[q]),
    target: target(golds[q].trim()),
  }))
  const cut = split.questions.filter(({ input }) => text.countTokens(input) > budget).length
  if (cut > 0)
    say(`${cut} of ${all.length} questions are longer than the ${budget} tokens of a prompt: their end is cut`)
  const { contextLength, name } = model.info
  const kept = all.filter(
    ({ prompt, target }, q) => golds[q].trim() !== '' && prompt.length + target.length <= contextLength,
  )
  if (kept.length < all.length)
    say(
      `${all.length - kept.length} of ${all.length} questions are left out: their answer is empty, or longer with its prompt than the ${contextLength} tokens of ${name}`,
    )
  return kept
}
