// Models that llama-gguf-split has cut into shards: any of them opens the whole, and what is missing is named.
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { shardNames } from '../../util/shard-names.ts'
import { openTokenizer } from '../tokenizer/open-tokenizer.ts'
import { readGgufConfig } from './gguf-source.ts'
import { openWeights } from './open-weights.ts'
import { problemOf } from './testing/problem-of.ts'
import { tinyConfig, tinyGguf, tinyWeights } from './testing/tiny-model.ts'
import { ggufBytes, type MetadataValue } from './testing/write-gguf.ts'

const config = tinyConfig('llama', { tiedHead: false })
const whole = tinyGguf(config, tinyWeights(config))
const TOKENS = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j']
const tokenizer: [string, MetadataValue][] = [
  ['tokenizer.ggml.model', { type: 'string', value: 'gpt2' }],
  ['tokenizer.ggml.pre', { type: 'string', value: 'gpt-2' }],
  ['tokenizer.ggml.tokens', { type: 'strings', value: TOKENS }],
  ['tokenizer.ggml.merges', { type: 'strings', value: [] }],
]

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bump-shards-'))
  vi.stubEnv('BUMP_CACHE', join(folder, 'cache'))
})
afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(folder, { recursive: true })
})

const u16 = (value: number): MetadataValue => ({ type: 'raw', code: 2, bytes: Uint8Array.of(value & 255, value >> 8) })

/** As llama-gguf-split writes them: counts in each shard, the model's metadata in the first, numbers from 0. */
function split(count: number, total = whole.tensors.length): string[] {
  return shardNames(join(folder, `tiny-00001-of-${String(count).padStart(5, '0')}.gguf`)).map((path, i) => {
    const metadata: [string, MetadataValue][] = [
      ...(i === 0 ? [...whole.metadata, ...tokenizer] : []),
      ['split.no', u16(i)],
      ['split.count', u16(count)],
      ['split.tensors.count', { type: 'u32', value: total }],
    ]
    const tensors = whole.tensors.filter((_, t) => Math.floor((t * count) / whole.tensors.length) === i)
    writeFileSync(path, ggufBytes({ metadata, tensors }))
    return path
  })
}

test('any shard opens the whole model: weights, a head in another shard, tokenizer', async () => {
  const single = join(folder, 'single.gguf')
  writeFileSync(single, ggufBytes({ ...whole, metadata: [...whole.metadata, ...tokenizer] }))
  const { digest } = await openWeights(single)
  for (const path of split(3)) {
    expect(readGgufConfig(path)).toEqual(config)
    expect((await openWeights(path)).digest).toBe(digest)
    expect((await openTokenizer(path)).encode('jab')).toEqual([9, 0, 1])
  }
})

test('shards that are missing, renamed or of another split are named', () => {
  const [first, second, third] = split(3)
  renameSync(third, join(folder, 'kept'))
  expect(problemOf(() => readGgufConfig(first))).toMatch(/one of 3 shards .*tiny-00003-of-00003\.gguf is missing/)
  renameSync(second, third)
  renameSync(join(folder, 'kept'), second)
  expect(problemOf(() => readGgufConfig(first))).toMatch(/00002-of-00003\.gguf: says that it is shard 3 of 3.* shard 2/)
  renameSync(first, join(folder, 'model.gguf'))
  expect(problemOf(() => readGgufConfig(join(folder, 'model.gguf')))).toContain('llama-gguf-split --merge')
  const [again] = split(2, 99)
  expect(problemOf(() => readGgufConfig(again))).toMatch(/the 2 shards have \d+ tensors, 99 are needed/)
})

test('a single file may be named as a shard', () => {
  const path = join(folder, 'tiny-00001-of-00001.gguf')
  writeFileSync(path, ggufBytes(whole))
  expect(readGgufConfig(path)).toEqual(config)
  expect(shardNames('a/b.gguf')).toEqual(['a/b.gguf'])
  expect(shardNames('a/b-00002-of-00002.gguf')).toEqual(['a/b-00001-of-00002.gguf', 'a/b-00002-of-00002.gguf'])
})

test('an unsupported family is refused before the rest of the file is read', () => {
  const path = join(folder, 'other.gguf')
  const metadata: [string, MetadataValue][] = [
    ['general.architecture', { type: 'string', value: 'mamba' }],
    ['tokenizer.ggml.tokens', { type: 'raw', code: 99, bytes: Uint8Array.of() }],
  ]
  writeFileSync(path, ggufBytes({ metadata, tensors: [] }))
  expect(problemOf(() => readGgufConfig(path))).toContain('the architecture "mamba"')
})
