// The optimiser's state on disk, beside the policy: optimizer.safetensors with AdamW's moments.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { BumpError } from '../../util/errors.ts'
import { BinaryFile } from '../weights/binary-file.ts'
import { readElements, readSafetensors, writeSafetensors } from '../weights/safetensors.ts'
import type { OwnedTensor } from './model-weights.ts'
import type { OptimiserState } from './train.ts'

const FILE = 'optimizer.safetensors'
const stateSchema = z.object({ base: z.string(), step: z.number().int().min(0) })

export function writeOptimiser(folder: string, state: OptimiserState): void {
  const tensors = new Map(
    (['first', 'second'] as const).flatMap((moment) =>
      [...state[moment]].map(([name, { dims, data }]) => [`${moment}.${name}`, { dims, data: () => data }] as const),
    ),
  )
  writeSafetensors(join(folder, FILE), tensors)
}

export const STATE_FILE = 'state.json'

/**
 * The step of a checkpoint that belongs to the model with digest `base`.
 * @throws BumpError when it is incomplete or belongs to another model.
 */
export function stepOfCheckpoint(folder: string, base: string): number {
  const path = join(folder, STATE_FILE)
  let saved: z.infer<typeof stateSchema>
  try {
    saved = stateSchema.parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch (cause) {
    throw new BumpError(
      'model-unusable',
      `${path} is missing or damaged: this is no complete checkpoint. Use an earlier one.`,
      { cause },
    )
  }
  if (saved.base !== base)
    throw new BumpError(
      'model-unusable',
      `the checkpoint ${folder} belongs to another model (${saved.base.slice(0, 12)}…); use the one it was trained from`,
    )
  return saved.step
}

/**
 * The optimiser's state of a checkpoint that belongs to the model with digest `base`.
 * @throws BumpError when it belongs to another model or does not fit the trained tensors.
 */
export function readOptimiser(folder: string, base: string, trained: ReadonlyMap<string, OwnedTensor>): OptimiserState {
  const state: OptimiserState = { step: stepOfCheckpoint(folder, base), first: new Map(), second: new Map() }
  const file = new BinaryFile(join(folder, FILE))
  try {
    for (const [key, tensor] of readSafetensors(file)) {
      const [moment, ...rest] = key.split('.')
      const name = rest.join('.')
      const owner = trained.get(name)
      if ((moment !== 'first' && moment !== 'second') || owner?.dims.join() !== tensor.dims.join())
        throw new BumpError(
          'model-unusable',
          `${join(folder, FILE)}: ${key} does not fit the trained tensors; use the lora settings of that run`,
        )
      const size = tensor.dims.reduce((a, b) => a * b, 1)
      state[moment].set(name, { dims: tensor.dims, data: readElements(tensor, 0, size) })
    }
  } finally {
    file.close()
  }
  const { first, second } = state
  // Before the first gradient there are no moments; after it, each trained tensor has both.
  if (first.size !== second.size || (first.size > 0 && first.size !== trained.size))
    throw new BumpError(
      'model-unusable',
      `${join(folder, FILE)}: has moments of ${Math.min(first.size, second.size)} of ${trained.size} trained tensors: ` +
        'this is no complete checkpoint. Use an earlier one.',
    )
  return state
}
