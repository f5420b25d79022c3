// A complete Hugging Face folder for tests that open a model by its place: a tiny Llama with a byte-level tokenizer.
import { cpSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { writeHuggingFaceFolder } from '../save-weights.ts'
import { tinyConfig, tinyWeights } from './tiny-model.ts'

const golden = fileURLToPath(new URL('../../golden/tokenizer-gpt2', import.meta.url))

/** Content of its tokenizer.json. */
export const folderTokenizer: {
  model: { vocab: Record<string, number>; merges: (string | string[])[] }
  added_tokens: object[]
} = JSON.parse(readFileSync(join(golden, 'tokenizer.json'), 'utf8'))
export const folderConfig = tinyConfig('llama', {
  vocab: Object.keys(folderTokenizer.model.vocab).length,
  contextLength: 2048,
})
export const folderWeights = tinyWeights(folderConfig)
// A large row for the stop token, <|im_end|>: what the model writes is short.
const embed = folderWeights.get('embed') as Float32Array
const STOP = folderTokenizer.model.vocab['<|im_end|>']
for (let i = 0; i < folderConfig.hidden; i++) embed[STOP * folderConfig.hidden + i] *= 3

/** Writes the model. */
export function writeTinyFolder(folder: string): void {
  mkdirSync(folder, { recursive: true })
  writeHuggingFaceFolder(folder, folderConfig, (name) => folderWeights.get(name) as Float32Array)
  for (const file of ['tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json', 'chat_template.jinja'])
    cpSync(join(golden, file), join(folder, file))
}
