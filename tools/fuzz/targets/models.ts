// Model files: GGUF, folders with safetensors and their configuration, adapters.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openTokenizer } from '../../../src/engine/tokenizer/open-tokenizer.ts'
import { configOf } from '../../../src/engine/weights/open-source.ts'
import { openWeights } from '../../../src/engine/weights/open-weights.ts'
import { loadAdapter } from '../../../src/engine/weights/peft.ts'
import {
  folderConfig,
  folderTokenizer,
  folderWeights,
  writeTinyFolder,
} from '../../../src/engine/weights/testing/tiny-folder.ts'
import { tinyConfig, tinyGguf, tinyWeights } from '../../../src/engine/weights/testing/tiny-model.ts'
import { ggufBytes, type TestGguf } from '../../../src/engine/weights/testing/write-gguf.ts'
import type { Sample, StructuredFile } from '../case.ts'
import { each, jsonFile, safetensorsFile, type Target } from './target.ts'
import { tinyEngine, writeTiny } from './tiny-engine.ts'
import { useTokenizer } from './tokenizers.ts'

const FAMILIES = ['llama', 'qwen2', 'qwen3'] as const
const ggufFile = (tree: TestGguf): StructuredFile => ({ tree, write: (value) => ggufBytes(value as TestGguf) })

export const gguf: Target = {
  // biome-ignore format: a list of words
  words: [
    'GGUF', 'general.architecture', 'general.alignment', 'llama', 'tokenizer.ggml.tokens', 'blk.0.attn_q.weight',
    'split.count',
  ],
  samples: async () => {
    const vocabulary = Object.entries(folderTokenizer.model.vocab).sort((a, b) => a[1] - b[1])
    const merges = folderTokenizer.model.merges.map((merge) => (typeof merge === 'string' ? merge : merge.join(' ')))
    const tiny = tinyGguf(folderConfig, folderWeights)
    const whole: TestGguf = {
      ...tiny,
      metadata: [
        ...tiny.metadata,
        ['tokenizer.ggml.model', { type: 'string', value: 'gpt2' }],
        ['tokenizer.ggml.pre', { type: 'string', value: 'smollm' }],
        ['tokenizer.ggml.tokens', { type: 'strings', value: vocabulary.map(([token]) => token) }],
        ['tokenizer.ggml.merges', { type: 'strings', value: merges }],
        ['tokenizer.ggml.eos_token_id', { type: 'u32', value: 2 }],
        ['tokenizer.ggml.add_bos_token', { type: 'bool', value: 1 }],
        ['tokenizer.chat_template', { type: 'string', value: "{% for m in messages %}{{ m['content'] }}{% endfor %}" }],
      ],
    }
    const golden = (name: string) =>
      readFileSync(new URL(`../../../src/engine/golden/tokenizer-${name}/tokenizer.gguf`, import.meta.url))
    const files = [
      ggufFile(whole),
      ...FAMILIES.map((family) => ggufFile(tinyGguf(tinyConfig(family), tinyWeights(tinyConfig(family))))),
      ggufBytes(tinyGguf(tinyConfig('llama'), tinyWeights(tinyConfig('llama')))),
      ...['spm', 'qwen2'].map(golden),
    ]
    return files.map((file) => ({ 'model.gguf': file }))
  },
  run: async (folder) => {
    const path = join(folder, 'model.gguf')
    await each(
      () => openWeights(path),
      () => useTokenizer(() => openTokenizer(path)),
    )
  },
}

export const safetensors: Target = {
  words: ['"F32"', '"BF16"', '"data_offsets":', '"weight_map":', 'model.safetensors', 'model.norm.weight', '[0,0]'],
  samples: async (folder) => {
    return FAMILIES.flatMap((family): Sample[] => {
      const model = join(folder, family)
      writeTiny(model, family)
      const config = readFileSync(join(model, 'config.json'), 'utf8')
      const tensors = safetensorsFile(readFileSync(join(model, 'model.safetensors')))
      const names = Object.keys(tensors.tree as object)
      const index = { weight_map: Object.fromEntries(names.map((name) => [name, 'shard.safetensors'])) }
      return [
        { 'config.json': config, 'model.safetensors': tensors },
        { 'config.json': config, 'model.safetensors.index.json': jsonFile(index), 'shard.safetensors': tensors },
      ]
    })
  },
  run: async (folder) => void (await openWeights(folder)),
}

export const config: Target = {
  // biome-ignore format: a list of words
  words: [
    '"llama"', '"qwen3"', '"rope_scaling":{"rope_type":"llama3"}', '"head_dim":',
    '"architectures":["LlamaForCausalLM"]',
  ],
  samples: async (folder) => {
    writeTinyFolder(folder)
    const scaled = {
      ...JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')),
      rope_scaling: {
        rope_type: 'llama3',
        factor: 8,
        low_freq_factor: 1,
        high_freq_factor: 4,
        original_max_position_embeddings: 16,
      },
    }
    return [jsonFile(scaled), JSON.stringify(scaled)].map((file) => ({ 'config.json': file }))
  },
  run: async (folder) => void configOf(folder),
}

export const adapters: Target = {
  words: ['"LORA"', '"all-linear"', '"use_dora":true', '"init_lora_weights":"pissa"', '.*', '(a+)+$', 'lora_A.weight'],
  samples: async (folder) => {
    const adapter = join(folder, 'adapter')
    ;(await tinyEngine(folder)).savePolicy(adapter)
    const settings = JSON.parse(readFileSync(join(adapter, 'adapter_config.json'), 'utf8'))
    const tensors = safetensorsFile(readFileSync(join(adapter, 'adapter_model.safetensors')))
    return [settings, { ...settings, target_modules: '.*_proj' }].map((json) => ({
      'adapter_config.json': jsonFile(json),
      'adapter_model.safetensors': tensors,
    }))
  },
  run: async (folder) => void loadAdapter(folder, tinyConfig('llama')),
}
