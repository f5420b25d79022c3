// Writes a model of a known shape with random weights, to see what it costs before it is downloaded. It needs dist/
// (npm run build).
// node scripts/random-model.mjs qwen2.5-0.5b|smollm2-1.7b <folder> <folder with a tokenizer>
import { cpSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const dist = (path) => import(join(fileURLToPath(new URL('../dist', import.meta.url)), path))
const { newWeights } = await dist('engine/runtime/model-weights.js')
const { writeHuggingFaceFolder } = await dist('engine/weights/save-weights.js')

const SHAPES = {
  'qwen2.5-0.5b': {
    family: 'qwen2',
    layers: 24,
    hidden: 896,
    heads: 14,
    kvHeads: 2,
    headDim: 64,
    ffn: 4864,
    vocab: 151936,
    normEps: 1e-6,
    ropeTheta: 1e6,
    contextLength: 32768,
    tiedHead: true,
    attentionBias: true,
    qkNorm: false,
  },
  'smollm2-1.7b': {
    family: 'llama',
    layers: 24,
    hidden: 2048,
    heads: 32,
    kvHeads: 32,
    headDim: 64,
    ffn: 8192,
    vocab: 49152,
    normEps: 1e-5,
    ropeTheta: 130000,
    contextLength: 8192,
    tiedHead: true,
    attentionBias: false,
    qkNorm: false,
  },
}
const TOKENIZER = ['tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json', 'chat_template.jinja']

const [name, folder, tokenizer] = process.argv.slice(2)
const shape = SHAPES[name]
if (!shape || !folder || !existsSync(join(tokenizer ?? '', 'tokenizer.json'))) {
  console.error(
    `usage: node scripts/random-model.mjs ${Object.keys(SHAPES).join('|')} <folder> <folder with a tokenizer.json>`,
  )
  process.exit(2)
}
const weights = newWeights(shape, 1)
writeHuggingFaceFolder(folder, shape, (tensor) => weights.get(tensor).data, 'F16')
for (const file of TOKENIZER) if (existsSync(join(tokenizer, file))) cpSync(join(tokenizer, file), join(folder, file))
