// `bump evaluate population`: how well a person is found among ever more people. The work is evaluatePopulation() of
// evaluate/population/.
import { Command } from 'commander'
import { DEFAULT_SIZES, evaluatePopulation } from '../evaluate/population/evaluate.ts'
import { addEngineFlags } from './shared/engine-flags.ts'
import { runEvaluation } from './shared/evaluation.ts'
import { positiveInteger } from './shared/flag-values.ts'
import { addMeasuredFlags, type MeasuredFlags, planOptionsOf } from './shared/measured-flags.ts'
import { commandLine } from './shared/process.ts'

const HELP = `
Each profile is put beside one later interaction of its person and one of each of N others: does the person's come
first? The others are all people of the logs, those of the training too: they need no profile. So a thousand others
cost an encoder a thousand short texts, once.

Examples:
  bump evaluate population --run runs/posts --judge embedding=BAAI/bge-small-en-v1.5
  bump evaluate population --run runs/posts --sizes 10,50,500 --judge embedding=BAAI/bge-small-en-v1.5
  bump evaluate population --run runs/posts --users 10 --judge likelihood
`

interface PopulationFlags extends MeasuredFlags {
  sizes?: number[]
}

/** `bump evaluate population`. */
export function evaluatePopulationCommand(): Command {
  const command = new Command('population').description('measure how well a person is found among many people')
  addMeasuredFlags(command, '200, with a judge of pairs 24', 'population')
    .option(
      '--sizes <list>',
      `others (N), with commas between (default: of ${DEFAULT_SIZES.join(',')} those that fit; with a judge of pairs up to 100)`,
      (text) => text.split(',').map((part) => positiveInteger(part.trim())),
    )
    .addHelpText('after', HELP)
  return addEngineFlags(command).action((flags: PopulationFlags) => runPopulation(flags, commandLine(command)))
}

async function runPopulation(flags: PopulationFlags, command: string): Promise<void> {
  await runEvaluation({ flags, command, folder: 'population', files: 'result.json' }, (shared) =>
    evaluatePopulation({ ...planOptionsOf(flags), sizes: flags.sizes, ...shared }),
  )
}
