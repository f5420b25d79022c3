// What of a model is trained, as a caller may write it, with the defaults that a run's configuration, the command line
// and programs share.
import { BumpError } from '../util/errors.ts'
import { type LoraShape, PROJECTIONS, type Trainable } from './contract.ts'

/** `'lora'` is an adapter of the default shape, `'full'` all of the weights. */
export type TrainableInput = 'lora' | 'full' | ({ type: 'lora' } & Partial<LoraShape>) | { type: 'full' }

/** LoRA on all linear layers [paper]; rank and alpha are bump's. */
export const LORA_DEFAULTS: LoraShape = { rank: 16, alpha: 32, targets: [...PROJECTIONS], rsLora: false }

/**
 * What a trained policy is opened with to be read, and trained no further: an adapter is loaded onto a model opened for
 * inference, full weights take the place of the base's.
 */
export function toRead({ type }: { type: Trainable['type'] }): Trainable | undefined {
  return type === 'full' ? { type } : undefined
}

/** The input with every default. Throws BumpError (`invalid-options`) where it is neither of the two types. */
export function resolveTrainable(input: TrainableInput): Trainable {
  const type = typeof input === 'string' ? input : input.type
  if (type !== 'lora' && type !== 'full')
    throw new BumpError('invalid-options', `trainable: there is no ${JSON.stringify(type)}. It is lora, full.`)
  if (input === 'full') return { type: 'full' }
  if (input === 'lora') return { type: 'lora', ...LORA_DEFAULTS }
  return input.type === 'full' ? input : { ...LORA_DEFAULTS, ...input }
}
