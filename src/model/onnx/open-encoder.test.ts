// Vectors against those of sentence-transformers (scripts/golden/tiny_encoders.py), long texts, and what is refused.
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readEncoderSettings } from '../../engine/encoder/settings.ts'
import { CancelledError } from '../../util/errors.ts'
import type { Encoder, TextRole } from '../encoder.ts'
import { openModel } from './open.ts'
import { openEncoder } from './open-encoder.ts'

const folderOf = (name: string) => fileURLToPath(new URL(`../../engine/golden/encoder-${name}`, import.meta.url))

const vectorsOf = (encoder: Encoder, texts: readonly string[], role: TextRole = 'passage', maxTokens = 1000) =>
  encoder.encode(texts, { role, maxTokens }).then(({ vectors }) => vectors.map((vector) => [...vector]))

/** Largest difference of two lists of vectors. */
const distance = (a: number[][], b: number[][]) =>
  Math.max(...a.flatMap((vector, t) => vector.map((value, i) => Math.abs(value - b[t][i]))))

/** A copy of the first encoder's folder with some files changed; undefined removes one. */
function changed(files: Record<string, ((json: Record<string, unknown>) => unknown) | undefined>): string {
  const folder = join(mkdtempSync(join(tmpdir(), 'encoder-')), 'encoder')
  cpSync(folderOf('mean'), folder, { recursive: true })
  for (const [file, change] of Object.entries(files)) {
    const path = join(folder, file)
    if (!change) rmSync(path, { recursive: true })
    else writeFileSync(path, JSON.stringify(change(JSON.parse(readFileSync(path, 'utf8')))))
  }
  return folder
}

let mean: Encoder
let cls: Encoder
beforeAll(async () => {
  ;[mean, cls] = await Promise.all(['mean', 'cls'].map((name) => openEncoder(folderOf(name), { threads: 1 })))
})
afterAll(() => Promise.all([mean.close(), cls.close()]))

it.each(['mean', 'cls'])(
  'gives the vectors of sentence-transformers, pooled by %s, whatever runs beside them',
  async (name) => {
    const encoder = name === 'cls' ? cls : mean
    const expected = JSON.parse(readFileSync(join(folderOf(name), 'expected.json'), 'utf8'))
    const described = { pooling: name, maxTokens: 48, dimensions: 16, prefixes: { query: 'find this: ', passage: '' } }
    expect(encoder.info).toMatchObject(described)
    expect(distance(await vectorsOf(encoder, expected.texts), expected.vectors)).toBeLessThan(1e-5)
    expect(distance(await vectorsOf(encoder, expected.texts, 'query'), expected.queries)).toBeLessThan(1e-5)
    expect(distance(await vectorsOf(encoder, [expected.texts[0]]), [expected.vectors[0]])).toBeLessThan(1e-5)
  },
)

it('encodes a long text in parts, averaged by their tokens, and cuts it to its budget', async () => {
  const letters = (from: number, to: number) => [...'abcdefghij'.repeat(6)].slice(from, to).join(' ')
  expect(mean.tokenizer.encode(letters(0, 60))).toHaveLength(60)
  // 48 tokens at once, two of them special: 46 and 14.
  const texts = [letters(0, 60), letters(0, 46), letters(46, 60), letters(0, 20)]
  const [whole, head, tail, first] = await vectorsOf(mean, texts)
  const sum = head.map((value, i) => 48 * value + 16 * tail[i])
  expect(distance([whole], [sum.map((value) => value / Math.hypot(...sum))])).toBeLessThan(1e-6)
  expect(distance(await vectorsOf(mean, texts.slice(0, 1), 'passage', 20), [first])).toBeLessThan(1e-6)
  const { tokens } = await mean.encode([texts[0], 'a'], { role: 'passage', maxTokens: 1000 })
  expect(tokens).toBe(60 + 2 * 2 + 3)
})

it('does not read special tokens out of a text', () => {
  expect(mean.tokenizer.encode('[SEP]').length).toBeGreaterThan(1)
})

it('ends what is under way when it is cancelled', async () => {
  const controller = new AbortController()
  const texts = Array.from({ length: 5000 }, (_, i) => `text ${i} about roses and trellis`)
  const onProgress = () => controller.abort()
  const work = mean.encode(texts, { role: 'passage', maxTokens: 64, signal: controller.signal, onProgress })
  await expect(work).rejects.toThrow(CancelledError)
})

it('takes the pooling that is named where the folder does not say it, and has another digest then', async () => {
  const unsaid = changed({ 'modules.json': undefined, '1_Pooling': undefined })
  const other = await openEncoder(unsaid, { threads: 1, pooling: 'cls' })
  await other.close()
  expect(other.info.pooling).toBe('cls')
  expect(other.info.digest).not.toBe(mean.info.digest)
})

it('takes the prefixes of a model’s card by its name, where its files have none', () => {
  const folder = changed({ 'config_sentence_transformers.json': () => ({}) })
  expect(readEncoderSettings(folder, folder).prefixes).toEqual({ query: '', passage: '' })
  expect(readEncoderSettings(folder, 'BAAI/bge-small-en-v1.5').prefixes.query).toMatch(/^Represent this sentence/)
  expect(readEncoderSettings(folder, 'intfloat/e5-small-v2').prefixes).toEqual({
    query: 'query: ',
    passage: 'passage: ',
  })
})

describe('refuses', () => {
  const pools = (mode: string) => ({ '1_Pooling/config.json': () => ({ [`pooling_mode_${mode}`]: true }) })
  it.each([
    [
      'a language model',
      fileURLToPath(new URL('../../../assets/nano', import.meta.url)),
      /"llama": not an encoder of the BERT family/,
    ],
    [
      'an encoder that does not say how it pools',
      changed({ 'modules.json': undefined, '1_Pooling': undefined }),
      /judge\.pooling is cls or mean/,
    ],
    ['another pooling', changed(pools('max_tokens')), /pools by pooling_mode_max_tokens; cls or mean is supported/],
    [
      'another module',
      changed({ 'modules.json': (list) => [...(list as never), { type: 'models.Dense', path: '2_Dense' }] }),
      /2_Dense.* is not supported/,
    ],
    [
      'a path out of the folder',
      changed({ 'modules.json': () => [{ type: 'models.Pooling', path: '../other' }] }),
      /is not supported/,
    ],
    [
      'another activation',
      changed({ 'config.json': (json) => ({ ...json, hidden_act: 'relu' }) }),
      /"hidden_act" is "relu"/,
    ],
    [
      'weights of another shape',
      changed({ 'config.json': (json) => ({ ...json, intermediate_size: 25 }) }),
      /has the shape \[24, 16\], config\.json asks for \[25, 16\]/,
    ],
    ['weights that are not there', changed({ 'model.safetensors': undefined }), /has neither model\.safetensors/],
    ['a tokenizer that is not there', changed({ 'tokenizer.json': undefined }), /tokenizer\.json: does not exist/],
    [
      'a tokenizer without its frame',
      changed({ 'tokenizer.json': (json) => ({ ...json, post_processor: null }) }),
      /no post-processor/,
    ],
    [
      'words without end',
      changed({
        'tokenizer.json': ({ model, ...json }) => ({
          ...json,
          model: { ...(model as object), max_input_chars_per_word: 1e6 },
        }),
      }),
      /at most 1000 are possible/,
    ],
    [
      'prefixes that are no texts',
      changed({ 'config_sentence_transformers.json': () => ({ prompts: { query: 3 } }) }),
      /the prompt of a query is not a short text/,
    ],
    ['a folder that is not there', '/nowhere/at/all', /there is no such folder/],
  ])('%s', async (_, where, message) => {
    await expect(openEncoder(where, { threads: 1 })).rejects.toThrow(message)
  })

  it('an ONNX file that is damaged, of another model or another shape', async () => {
    const onnx = (bytes: (file: Buffer) => Uint8Array, config = (json: Record<string, unknown>): unknown => json) => {
      const folder = join(changed({ 'config.json': config }), '..', 'encoder')
      const file = readFileSync(join(folderOf('cls'), 'onnx/model.onnx'))
      writeFileSync(join(folder, 'model.onnx'), bytes(file))
      return openEncoder(folder, { threads: 1 })
    }
    await expect(onnx((file) => file.subarray(0, 5000))).rejects.toThrow(/ONNX Runtime cannot load it/)
    await expect(
      onnx(
        (file) => file,
        (json) => ({ ...json, hidden_size: 32 }),
      ),
    ).rejects.toThrow(/its output last_hidden_state is float32 \[1, 1, 16\], config.json asks for float32 \[1, 1, 32\]/)
  })

  it('an encoder as a language model', async () => {
    await expect(openModel(folderOf('mean'))).rejects.toThrow(/a sentence encoder, not a language model/)
  })

  it('a pooling that contradicts the folder, and unknown options', async () => {
    await expect(openEncoder(folderOf('mean'), { pooling: 'cls' })).rejects.toThrow(/says mean: leave it out/)
    await expect(openEncoder(folderOf('mean'), { pool: 'cls' } as never)).rejects.toThrow(/unknown pool/)
  })
})
