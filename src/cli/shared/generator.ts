// Flags of every command that writes profiles with a generator: which one, and what it is asked.

import { type Command, InvalidArgumentError, Option } from 'commander'
import type { ProfileGenerator } from '../../generator/generator.ts'
import { openGenerator } from '../../generator/open.ts'
import { openServedGenerator } from '../../generator/open-served.ts'
import { QUANTIZE, type Quantize } from '../../model/contract.ts'
import type { OnLine } from '../../util/byte-progress.ts'
import { BumpError } from '../../util/errors.ts'
import { addEngineFlags, type EngineFlags, engineOptions } from './engine-flags.ts'
import { naturalNumber, positiveInteger, temperatureValue } from './flag-values.ts'
import { addServerFlags, type ServerFlags, serverOf } from './server-flags.ts'

export interface GeneratorFlags extends EngineFlags, ServerFlags {
  run?: string
  model?: string
  quantize?: Quantize
  system?: string
  instruction?: string
  historyTokens?: number
  interactionTokens?: number
  maxTokens?: number
  temperature?: number
  seed?: number
}

/** Adds --run, --model, --server and the flags of the prompt and the sampling. */
export function addGeneratorFlags(command: Command): Command {
  command
    .option('--run <folder>', 'run folder of bump train: its best checkpoint writes the profiles')
    .option('--model <where>', 'untrained model instead: a Hugging Face folder, a .gguf file or a hub name')
    .addOption(
      new Option(
        '--quantize <integers>',
        'integers that the matrices of --model are read in (default: int8 from 100 M parameters on)',
      ).choices(QUANTIZE),
    )
    .option('--system <text>', "system message of the prompt (default: as the run, else bump's)")
    .option('--instruction <text>', "what asks for the profile (default: as the run, else bump's)")
    .option('--history-tokens <count>', 'tokens of history shown (default: as the run, else 300)', atLeast(8))
    .option('--interaction-tokens <count>', 'tokens of one interaction (default: as the run, else 48)', atLeast(2))
    .option('--max-tokens <count>', 'tokens of a profile (default: as the run, else 96)', positiveInteger)
    .option('--temperature <number>', '0 is greedy (default: as the run, else 0)', temperatureValue)
    .option('--seed <number>', 'seed of the sampling (default: as the run, else 1)', naturalNumber)
  return addEngineFlags(addServerFlags(command, "a model on a server instead; with --run, that run's adapter there"))
}

function atLeast(least: number): (text: string) => number {
  return (text) => {
    const value = positiveInteger(text)
    if (value < least) throw new InvalidArgumentError(`Expected at least ${least}.`)
    return value
  }
}

/** Whether the flags name a generator. */
export const namesGenerator = ({ run, model, server }: GeneratorFlags): boolean =>
  (run ?? model ?? server) !== undefined

/** Throws BumpError unless one of --run and --model is given, or --server, which goes without a model of this machine. */
export function checkGeneratorFlags({ run, model, server, quantize }: GeneratorFlags): void {
  const wrong = (message: string) => new BumpError('invalid-options', message)
  if (server !== undefined) {
    if (model !== undefined)
      throw wrong('--model is a model on this machine: name that on the server by --server-model')
    if (quantize !== undefined) throw wrong('--quantize is of models on this machine: the server has its own')
  } else if ((run === undefined) === (model === undefined))
    throw wrong(
      'give either --run (a trained generator) or --model (an untrained one), or --server (a model on a server)',
    )
}

/**
 * Opens what --run, --model or --server names; the caller closes it. `users`: of openGenerator's options. Throws
 * BumpError where none or several are given, or what openGenerator throws.
 */
export async function generatorOfFlags(
  flags: GeneratorFlags,
  onProgress: OnLine,
  signal: AbortSignal,
  users?: number,
): Promise<ProfileGenerator> {
  checkGeneratorFlags(flags)
  const { run, model, quantize, system, instruction, historyTokens, interactionTokens, maxTokens, temperature, seed } =
    flags
  const prompt = { system, instruction, historyTokens, interactionTokens }
  const server = serverOf(flags, onProgress)
  if (server !== undefined) return openServedGenerator(server, { run, prompt, maxTokens, temperature, seed })
  return await openGenerator(run ?? { model: model! }, {
    ...engineOptions(flags),
    ...{ quantize, prompt, maxTokens, temperature, seed, users },
    signal,
    onProgress,
  })
}
