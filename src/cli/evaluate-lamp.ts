// `bump evaluate lamp`: a LaMP task answered by one backbone under several conditions, as one table.
import { join } from 'node:path'
import { Command, InvalidArgumentError, Option } from 'commander'
import { CONDITIONS, type Condition } from '../lamp/conditions.ts'
import { evaluateLamp } from '../lamp/evaluate.ts'
import { LAMP_SPLITS, type LampSplitName } from '../lamp/read.ts'
import { DEFAULT_BUDGET } from '../lamp/run.ts'
import type { LampTaskNumber } from '../lamp/types.ts'
import { addEngineFlags, engineOptions } from './shared/engine-flags.ts'
import { naturalNumber, positiveInteger, taskNumber } from './shared/flag-values.ts'
import { commandLine, interruptible } from './shared/process.ts'
import { workProgress } from './shared/progress.ts'
import { resultTableText } from './shared/result-table.ts'
import { print } from './shared/terminal.ts'
import { adapterOf, addTextModelFlags, openTextModel, type TextModelFlags } from './shared/text-model.ts'

const HELP = `
Conditions: ${CONDITIONS.join(', ')}. By default all for which profiles can be had:
zero-shot profiles come from the untrained base of --run (else from --zero-shot-model, else from the backbone), bump
profiles from --run or --profiles. Answers of classification tasks are chosen among the valid labels where the backbone
gives probabilities; titles, headlines and paraphrases are decoded greedily.

A generator reads an item as the one field that its run was trained on (--text of bump train, else what that takes from
LaMP files by itself), where the items have that field, else as all that the task's items hold. --text says it otherwise.

<out> holds result.json (for bump report), predictions/<condition>.json in the benchmark's shape and questions.jsonl.
Profiles and answers are kept there by content: an interrupted command goes on where it stopped, and nothing is asked
twice.

Examples:
  bump evaluate lamp --task 5 --data LaMP_5 --backbone ./SmolLM2-135M-Instruct --run runs/papers
  bump evaluate lamp --task 3 --data reviews --backbone judge.gguf --conditions none,recent,bm25 --questions 60
  bump evaluate lamp --task 5 --data LaMP_5 --backbone ./SmolLM2-135M-Instruct --run runs/papers \\
    --sft none=runs/sft-none --sft bump=runs/sft-bump
  bump evaluate lamp --task 4 --data LaMP_4 --server http://localhost:8000/v1 --server-model qwen3 --run runs/news
`

interface EvaluateLampFlags extends TextModelFlags {
  task: LampTaskNumber
  oldNews?: boolean
  data: string
  split: LampSplitName
  run?: string
  profiles?: string
  zeroShotModel?: string
  conditions?: Condition[]
  sft: { condition: Condition; adapter: string }[]
  text?: string
  questions?: number
  items: number
  budget?: number
  freeAnswers?: boolean
  seenUsers?: boolean
  out?: string
  seed: number
}

/** `bump evaluate lamp`. */
export function evaluateLampCommand(): Command {
  const command = new Command('lamp')
    .description('answer a LaMP task with and without profiles, and compare')
    .addOption(new Option('--task <number>', 'task of the benchmark').argParser(taskNumber).makeOptionMandatory())
    .requiredOption('--data <folder>', 'folder of the downloaded files: LaMP_N, or one that holds them')
    .addOption(new Option('--split <name>', 'part of the data').choices(LAMP_SPLITS).default('dev'))
  addTextModelFlags(command)
    .option('--run <folder>', 'run folder of bump train: its best checkpoint writes the bump profiles')
    .option('--profiles <file>', 'bump profiles from a file of bump profile instead')
    .option('--zero-shot-model <where>', "writes the zero-shot profiles (default: the run's base, else the backbone)")
    .option(
      '--conditions <list>',
      'conditions to compare, with commas between (default: all that can be)',
      conditionList,
    )
    .option(
      '--sft <condition=folder>',
      'a row after LoRA-SFT: the backbone with this adapter; may be repeated',
      adapted,
      [],
    )
    .option('--text <fields>', 'what a generator reads of an item: title, or "{title}: {abstract}"')
    .option('--questions <count>', 'about so many questions: whole users, drawn by the seed', positiveInteger)
    .option('--items <count>', 'items in a prompt that shows items', positiveInteger, 4)
    .option(
      '--budget <tokens>',
      `tokens of a prompt (default: ${DEFAULT_BUDGET}, or what the context allows)`,
      positiveInteger,
    )
    .option('--free-answers', 'classification in free text, also where labels could be chosen')
    .option('--old-news', 'permit the old task 2, news categories (LaMP-2N)')
    .option('--seen-users', "permit users of the training: LaMP's time split has the same users")
    .option('--out <folder>', 'where the results go (default: evaluate/lamp-<task>-<split> in the run or in runs)')
    .option('--seed <number>', 'seed of sampled questions, random items and intervals', naturalNumber, 1)
    .addHelpText('after', HELP)
    .action((flags: EvaluateLampFlags) => runEvaluateLamp(flags, commandLine(command)))
  return addEngineFlags(command)
}

function condition(name: string): Condition {
  const found = CONDITIONS.find((known) => known === name)
  if (found === undefined)
    throw new InvalidArgumentError(`No condition "${name}". Conditions are ${CONDITIONS.join(', ')}.`)
  return found
}

function conditionList(text: string): Condition[] {
  return [...new Set(text.split(',').map((name) => condition(name.trim())))]
}

function adapted(text: string, before: EvaluateLampFlags['sft']): EvaluateLampFlags['sft'] {
  const at = text.indexOf('=')
  if (at < 1 || at === text.length - 1) throw new InvalidArgumentError('Write it as condition=folder.')
  const next = { condition: condition(text.slice(0, at)), adapter: text.slice(at + 1) }
  if (before.some((other) => other.condition === next.condition))
    throw new InvalidArgumentError(`${next.condition} has an adapter already.`)
  return [...before, next]
}

async function runEvaluateLamp(flags: EvaluateLampFlags, command: string): Promise<void> {
  const { run, task, split, backbone, adapter, quantize, sft } = flags
  const out = flags.out ?? join(run ?? 'runs', 'evaluate', `lamp-${task}-${split}`)
  // Before anything is answered: the adapters are opened only when the rows without one are done.
  if (backbone !== undefined)
    for (const folder of [adapter, ...sft.map((row) => row.adapter)]) if (folder) adapterOf(folder, quantize)
  const progress = workProgress()
  try {
    const { tables } = await interruptible(
      () =>
        progress.say('stopping; what is answered so far is kept, the same command goes on. Ctrl-C again stops at once'),
      (signal) =>
        evaluateLamp({
          ...flags,
          out,
          command,
          localBackbone: backbone,
          openBackbone: (other) => openTextModel({ ...flags, adapter: other ?? adapter }, progress.say, signal),
          engine: engineOptions(flags),
          signal,
          onNote: progress.say,
          onProgress: progress.update,
        }),
    )
    progress.done()
    print(`\n${resultTableText(tables[0])}\nAll of it is in ${out}\n`)
  } finally {
    progress.done()
  }
}
