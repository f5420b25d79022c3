// The untrained nano model: its shape, its random weights and its tokenizer, as a Hugging Face folder.
// Flow: bpe.ts and init.ts -> pretrain.ts, which trains what is written here.
import { join } from 'node:path'
import { type ModelConfig, weightShapes } from '../../src/engine/model/config.ts'
import { openWeights } from '../../src/engine/weights/open-weights.ts'
import { writeHuggingFaceFolder } from '../../src/engine/weights/save-weights.ts'
import { writeFileAtomic } from '../../src/util/files.ts'
import { normals, seedFrom } from '../../src/util/random.ts'
import { SPECIAL_TOKENS, tokenizerConfig, tokenizerJson, trainBpe } from './bpe.ts'
import { tokenizerTexts } from './documents.ts'

/** A small Llama: 2.0 M parameters. */
export const NANO_CONFIG: ModelConfig = {
  family: 'llama',
  layers: 4,
  hidden: 192,
  heads: 4,
  kvHeads: 2,
  headDim: 48,
  ffn: 512,
  vocab: 2048,
  normEps: 1e-5,
  ropeTheta: 10000,
  contextLength: 1024,
  tiedHead: true,
  attentionBias: false,
  qkNorm: false,
}

/**
 * Number of weights of a model of this shape.
 * @internal
 */
export function parameterCount(config: ModelConfig): number {
  return [...weightShapes(config).values()].reduce((sum, dims) => sum + dims.reduce((a, b) => a * b, 1), 0)
}

/**
 * Random weights under the canonical names of `weightShapes`: norms 1, embedding N(0, 0.04), linear maps
 * N(0, 0.6/√inputs), those that add to the residual stream divided by √(2·layers).
 */
export function initialWeights(config: ModelConfig, seed: number): Map<string, Float32Array> {
  const weights = new Map<string, Float32Array>()
  for (const [name, dims] of weightShapes(config)) {
    const values = new Float32Array(dims.reduce((a, b) => a * b, 1))
    if (name.endsWith('norm')) values.fill(1)
    else if (!name.endsWith('.bias')) {
      const residual = name.endsWith('.o') || name.endsWith('.down') ? Math.sqrt(2 * config.layers) : 1
      const std = name === 'embed' || name === 'head' ? 0.04 : 0.6 / Math.sqrt(dims[0]) / residual
      normals(values, std, seedFrom('nano weights', seed, name))
    }
    weights.set(name, values)
  }
  return weights
}

/** Trains the tokenizer and writes all of a model folder but its weights and shape. */
function writeTokenizer(folder: string): void {
  const vocabulary = trainBpe(tokenizerTexts(1), NANO_CONFIG.vocab)
  const ids = { bos_token_id: SPECIAL_TOKENS.indexOf('<|bos|>'), eos_token_id: SPECIAL_TOKENS.indexOf('<|eos|>') }
  const files = {
    'tokenizer.json': tokenizerJson(vocabulary),
    'tokenizer_config.json': tokenizerConfig(NANO_CONFIG.contextLength),
    'generation_config.json': { ...ids, pad_token_id: ids.eos_token_id, do_sample: true, temperature: 1 },
  }
  for (const [name, content] of Object.entries(files))
    writeFileAtomic(join(folder, name), `${JSON.stringify(content, undefined, 1)}\n`)
}

/** Writes the untrained model: a Hugging Face folder with random weights. */
export function writeUntrained(folder: string, seed: number): void {
  const weights = initialWeights(NANO_CONFIG, seed)
  writeHuggingFaceFolder(folder, NANO_CONFIG, (name) => weights.get(name) ?? new Float32Array())
  writeTokenizer(folder)
}

/** Writes the trained weights in `trained` (a Hugging Face folder) as half-precision numbers, tokenizer included. */
export async function publish(trained: string, folder: string): Promise<void> {
  const weights = await openWeights(trained)
  writeHuggingFaceFolder(folder, weights.config, (name) => weights.read(name), 'F16')
  writeTokenizer(folder)
}
