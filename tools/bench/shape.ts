// The shapes that are measured: models with random weights, written once into the cache as Hugging Face folders, so that
// a benchmark needs no download and goes the whole way from files.
import { existsSync, readFileSync } from 'node:fs'
import type { ModelConfig } from '../../src/engine/model/config.ts'
import { newWeight } from '../../src/engine/runtime/model-weights.ts'
import { writeHuggingFaceFolder } from '../../src/engine/weights/save-weights.ts'
import { cacheFolder } from '../../src/util/files.ts'

const SHAPES: Record<string, ModelConfig> = JSON.parse(readFileSync(new URL('shapes.json', import.meta.url), 'utf8'))

/** A shape by its name in shapes.json. */
export interface Shape {
  name: string
  config: ModelConfig
}

const shape = (name: string): Shape => ({ name, config: SHAPES[name] })
export const SMOLLM2_135M = shape('smollm2-135m')
export const QWEN25_05B = shape('qwen2.5-0.5b')
export const TINY_LLAMA = shape('tiny-llama')
export const TINY_QWEN2 = shape('tiny-qwen2')

/** Folder of the random model; made when it is missing. */
export function benchModel({ name, config }: Shape): string {
  const folder = cacheFolder('bench', `${name}-random`)
  if (!existsSync(`${folder}/model.safetensors`)) {
    writeHuggingFaceFolder(folder, config, (name) => newWeight(config, name, 1), 'F16')
  }
  return folder
}

/** Parameters of all linear layers (no embedding), of the adapter at a rank, and of the head. */
function sizes(c: ModelConfig, rank: number) {
  const pairs = [
    [c.hidden, c.heads * c.headDim],
    [c.hidden, c.kvHeads * c.headDim],
    [c.hidden, c.kvHeads * c.headDim],
    [c.heads * c.headDim, c.hidden],
    [c.hidden, c.ffn],
    [c.hidden, c.ffn],
    [c.ffn, c.hidden],
  ]
  return {
    linear: c.layers * pairs.reduce((sum, [i, o]) => sum + i * o, 0),
    adapter: c.layers * pairs.reduce((sum, [i, o]) => sum + (i + o) * rank, 0),
    head: c.vocab * c.hidden,
  }
}

/**
 * Floating-point operations of one training run: forward and input gradients of the frozen weights (4 a weight and
 * row), forward and both gradients of the adapter (6), the head at the predicted rows (4), attention (12 a pair and
 * layer).
 */
export function trainFlops(c: ModelConfig, rows: number, predicted: number, attendedPairs: number): number {
  const { linear, adapter, head } = sizes(c, 16)
  return (
    4 * rows * linear + 6 * rows * adapter + 4 * predicted * head + 12 * attendedPairs * c.heads * c.headDim * c.layers
  )
}
