// `bump evaluate predictions`: scores prediction files in LaMP's shape, whichever system wrote them.
import { basename, extname, join } from 'node:path'
import { Command, Option } from 'commander'
import type { EvaluationResult } from '../evaluate/result.ts'
import { compareScores, scoreTable } from '../lamp/metrics.ts'
import { readPredictions } from '../lamp/outputs.ts'
import { LAMP_SPLITS, type LampSplitName, readLamp } from '../lamp/read.ts'
import { taskOf } from '../lamp/tasks.ts'
import type { LampTaskNumber } from '../lamp/types.ts'
import { BumpError } from '../util/errors.ts'
import { writeFileAtomic } from '../util/files.ts'
import { commandLine } from './shared/command-line.ts'
import { naturalNumber, taskNumber } from './shared/flag-values.ts'
import { resultTableText } from './shared/result-table.ts'

const HELP = `
A file holds {"task": "LaMP_N", "golds": [{"id", "output"}]}, as the benchmark takes it and bump evaluate lamp writes it: one
prediction for every question of the split, no more. Every file is a row; later ones are compared with the first, paired.

Examples:
  bump evaluate predictions --task 5 --data LaMP_5 ours.json theirs.json
  bump evaluate predictions --task 3 --data LaMP_3 --out scored predictions/*.json
`

interface PredictionsFlags {
  task: LampTaskNumber
  data: string
  split: LampSplitName
  oldNews?: boolean
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
    .option('--old-news', 'permit the old task 2, news categories (LaMP-2N)')
    .option('--out <folder>', 'writes result.json there, for bump report')
    .option('--seed <number>', 'seed of the intervals', naturalNumber, 1)
    .addHelpText('after', HELP)
    .action((files: string[], flags: PredictionsFlags) => scoreFiles(files, flags, commandLine(command)))
  return command
}

function scoreFiles(files: readonly string[], flags: PredictionsFlags, command: string): void {
  const started = performance.now()
  const split = readLamp(flags.data, flags)
  if (split.golds === undefined)
    throw new BumpError(
      'invalid-options',
      `${split.file}: the golds of this split are withheld, so nothing can be scored: use --split dev`,
    )
  const rows = [...new Set(files)].map((file) => ({ file, predictions: readPredictions(file, split) }))
  const task = taskOf(split)
  const users = new Set(split.questions.map(({ user }) => user)).size
  const result: EvaluationResult = {
    kind: 'lamp',
    createdAt: new Date().toISOString(),
    command,
    seconds: 0,
    tables: [
      {
        title: `${split.variant}: ${task.title}`,
        notes: [
          ...(split.rebuilt
            ? ["Rebuilt in LaMP's shape from other sources: not comparable with published LaMP scores."]
            : []),
          `${split.questions.length} questions of ${users} users; means with 95 % intervals, bootstrap over users; differences are paired.`,
        ],
        metrics: [...task.metrics],
        rows: rows.map(({ file, predictions }) => ({
          condition: file,
          label: basename(file, extname(file)),
          n: split.questions.length,
          values: scoreTable(split, predictions, flags.seed).values,
        })),
        differences: rows.slice(1).map(({ file, predictions }) => ({
          a: file,
          b: rows[0].file,
          values: compareScores(split, predictions, rows[0].predictions, flags.seed),
        })),
      },
    ],
    settings: { task: split.task, variant: split.variant, questionsFile: split.file, seed: flags.seed },
  }
  result.seconds = Math.round((performance.now() - started) / 100) / 10
  if (flags.out !== undefined)
    writeFileAtomic(join(flags.out, 'result.json'), `${JSON.stringify(result, undefined, 2)}\n`)
  process.stdout.write(resultTableText(result.tables[0]))
}
