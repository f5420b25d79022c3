// Folders of sentence encoders: their settings, weights and tokenizers.
import { readFileSync } from 'node:fs'
import { EncoderEngine } from '../../../src/engine/encoder/encoder.ts'
import { readEncoderSettings } from '../../../src/engine/encoder/settings.ts'
import { openEncoderTokenizer } from '../../../src/engine/tokenizer/open-tokenizer.ts'
import type { Sample } from '../case.ts'
import { each, jsonFile, safetensorsFile, type Target } from './target.ts'
import { useTokenizer } from './tokenizers.ts'

const SETTINGS = [
  'config.json',
  'tokenizer.json',
  'modules.json',
  '1_Pooling/config.json',
  'sentence_bert_config.json',
  'config_sentence_transformers.json',
]

const golden = (name: string, file: string) =>
  readFileSync(new URL(`../../../src/engine/golden/encoder-${name}/${file}`, import.meta.url))

export const encoders: Target = {
  // biome-ignore format: a list of words
  words: [
    '"bert"', '"WordPiece"', '"unk_token":', '"pooling_mode_cls_token":true', '"max_seq_length":', '"prompts":{"query":',
    '"TemplateProcessing"', '"BertProcessing"', '../', 'position_ids',
  ],
  samples: async () =>
    (['mean', 'cls'] as const).map((name): Sample => {
      const json = SETTINGS.map((file) => [file, jsonFile(JSON.parse(golden(name, file).toString()))])
      return name === 'mean'
        ? { ...Object.fromEntries(json), 'model.safetensors': safetensorsFile(golden(name, 'model.safetensors')) }
        : { ...Object.fromEntries(json), 'onnx/model.onnx': golden(name, 'onnx/model.onnx') }
    }),
  run: async (folder) => {
    await each(
      async () => {
        const engine = await EncoderEngine.open(folder, readEncoderSettings(folder, folder), { threads: 1 })
        const [vector] = await engine.encode([[[0, 1]]], () => false)
        const length = Math.hypot(...vector)
        if (!(Math.abs(length - 1) < 1e-3 || length === 0)) throw new Error(`a vector of length ${length}`)
      },
      () => useTokenizer(async () => openEncoderTokenizer(folder).tokenizer),
    )
  },
}
