// Flags of every command that opens a model: what the engine runs on, and what training may take.
import { type Command, Option } from 'commander'
import { DEVICES, type DeviceRequest } from '../../model/onnx/open.ts'
import { memorySize, positiveInteger } from './flag-values.ts'

export interface EngineFlags {
  threads?: number
  device?: DeviceRequest
}

export interface TrainingFlags extends EngineFlags {
  /** Bytes. */
  memory?: number
}

/** Adds --threads and --device. */
export function addEngineFlags(command: Command): Command {
  return command
    .option('--threads <count>', 'threads of the engine (default: all cores)', positiveInteger)
    .addOption(
      new Option('--device <name>', 'what computes; auto takes a GPU where one is found (default: cpu)').choices(
        DEVICES,
      ),
    )
}

/** Adds --memory too. */
export function addTrainingFlags(command: Command): Command {
  return addEngineFlags(command).option(
    '--memory <size>',
    "memory that training may take, such as 3GB (default: most of the machine's)",
    memorySize,
  )
}

/** The engine's options among a command's flags. */
export const engineOptions = ({ threads, device }: EngineFlags): EngineFlags => ({ threads, device })
/** The same, with those of training. */
export const trainingOptions = ({ threads, device, memory }: TrainingFlags): TrainingFlags => ({
  threads,
  device,
  memory,
})
