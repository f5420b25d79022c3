// Flags of every command that opens a model: what the engine runs on, the memory that it may take, and a server that
// trains in its place.
import { type Command, Option } from 'commander'
import { DEVICES, type DeviceRequest } from '../../model/onnx/open.ts'
import { memorySize, positiveInteger } from './flag-values.ts'

export interface EngineFlags {
  threads?: number
  device?: DeviceRequest
  /** Bytes. */
  memory?: number
}

/** Adds --threads, --device and --memory. */
export function addEngineFlags(command: Command): Command {
  return command
    .option('--threads <count>', 'threads of the engine (default: all cores)', positiveInteger)
    .addOption(
      new Option('--device <name>', 'what computes; auto takes CUDA where it works (default: cpu)').choices(DEVICES),
    )
    .option(
      '--memory <size>',
      "memory that the command may take, such as 3GB (default: most of the machine's)",
      memorySize,
    )
}

export interface TrainEngineFlags extends EngineFlags {
  engine?: string
  server?: string
}

/** Adds --engine and --server. */
export function addTrainEngineFlags(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--engine <name>',
        'where to train, if not on this machine: tinker, a server of the Tinker protocol such as SkyRL on Ray',
      ).choices(['tinker']),
    )
    .option('--server <address>', 'of --engine tinker (default: TINKER_BASE_URL; a key stands in TINKER_API_KEY)')
}

/** The engine's options among a command's flags. */
export const engineOptions = ({ threads, device, memory }: EngineFlags): EngineFlags => ({ threads, device, memory })
