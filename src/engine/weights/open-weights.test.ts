// The way of weights: written as a Hugging Face folder or a GGUF file, opened as the flat file, the same numbers.
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { BumpError } from '../../util/errors.ts'
import { type ModelConfig, weightShapes } from '../model/config.ts'
import { BinaryFile } from './binary-file.ts'
import { configOf } from './open-source.ts'
import { openWeights } from './open-weights.ts'
import { readSafetensors, writeSafetensors } from './safetensors.ts'
import { writeHuggingFaceFolder } from './save-weights.ts'
import { poison } from './testing/poison.ts'
import { tinyConfig, tinyGguf, tinyWeights } from './testing/tiny-model.ts'
import { floatContent, ggufBytes } from './testing/write-gguf.ts'
import type { WeightStore } from './types.ts'

const scaling = { factor: 32, lowFreqFactor: 1, highFreqFactor: 4, originalContext: 8192 }
let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bump-weights-'))
  vi.stubEnv('BUMP_CACHE', join(folder, 'cache'))
})
afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(folder, { recursive: true })
})

function saved(config: ModelConfig, name = 'model', dtype: 'F32' | 'F16' | 'BF16' = 'F32'): string {
  const weights = tinyWeights(config)
  writeHuggingFaceFolder(join(folder, name), config, (weight) => weights.get(weight) as Float32Array, dtype)
  return join(folder, name)
}

function savedGguf(config: ModelConfig, name = 'model.gguf'): string {
  writeFileSync(join(folder, name), ggufBytes(tinyGguf(config, tinyWeights(config))))
  return join(folder, name)
}

function expectWeights(store: WeightStore, config: ModelConfig, tolerance = 0): void {
  expect(store.config).toEqual(config)
  expect([...store.tensors.keys()]).toEqual([...weightShapes(config).keys()])
  for (const [name, wanted] of tinyWeights(config)) {
    expect(store.tensors.get(name)?.offset).toSatisfy((offset: number) => offset % 65536 === 0)
    const got = store.read(name)
    const worst = wanted.reduce((most, value, i) => Math.max(most, Math.abs(value - got[i]) / (1 + Math.abs(value))), 0)
    expect(worst, name).toBeLessThanOrEqual(tolerance)
  }
}

const CONFIGS: [string, ModelConfig][] = [
  ['llama', tinyConfig('llama')],
  [
    'llama with a head and scaled rope',
    tinyConfig('llama', { tiedHead: false, ropeTheta: 500000, ropeScaling: scaling }),
  ],
  ['qwen2', tinyConfig('qwen2', { tiedHead: false })],
  ['qwen3 with wide heads', tinyConfig('qwen3', { headDim: 6 })],
  [
    'qwen2 with yarn',
    tinyConfig('qwen2', {
      ropeScaling: {
        type: 'yarn',
        factor: 4,
        originalContext: 16,
        betaFast: 32,
        betaSlow: 1,
        attentionFactor: 0.1 * Math.log(4) + 1,
      },
    }),
  ],
  [
    'gemma3 with sliding layers',
    tinyConfig('gemma3_text', {
      layers: 6,
      layerTypes: ['sliding', 'sliding', 'sliding', 'sliding', 'sliding', 'full'],
      window: 5,
      slidingRopeTheta: 10000,
      embeddingScale: Math.sqrt(8),
      ropeScaling: { type: 'linear', factor: 8 },
    }),
  ],
  ['smollm3', tinyConfig('smollm3', { layers: 4, layerTypes: ['full', 'full', 'full', 'no-rope'] })],
  [
    'granite',
    tinyConfig('granite', { embeddingScale: 12, residualScale: 0.22, attentionScale: 0.0625, logitDivisor: 8 }),
  ],
  [
    'phi3 with a window and long factors',
    tinyConfig('phi3', {
      headDim: 8,
      rotaryDim: 6,
      layerTypes: ['sliding', 'sliding'],
      window: 9,
      ropeScaling: {
        type: 'longrope',
        shortFactors: [1, 1.25, 1.5],
        longFactors: [1, 2, 4],
        originalContext: 64,
        fullContext: 256,
      },
    }),
  ],
  ['olmo2', tinyConfig('olmo2', { tiedHead: false })],
]

/** Families whose GGUF files llama.cpp writes under another name, or not at all. */
const FOLDERS_ONLY: [string, ModelConfig][] = [
  ['mistral', tinyConfig('mistral', { layerTypes: ['sliding', 'sliding'], window: 7 })],
  ['ministral', tinyConfig('ministral', { layerTypes: ['full', 'sliding'], window: 7 })],
  ['granite 4', tinyConfig('granitemoehybrid', { residualScale: 0.22, attentionScale: 0.0625 })],
]

test.each([...CONFIGS, ...FOLDERS_ONLY])(
  '%s: a written Hugging Face folder opens with the same weights',
  async (_, config) => {
    const where = saved(config)
    expect(configOf(where)).toEqual(config)
    expectWeights(await openWeights(where), config)
  },
)

test.each([
  ['F16', 2 ** -11],
  ['BF16', 2 ** -8],
] as const)('saved as %s, rounded', async (dtype, tolerance) => {
  const config = tinyConfig('qwen3')
  expectWeights(await openWeights(saved(config, 'model', dtype)), config, tolerance)
})

test('matrices lie in the file as transformers expects them', () => {
  const config = tinyConfig('llama')
  const file = new BinaryFile(join(saved(config), 'model.safetensors'))
  const tensors = readSafetensors(file)
  file.close()
  expect(tensors.get('model.layers.1.mlp.down_proj.weight')?.dims).toEqual([config.hidden, config.ffn])
  expect(tensors.get('model.layers.0.self_attn.k_proj.weight')?.dims).toEqual([8, config.hidden])
  expect(tensors.has('lm_head.weight')).toBe(false)
})

test.each(CONFIGS.filter(([, { ropeScaling }]) => !ropeScaling || ropeScaling.type))(
  '%s: a GGUF file gives the same weights and digest as the folder',
  async (_, config) => {
    const fromGguf = await openWeights(savedGguf(config))
    expectWeights(fromGguf, config)
    expect(fromGguf.digest).toBe((await openWeights(saved(config))).digest)
  },
)

test("Llama 3's rope scaling is recovered from a GGUF's factors, others are refused", async () => {
  const config = tinyConfig('llama', { ropeTheta: 500000, headDim: 64, ropeScaling: scaling })
  const gguf = tinyGguf(config, tinyWeights(config))
  // As convert_hf_to_gguf.py computes them for Llama-3.2-1B.
  const factors = Array.from({ length: 32 }, (_, i) => {
    const wavelength = 2 * Math.PI * 500000 ** (i / 32)
    if (wavelength < 2048) return 1
    if (wavelength > 8192) return 32
    const smooth = (8192 / wavelength - 1) / 3
    return 1 / ((1 - smooth) / 32 + smooth)
  })
  const tensor = { name: 'rope_freqs.weight', dims: [32], type: 0, content: floatContent(factors) }
  const path = join(folder, 'a.gguf')
  writeFileSync(path, ggufBytes({ ...gguf, tensors: [...gguf.tensors, tensor] }))
  expect(configOf(path)).toEqual(config)
  factors[15] *= 1.1
  const other = { ...tensor, content: floatContent(factors) }
  writeFileSync(path, ggufBytes({ ...gguf, tensors: [...gguf.tensors, other] }))
  expect(() => configOf(path)).toThrow('rope_freqs.weight')
})

test('sharded files and a moved folder have the digest of the single file', async () => {
  const config = tinyConfig('llama')
  const where = saved(config)
  const { digest } = await openWeights(where)
  const file = new BinaryFile(join(where, 'model.safetensors'))
  const all = [...readSafetensors(file)]
  const shards = join(folder, 'sharded')
  mkdirSync(shards)
  const weightMap: Record<string, string> = {}
  for (const part of [0, 1]) {
    const name = `model-0000${part + 1}-of-00002.safetensors`
    const mine = all.filter((_, i) => i % 2 === part)
    for (const [tensor] of mine) weightMap[tensor] = name
    const content = ([, { dims, offset }]: (typeof all)[number]) => ({
      dims,
      data: () =>
        new Float32Array(
          file.read(
            offset,
            dims.reduce((a, b) => a * b, 4),
          ).buffer,
        ),
    })
    writeSafetensors(join(shards, name), new Map(mine.map((entry) => [entry[0], content(entry)])))
  }
  file.close()
  writeFileSync(join(shards, 'model.safetensors.index.json'), JSON.stringify({ weight_map: weightMap }))
  writeFileSync(join(shards, 'config.json'), readFileSync(join(where, 'config.json')))
  expect((await openWeights(shards)).digest).toBe(digest)
  rmSync(join(shards, 'model-00002-of-00002.safetensors'))
  await expect(openWeights(shards)).rejects.toThrow('model-00002-of-00002.safetensors is missing')
})

test('the conversion is reused, and redone when source or cache changed', async () => {
  const where = saved(tinyConfig('llama'))
  const lines: string[] = []
  const options = { onProgress: (line: string) => lines.push(line) }
  const first = await openWeights(where, options)
  expect(lines).not.toEqual([])
  lines.length = 0
  expect((await openWeights(where, options)).digest).toBe(first.digest)
  expect(lines).toEqual([])

  utimesSync(join(where, 'model.safetensors'), 1, 1)
  expect((await openWeights(where, options)).digest).toBe(first.digest)
  expect(lines).not.toEqual([])

  writeFileSync(first.file, 'cut')
  const again = await openWeights(where)
  expect(statSync(again.file).size).toBeGreaterThan(65536)
  expectWeights(again, tinyConfig('llama'))

  saved(tinyConfig('llama', { normEps: 1e-6 }))
  expect((await openWeights(where)).digest).not.toBe(first.digest)
  expect(readdirSync(join(folder, 'cache', 'weights')).filter((name) => name.endsWith('.converting'))).toEqual([])
})

test('a prepared file of another content is not believed, whatever its name, size and time', async () => {
  const config = tinyConfig('llama')
  const where = saved(config)
  const store = await openWeights(where)
  const flat = readFileSync(store.file)
  poison(store.file)
  const again = await openWeights(where)
  expect(again.digest).toBe(store.digest)
  expect(readFileSync(again.file).equals(flat)).toBe(true)
})

test.skipIf(process.platform === 'win32')(
  'files that others could have written are read and verified each time, own ones are not',
  async () => {
    const where = saved(tinyConfig('llama'))
    const lines: string[] = []
    const open = async () => {
      lines.length = 0
      return openWeights(where, { onProgress: (line) => lines.push(line) })
    }
    const { file, digest } = await open()
    expect(statSync(file).mode & 0o022).toBe(0)
    await open()
    expect(lines).toEqual([])
    chmodSync(file, 0o666)
    expect((await open()).digest).toBe(digest)
    expect(lines).toEqual([expect.stringContaining('checking the prepared weights')])
    await open()
    expect(lines).toEqual([])
  },
)

test('missing, unexpected and misshapen tensors are named', async () => {
  const where = saved(tinyConfig('llama'))
  const config = (changes: Partial<ModelConfig>) => {
    const other = join(folder, 'other')
    writeHuggingFaceFolder(
      other,
      tinyConfig('llama', changes),
      (name) => tinyWeights(tinyConfig('llama', changes)).get(name)!,
    )
    writeFileSync(join(where, 'config.json'), readFileSync(join(other, 'config.json')))
  }
  config({ layers: 3 })
  await expect(openWeights(where)).rejects.toThrow('missing tensors: model.layers.2.input_layernorm.weight')
  config({ layers: 1 })
  await expect(openWeights(where)).rejects.toThrow('unexpected tensors: model.layers.1')
  config({ vocab: 11 })
  await expect(openWeights(where)).rejects.toThrow('has the shape [10, 8], the configuration asks for [11, 8]')
})

/** The tied folder with a head in its weights: the table's values times `factor`. */
function withHead(factor: number, dtype: 'F32' | 'F16' | 'BF16' = 'F32'): string {
  const tied = tinyConfig('llama')
  const where = saved(tied, 'with-head', dtype)
  const config = readFileSync(join(where, 'config.json'))
  const weights = tinyWeights(tied)
  weights.set(
    'head',
    weights.get('embed')!.map((value, i) => (i === 79 ? value * factor : value)),
  )
  writeHuggingFaceFolder(where, { ...tied, tiedHead: false }, (name) => weights.get(name)!, dtype)
  writeFileSync(join(where, 'config.json'), config)
  return where
}

test.each(['F32', 'F16', 'BF16'] as const)('a tied model may repeat its table as its head: %s', async (dtype) => {
  const { digest } = await openWeights(saved(tinyConfig('llama'), 'plain', dtype))
  expect((await openWeights(withHead(1, dtype))).digest).toBe(digest)
})

test('a tied model whose files hold another head is refused', async () => {
  await expect(openWeights(withHead(1.5))).rejects.toThrow(
    /lm_head\.weight in the weights differs .* Set "tie_word_embeddings" to false/,
  )
})

test('a head that is missing says how a model is tied', async () => {
  const where = saved(tinyConfig('llama'))
  const json = JSON.parse(readFileSync(join(where, 'config.json'), 'utf8'))
  writeFileSync(join(where, 'config.json'), JSON.stringify({ ...json, tie_word_embeddings: false }))
  await expect(openWeights(where)).rejects.toThrow(
    /missing tensors: lm_head\.weight\..*set "tie_word_embeddings" to true/,
  )
})

test('a cache that cannot be written is an error with a way out', async () => {
  const where = saved(tinyConfig('llama'))
  writeFileSync(join(folder, 'file'), '')
  vi.stubEnv('BUMP_CACHE', join(folder, 'file'))
  const error = await openWeights(where).catch((e: unknown) => e)
  expect(error).toBeInstanceOf(BumpError)
  expect((error as BumpError).message).toContain('BUMP_CACHE')
})
