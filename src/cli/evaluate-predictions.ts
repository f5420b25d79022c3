// `bump evaluate predictions`: scores prediction files in LaMP's shape, whichever system wrote them.
import { Command, Option } from 'commander'
import { scorePredictions } from '../lamp/evaluate.ts'
import { LAMP_SPLITS, type LampSplitName } from '../lamp/read.ts'
import type { LampTaskNumber } from '../lamp/types.ts'
import { collectGroups, naturalNumber, positiveInteger, taskNumber } from './shared/flag-values.ts'
import { commandLine } from './shared/process.ts'
import { resultTableText } from './shared/result-table.ts'
import { print } from './shared/terminal.ts'

const HELP = `
A file holds {"task": "LaMP_N", "golds": [{"id", "output"}]}, as the benchmark takes it and bump evaluate lamp writes it: one
prediction for every question of the split, no more. Every file is a row; later ones are compared with the first, paired.
--group adds the mean over files, such as those of runs with several seeds.

Examples:
  bump evaluate predictions --task 5 --data LaMP_5 ours.json theirs.json
  bump evaluate predictions --task 3 --data LaMP_3 --out scored predictions/*.json
  bump evaluate predictions --task 5 --data LaMP_5 none.json a-1.json a-2.json b-1.json b-2.json \
    --group a=a-1.json,a-2.json --group b=b-1.json,b-2.json
`

interface PredictionsFlags {
  task: LampTaskNumber
  data: string
  split: LampSplitName
  oldNews?: boolean
  questions?: number
  group?: Record<string, string[]>
  seed: number
  out?: string
}

/** `bump evaluate predictions`. */
export function evaluatePredictionsCommand(): Command {
  const command = new Command('predictions')
    .description("score prediction files of any system by LaMP's rules")
    .argument('<files...>', 'prediction files')
    .addOption(new Option('--task <number>', 'task of the benchmark').argParser(taskNumber).makeOptionMandatory())
    .requiredOption('--data <folder>', 'folder of the downloaded files: LaMP_N, or one that holds them')
    .addOption(new Option('--split <name>', 'part of the data').choices(LAMP_SPLITS).default('dev'))
    .option(
      '--questions <count>',
      'of a sample: as many as bump evaluate lamp was told, with the same --seed',
      positiveInteger,
    )
    .option('--group <name=files>', 'files whose mean is a row, with commas between; may be repeated', collectGroups)
    .option('--old-news', 'permit the old task 2, news categories (LaMP-2N)')
    .option('--out <folder>', 'writes result.json there, for bump report')
    .option('--seed <number>', 'seed of sampled questions and intervals', naturalNumber, 1)
    .addHelpText('after', HELP)
    .action((files: string[], flags: PredictionsFlags) => scoreFiles(files, flags, commandLine(command)))
  return command
}

function scoreFiles(files: readonly string[], flags: PredictionsFlags, command: string): void {
  const { tables } = scorePredictions(files, { ...flags, groups: flags.group, command })
  print(resultTableText(tables[0]))
}
