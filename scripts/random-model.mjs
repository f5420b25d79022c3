// Writes a model of a known shape with random weights, to see what it costs before it is downloaded. It needs dist/
// (npm run build).
// node scripts/random-model.mjs <shape of tools/bench/shapes.json> <folder> <folder with a tokenizer>
import { cpSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const dist = (path) => import(join(fileURLToPath(new URL('../dist', import.meta.url)), path))
const { newWeight } = await dist('engine/runtime/model-weights.js')
const { writeHuggingFaceFolder } = await dist('engine/weights/save-weights.js')

const SHAPES = JSON.parse(readFileSync(new URL('../tools/bench/shapes.json', import.meta.url), 'utf8'))
const TOKENIZER = ['tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json', 'chat_template.jinja']

const [name, folder, tokenizer] = process.argv.slice(2)
const shape = SHAPES[name]
if (!shape || !folder || !existsSync(join(tokenizer ?? '', 'tokenizer.json'))) {
  console.error(
    `usage: node scripts/random-model.mjs ${Object.keys(SHAPES).join('|')} <folder> <folder with a tokenizer.json>`,
  )
  process.exit(2)
}
writeHuggingFaceFolder(folder, shape, (tensor) => newWeight(shape, tensor, 1), 'F16')
for (const file of TOKENIZER) if (existsSync(join(tokenizer, file))) cpSync(join(tokenizer, file), join(folder, file))
