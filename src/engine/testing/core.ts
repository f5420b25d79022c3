// A model opened for the engine's tests, without the worker thread.
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Core } from '../runtime/core.ts'
import type { Device } from '../runtime/device.ts'
import { ROWS } from '../runtime/memory.ts'
import { ModelWeights, type Trainable } from '../runtime/model-weights.ts'
import { openQuantized } from '../runtime/prepare-quantized.ts'
import { Sessions } from '../runtime/sessions.ts'
import { openWeights } from '../weights/open-weights.ts'

/** The tiny models of scripts/golden/tiny_models.py: one of each family, and one with YaRN. */
export const TINY_MODELS = [
  'tiny-llama',
  'tiny-qwen2',
  'tiny-qwen3',
  'tiny-gemma3',
  'tiny-smollm3',
  'tiny-mistral',
  'tiny-ministral',
  'tiny-granite',
  'tiny-granite4',
  'tiny-phi3',
  'tiny-olmo2',
  'tiny-yarn',
] as const

/** Folder of a tiny model. */
export const golden = (name: string): string => fileURLToPath(new URL(`../golden/${name}`, import.meta.url))

/** Conversions of tests go to a folder of their own. */
export function useTemporaryCache(): void {
  process.env.BUMP_CACHE = mkdtempSync(join(tmpdir(), 'bump-test-'))
}

export async function openCore(
  folder: string,
  trainable?: Trainable,
  quantize: boolean | 'backward' = false,
  device: Device = 'cpu',
): Promise<Core> {
  const store = await openWeights(folder)
  const quantized = quantize ? await openQuantized(folder, { backward: quantize === 'backward' }) : undefined
  const sessions = new Sessions(
    store.config,
    { exact: store, quantized },
    1,
    Math.min(store.config.contextLength, 512),
    true,
    device,
  )
  return {
    config: store.config,
    sessions,
    weights: new ModelWeights(store.config, sessions, trainable),
    quantized: quantize !== false,
    rows: ROWS,
  }
}
