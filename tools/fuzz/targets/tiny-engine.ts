// A model of a few hundred weights, written and opened for training.
import { join } from 'node:path'
import { Engine } from '../../../src/engine/engine.ts'
import type { ModelConfig } from '../../../src/engine/model/config.ts'
import { writeHuggingFaceFolder } from '../../../src/engine/weights/save-weights.ts'
import { tinyConfig, tinyWeights } from '../../../src/engine/weights/testing/tiny-model.ts'

/** Writes the tiny model of a family as a Hugging Face folder. */
export function writeTiny(folder: string, family: ModelConfig['family']): void {
  const weights = tinyWeights(tinyConfig(family))
  writeHuggingFaceFolder(folder, tinyConfig(family), (name) => weights.get(name) as Float32Array)
}

/** The engine on a tiny Llama in `folder`/model, with an adapter to train. */
export function tinyEngine(folder: string): Promise<Engine> {
  writeTiny(join(folder, 'model'), 'llama')
  const trainable = { type: 'lora', rank: 2, alpha: 4 } as const
  return Engine.open(join(folder, 'model'), { trainable, threads: 1, memory: 1e9 })
}
