// A profile generator opened for use: a run's best checkpoint, or any model zero-shot.

import { type Command, InvalidArgumentError } from 'commander'
import type { GeneratorSettings } from '../../generator/profile-users.ts'
import type { LogSource } from '../../logs/types.ts'
import { type OnnxModel, openModel } from '../../model/onnx/open.ts'
import { bestCheckpoint, checkpointPath } from '../../run/read.ts'
import { trainConfigSchema } from '../../train/config.ts'
import { readTrainedRun } from '../../train/trained-run.ts'

import { BumpError } from '../../util/errors.ts'
import { addEngineFlags, type EngineFlags, engineOptions } from './engine-flags.ts'
import { naturalNumber, positiveInteger, temperatureValue } from './flag-values.ts'

export interface GeneratorFlags extends EngineFlags {
  run?: string
  model?: string
  system?: string
  instruction?: string
  historyTokens?: number
  interactionTokens?: number
  maxTokens?: number
  temperature?: number
  seed?: number
}

export interface Generator {
  model: OnnxModel
  settings: GeneratorSettings
  /** Logs that the run was trained on; absent without a run. */
  logs?: LogSource
}

/** Adds --run, --model and the flags of the prompt and the sampling. */
export function addGeneratorFlags(command: Command): Command {
  command
    .option('--run <folder>', 'run folder of bump train: its best checkpoint writes the profiles')
    .option('--model <where>', 'untrained model instead: a Hugging Face folder, a .gguf file or a hub name')
    .option('--system <text>', "system message of the prompt (default: as the run, else bump's)")
    .option('--instruction <text>', "what asks for the profile (default: as the run, else bump's)")
    .option('--history-tokens <count>', 'tokens of history shown (default: as the run, else 300)', atLeast(8))
    .option('--interaction-tokens <count>', 'tokens of one interaction (default: as the run, else 48)', atLeast(2))
    .option('--max-tokens <count>', 'tokens of a profile (default: as the run, else 96)', positiveInteger)
    .option('--temperature <number>', '0 is greedy (default: as the run, else 0)', temperatureValue)
    .option('--seed <number>', 'seed of the sampling (default: as the run, else 1)', naturalNumber)
  return addEngineFlags(command)
}

function atLeast(least: number): (text: string) => number {
  return (text) => {
    const value = positiveInteger(text)
    if (value < least) throw new InvalidArgumentError(`Expected at least ${least}.`)
    return value
  }
}

/**
 * Opens what --run or --model names; the caller closes the model. Throws BumpError where neither or both are given, or
 * the run's base model is another one than it was trained on.
 */
export async function openGenerator(flags: GeneratorFlags, onProgress: (line: string) => void): Promise<Generator> {
  if ((flags.run === undefined) === (flags.model === undefined))
    throw new BumpError('invalid-options', 'give either --run (a trained generator) or --model (an untrained one)')
  const options = { ...engineOptions(flags), onProgress }
  if (flags.model !== undefined) {
    const defaults = trainConfigSchema.parse({ name: 'default', logs: { paths: ['-'] }, model: flags.model })
    return { model: await openModel(flags.model, options), settings: settingsOf(defaults, flags) }
  }
  const run = flags.run!
  const { header, config } = readTrainedRun(run)
  const step = bestCheckpoint(run)
  const model = await openModel(config.model, { ...options, trainable: config.trainable, quantize: config.quantize })
  try {
    if (model.info.digest !== header.model.digest)
      throw new BumpError(
        'invalid-options',
        `${config.model} is not the model that ${run} was trained on: its content has changed.`,
      )
    await model.loadState(checkpointPath(run, step))
  } catch (error) {
    await model.close()
    throw error
  }
  onProgress(`generator: ${run}, best checkpoint step-${step}`)
  return { model, settings: settingsOf(config, flags), logs: config.logs }
}

function settingsOf(config: ReturnType<typeof trainConfigSchema.parse>, flags: GeneratorFlags): GeneratorSettings {
  return {
    prompt: {
      system: flags.system ?? config.prompt.system,
      instruction: flags.instruction ?? config.prompt.instruction,
      historyTokens: flags.historyTokens ?? config.prompt.historyTokens,
      interactionTokens: flags.interactionTokens ?? config.prompt.interactionTokens,
    },
    maxTokens: flags.maxTokens ?? config.profile.maxTokens,
    temperature: flags.temperature ?? config.profile.temperature,
    seed: flags.seed ?? config.seed,
  }
}
