// Malformed model files: every one must end in a BumpError that names the problem, before anything large is allocated.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { BumpError } from '../../util/errors.ts'
import { BinaryFile } from './binary-file.ts'
import { openGguf } from './gguf-shards.ts'
import { openGgufSource } from './gguf-source.ts'
import { readSafetensors, safetensorsFiles } from './safetensors.ts'
import { problemOf } from './testing/problem-of.ts'
import { tinyConfig, tinyGguf, tinyWeights } from './testing/tiny-model.ts'
import { floatContent, ggufBytes, type MetadataValue, type TestGguf } from './testing/write-gguf.ts'

const HUGE = 2 ** 50
const readGguf = (path: string) => {
  const model = openGguf(path)
  model.close()
  return model
}

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bump-malformed-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

function written(name: string, bytes: Uint8Array | string): string {
  const path = join(folder, name)
  writeFileSync(path, bytes)
  return path
}

describe('safetensors', () => {
  const read = (path: string) => {
    const file = new BinaryFile(path)
    try {
      return readSafetensors(file)
    } finally {
      file.close()
    }
  }
  const bytes = (header: string, data = 0, length = Buffer.byteLength(header)) => {
    const size = Buffer.alloc(8)
    size.writeBigUInt64LE(BigInt(length))
    return Buffer.concat([size, Buffer.from(header), Buffer.alloc(data)])
  }
  const one = (entry: unknown, data = 0) => bytes(JSON.stringify({ a: entry }), data)
  const f32 = (shape: unknown, offsets: unknown, data: number) =>
    one({ dtype: 'F32', shape, data_offsets: offsets }, data)

  test('the well-formed file of these cases is read', () => {
    expect(read(written('ok.safetensors', f32([2, 3], [0, 24], 24))).get('a')?.dims).toEqual([2, 3])
  })

  test.each<[string, Uint8Array, string]>([
    ['empty file', Buffer.alloc(0), 'truncated'],
    ['seven bytes', Buffer.alloc(7), 'truncated'],
    ['header longer than the file', bytes('{}', 0, 3), 'header length'],
    ['header length of 2^63', Buffer.from([0, 0, 0, 0, 0, 0, 0, 128, 123, 125]), 'header length'],
    ['header that is not JSON', bytes('{"a":'), 'not JSON'],
    ['header that is an array', bytes('[]'), 'not a JSON object'],
    ['header that is null', bytes('null'), 'not a JSON object'],
    ['tensor that is a number', one(3), '"a" lacks'],
    ['tensor without dtype', one({ shape: [1], data_offsets: [0, 4] }, 4), '"a" lacks'],
    ['shape that is a string', f32('2', [0, 8], 8), '"a" lacks'],
    ['one offset', f32([1], [0], 4), '"a" lacks'],
    ['integer dtype', one({ dtype: 'I8', shape: [4], data_offsets: [0, 4] }, 4), 'dtype I8'],
    ['dtype named like a method', one({ dtype: 'toString', shape: [4], data_offsets: [0, 4] }, 4), 'dtype toString'],
    ['negative dimension', f32([-1, -4], [0, 16], 16), 'impossible shape'],
    ['fractional dimension', f32([1.5], [0, 6], 8), 'impossible shape'],
    ['dimensions whose product overflows', f32([HUGE, HUGE], [0, 8], 8), 'impossible shape'],
    ['nine dimensions', f32(Array(9).fill(1), [0, 4], 4), 'impossible shape'],
    ['content cut off', f32([4], [0, 16], 15), 'truncated'],
    ['offsets far outside', f32([4], [HUGE, HUGE + 16], 16), 'truncated'],
    ['negative offset', f32([4], [-16, 0], 16), 'data_offsets'],
    ['offsets backwards', f32([4], [16, 0], 16), 'data_offsets'],
    ['fractional offset', f32([1], [0.5, 4.5], 8), 'data_offsets'],
    ['offsets beyond 2^53', f32([1], [1e300, 1e300], 8), 'data_offsets'],
    ['length other than the shape', f32([4], [0, 12], 16), 'needs 16 bytes'],
    ['huge shape over little content', f32([1e6, 1e6], [0, 16], 16), 'needs 4000000000000 bytes'],
    [
      'overlapping tensors',
      bytes(
        '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}',
        12,
      ),
      '"a" and "b" overlap',
    ],
    [
      'a name twice',
      bytes(
        '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}, "\\u0061" :{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
        4,
      ),
      '"a" stands twice',
    ],
    ...[' '.repeat(20), '\t\r\n'.repeat(1000)].map((space): [string, Uint8Array, string] => [
      `a name twice, ${space.length} blanks before the colon`,
      bytes(
        `{"a"${space}:{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a"${space}:{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`,
        4,
      ),
      '"a" stands twice',
    ]),
    [
      'a field of a tensor twice',
      bytes('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"shape":[2]}}', 8),
      '"shape" stands twice',
    ],
  ])('%s', (_, content, message) => {
    expect(problemOf(() => read(written('bad.safetensors', content)))).toContain(message)
  })

  test.each([
    ['not JSON', '{', 'weight_map'],
    ['without a map', '{}', 'weight_map'],
    ['with an empty map', '{"weight_map":{}}', 'empty'],
    ['leading out of the folder', '{"weight_map":{"a":"../a.safetensors"}}', 'plain file name'],
    ['listing a shard that is missing', '{"weight_map":{"a":"gone.safetensors"}}', 'gone.safetensors is missing'],
  ])('an index %s', (_, index, message) => {
    mkdirSync(join(folder, 'sharded'), { recursive: true })
    written('sharded/model.safetensors.index.json', index)
    expect(problemOf(() => safetensorsFiles(join(folder, 'sharded')))).toContain(message)
  })

  test('any flipped byte and any cut give a BumpError or a valid table', () => {
    const valid = bytes(
      '{"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"b":{"dtype":"F16","shape":[2],"data_offsets":[24,28]}}',
      28,
    )
    expectOnlyBumpErrors(valid, (path) => read(path))
  })
})

/** Damages a valid file in random ways; whatever is thrown must be a BumpError. */
function expectOnlyBumpErrors(valid: Uint8Array, read: (path: string) => unknown): void {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), { maxLength: 3 }),
      fc.option(fc.nat(valid.length)),
      (flips, cut) => {
        const damaged = Uint8Array.from(valid)
        for (const [at, value] of flips) damaged[at] = value
        try {
          read(written('fuzzed', damaged.subarray(0, cut ?? valid.length)))
        } catch (error) {
          expect(error).toBeInstanceOf(BumpError)
        }
      },
    ),
    { numRuns: 200 },
  )
}

describe('GGUF', () => {
  const config = tinyConfig('llama')
  const valid = tinyGguf(config, tinyWeights(config))
  const tensor = (changes: object): TestGguf => ({
    metadata: [],
    tensors: [{ name: 't', dims: [4], type: 0, content: floatContent([1, 2, 3, 4]), ...changes }],
  })
  const meta = (key: string, value: MetadataValue): TestGguf => ({ metadata: [[key, value]], tensors: [] })
  const raw = (code: number, ...bytes: number[]): MetadataValue => ({
    type: 'raw',
    code,
    bytes: Uint8Array.from(bytes),
  })
  const array = (item: number, count: number[]) => raw(9, item, 0, 0, 0, ...count)
  const MANY = [255, 255, 255, 255, 255, 0, 0, 0]

  test('the well-formed file of these cases is read', () => {
    expect(readGguf(written('ok.gguf', ggufBytes(valid))).tensors.size).toBe(valid.tensors.length)
  })

  test.each<[string, Uint8Array | TestGguf, string]>([
    ['empty file', Buffer.alloc(0), 'not a GGUF file'],
    ['another magic', { ...valid, magic: 'GGML' }, 'not a GGUF file'],
    ['only the magic', Buffer.from('GGUF'), 'not a GGUF file'],
    ['version 1', { ...valid, version: 1 }, 'version 1'],
    ['version 4', { ...valid, version: 4 }, 'version 4'],
    ['big-endian version', { ...valid, version: 0x03000000 }, 'version 50331648'],
    ['tensor count of 2^50', { ...valid, tensorCount: HUGE }, 'tensor count'],
    ['metadata count of 2^50', { ...valid, metadataCount: HUGE }, 'metadata count'],
    ['more metadata than there is', { ...valid, tensors: [], metadataCount: valid.metadata.length + 1 }, 'byte'],
    ['more tensors than there are', { ...tensor({}), tensorCount: 2 }, 'byte'],
    [
      'key of 2^40 bytes',
      Buffer.concat([
        ggufBytes({ ...meta('', raw(0)), metadataCount: 1 }).subarray(0, 24),
        Buffer.from([0, 0, 0, 0, 0, 1, 0, 0]),
        Buffer.alloc(64),
      ]),
      'the length of the key',
    ],
    ['string longer than the file', meta('k', raw(8, ...MANY)), 'the length of metadata "k"'],
    ['array of 2^40 numbers', meta('k', array(4, MANY)), 'item count of metadata "k"'],
    ['array of 2^40 strings', meta('k', array(8, MANY)), 'item count of metadata "k"'],
    ['array of arrays', meta('k', array(9, [1, 0, 0, 0, 0, 0, 0, 0])), 'unsupported type 9'],
    ['unknown metadata type', meta('k', raw(13, 0, 0, 0, 0)), 'unknown type 13'],
    [
      'key twice',
      {
        metadata: [
          ['k', { type: 'u32', value: 1 }],
          ['k', { type: 'u32', value: 2 }],
        ],
        tensors: [],
      },
      '"k" stands there twice',
    ],
    ['alignment of zero', meta('general.alignment', { type: 'u32', value: 0 }), 'general.alignment'],
    ['alignment of 12', meta('general.alignment', { type: 'u32', value: 12 }), 'general.alignment'],
    ['alignment that is a text', meta('general.alignment', { type: 'string', value: '32' }), 'general.alignment'],
    ['tensor without dimensions', tensor({ dims: [] }), '0 dimensions'],
    ['tensor of five dimensions', tensor({ dims: [1, 1, 1, 1, 4] }), '5 dimensions'],
    ['dimension of zero', tensor({ dims: [4, 0] }), 'impossible shape'],
    ['dimension of 2^50', tensor({ dims: [HUGE] }), 'dimension 0'],
    ['dimensions whose product overflows', tensor({ dims: [2 ** 30, 2 ** 30] }), 'impossible shape'],
    ['type without a reader', tensor({ type: 16 }), 'IQ2_XXS'],
    ['type that does not exist', tensor({ type: 4711 }), 'number 4711'],
    ['rows that are no whole blocks', tensor({ type: 8, dims: [4] }), 'multiple of 32'],
    ['offset outside', tensor({ offset: HUGE }), 'offset of tensor "t"'],
    ['offset off the alignment', tensor({ offset: 4 }), 'not a multiple of the alignment'],
    ['content cut off', ggufBytes(tensor({})).subarray(0, -20), 'truncated: tensor "t"'],
    ['huge tensor over little content', tensor({ dims: [2 ** 33] }), 'truncated: tensor "t"'],
    ['name twice', { metadata: [], tensors: [...tensor({}).tensors, ...tensor({}).tensors] }, '"t" stands there twice'],
    [
      'overlapping tensors',
      { metadata: [], tensors: [...tensor({}).tensors, ...tensor({ name: 'u', offset: 0 }).tensors] },
      '"t" and "u" overlap',
    ],
  ])('%s', (_, file, message) => {
    const path = written('bad.gguf', file instanceof Uint8Array ? file : ggufBytes(file))
    expect(problemOf(() => readGguf(path))).toContain(message)
  })

  const changed = (key: string, value?: MetadataValue): TestGguf => ({
    ...valid,
    metadata: [
      ...valid.metadata.filter(([name]) => name !== key),
      ...(value ? [[key, value] as [string, MetadataValue]] : []),
    ],
  })
  const u32 = (value: number): MetadataValue => ({ type: 'u32', value })

  test.each<[string, TestGguf, string]>([
    ['no architecture', changed('general.architecture'), 'general.architecture'],
    ['another architecture', changed('general.architecture', { type: 'string', value: 'mamba' }), 'mamba'],
    ['no layers', changed('llama.block_count'), 'llama.block_count'],
    ['zero layers', changed('llama.block_count', u32(0)), 'llama.block_count'],
    ['layers as a text', changed('llama.block_count', { type: 'string', value: '2' }), 'llama.block_count'],
    ['fractional heads', changed('llama.attention.head_count', { type: 'f32', value: 2.5 }), 'head_count'],
    ['NaN epsilon', changed('llama.attention.layer_norm_rms_epsilon', { type: 'f32', value: Number.NaN }), 'epsilon'],
    ['heads not divisible', changed('llama.attention.head_count_kv', u32(3)), 'not divisible'],
    ['another rotary size', changed('llama.rope.dimension_count', u32(2)), 'rope.dimension_count'],
    ['longrope', changed('llama.rope.scaling.type', { type: 'string', value: 'longrope' }), 'longrope'],
    [
      'yarn without its factor',
      changed('llama.rope.scaling.type', { type: 'string', value: 'yarn' }),
      'rope.scaling.factor',
    ],
    ['a pattern of windows', changed('llama.attention.sliding_window_pattern', u32(2)), 'sliding_window_pattern'],
    ['soft caps', changed('llama.final_logit_softcapping', { type: 'f32', value: 30 }), 'final_logit_softcapping'],
    ['experts', changed('llama.expert_count', u32(8)), 'expert'],
    ['no embedding', { ...valid, tensors: valid.tensors.slice(1) }, 'token_embd.weight'],
    ['a tensor missing', { ...valid, tensors: valid.tensors.slice(0, -1) }, 'missing tensors: output_norm.weight'],
    ['a tensor too many', { ...valid, tensors: [...valid.tensors, ...tensor({}).tensors] }, 'unexpected tensors: t'],
    ['a narrower model', changed('llama.feed_forward_length', u32(11)), 'has the shape'],
  ])('a model with %s', (_, file, message) => {
    const path = written('bad-model.gguf', ggufBytes(file))
    expect(problemOf(() => openGgufSource(path).close())).toContain(message)
  })

  test('any flipped byte and any cut give a BumpError or a valid table', () => {
    expectOnlyBumpErrors(ggufBytes(valid).subarray(0, 1200), readGguf)
  })
})
