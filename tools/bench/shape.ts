// The shape that is measured: SmolLM2-135M with random weights, written once into the cache as a Hugging Face folder,
// so that a benchmark needs no download and goes the whole way from files.
import { existsSync } from 'node:fs'
import type { ModelConfig } from '../../src/engine/model/config.ts'
import { newWeights } from '../../src/engine/runtime/model-weights.ts'
import { writeHuggingFaceFolder } from '../../src/engine/weights/save-weights.ts'
import { cacheFolder } from '../../src/util/files.ts'

export const SMOLLM2_135M: ModelConfig = {
  family: 'llama',
  layers: 30,
  hidden: 576,
  heads: 9,
  kvHeads: 3,
  headDim: 64,
  ffn: 1536,
  vocab: 49152,
  normEps: 1e-5,
  ropeTheta: 100000,
  contextLength: 8192,
  tiedHead: true,
  attentionBias: false,
  qkNorm: false,
}

/** Folder of the random model; made when it is missing. */
export function benchModel(): string {
  const folder = cacheFolder('bench', 'smollm2-135m-random')
  if (!existsSync(`${folder}/model.safetensors`)) {
    const weights = newWeights(SMOLLM2_135M, 1)
    writeHuggingFaceFolder(folder, SMOLLM2_135M, (name) => weights.get(name)!.data, 'F16')
  }
  return folder
}

/** Parameters of all linear layers (no embedding), of the adapter at a rank, and of the head. */
function sizes(rank: number) {
  const c = SMOLLM2_135M
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
export function trainFlops(rows: number, predicted: number, attendedPairs: number): number {
  const { linear, adapter, head } = sizes(16)
  const c = SMOLLM2_135M
  return (
    4 * rows * linear + 6 * rows * adapter + 4 * predicted * head + 12 * attendedPairs * c.heads * c.headDim * c.layers
  )
}
