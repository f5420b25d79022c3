// Whether a model is read in 8 bits where nobody says.
import { type ModelConfig, weightShapes } from '../model/config.ts'
import { chooseDevice, type DeviceRequest } from './device.ts'
import { activationLevels } from './integer-levels.ts'

/** Smaller models are no faster in 8 bits: what lies between their products weighs more. */
const PARAMETERS = 100e6

/**
 * int8 for sampling and scoring with models of 100 M parameters and more, on a processor with integer products of full
 * range (VNNI, AMX or arm64); the exact weights otherwise, and where all of them are trained. docs/performance.md has
 * what it gains and what it costs.
 */
export async function defaultQuantize(
  config: ModelConfig,
  { trainable, device = 'cpu' }: { trainable?: { type: 'lora' | 'full' }; device?: DeviceRequest },
): Promise<'none' | 'int8'> {
  if (trainable?.type === 'full' || parametersOf(config) < PARAMETERS) return 'none'
  if ((await chooseDevice(device)).device !== 'cpu') return 'none'
  return (await activationLevels()) === 127 ? 'int8' : 'none'
}

function parametersOf(config: ModelConfig): number {
  return [...weightShapes(config).values()].reduce((sum, dims) => sum + dims.reduce((a, b) => a * b, 1), 0)
}
