// Malformed GGUF files through the command line, each damaged in one place.
// Every one must end with exit code 1 or 2 and a message that names the file or field and the problem: never a
// stack trace, never "a bug in bump", never memory that a lying header asks for.
import { describe, expect, it } from 'vitest'
import { folderConfig, folderTokenizer, folderWeights } from '../engine/weights/testing/tiny-folder.ts'
import { tinyGguf } from '../engine/weights/testing/tiny-model.ts'
import { ggufBytes, type MetadataValue, type TestGguf, type TestTensor } from '../engine/weights/testing/write-gguf.ts'
import { damagedInput, LINE, QUICK } from './testing/damaged-input.ts'

const { write, run, refused } = damagedInput()
const generate = (where: string) => ['generate', '--model', where, ...QUICK]

describe('GGUF files', () => {
  const text = (value: string): MetadataValue => ({ type: 'string', value })
  const u32 = (value: number): MetadataValue => ({ type: 'u32', value })
  const raw = (code: number, ...bytes: number[]): MetadataValue => ({
    type: 'raw',
    code,
    bytes: Uint8Array.from(bytes),
  })
  const MANY = [255, 255, 255, 255, 255, 0, 0, 0]
  const tokens = Object.entries<number>(folderTokenizer.model.vocab)
    .sort((a, b) => a[1] - b[1])
    .map(([token]) => token)
  const merges = folderTokenizer.model.merges.map((merge) => (typeof merge === 'string' ? merge : merge.join(' ')))
  const tiny = tinyGguf(folderConfig, folderWeights)
  const good: TestGguf = {
    ...tiny,
    metadata: [
      ...tiny.metadata,
      ['tokenizer.ggml.model', text('gpt2')],
      ['tokenizer.ggml.pre', text('smollm')],
      ['tokenizer.ggml.tokens', { type: 'strings', value: tokens }],
      ['tokenizer.ggml.merges', { type: 'strings', value: merges }],
      ['tokenizer.ggml.bos_token_id', u32(1)],
      ['tokenizer.ggml.eos_token_id', u32(2)],
    ],
  }
  const meta = (key: string, value?: MetadataValue): TestGguf => ({
    ...good,
    metadata: good.metadata.flatMap((entry) => (entry[0] !== key ? [entry] : value ? [[key, value]] : [])),
  })
  const first = (change: Partial<TestTensor>): TestGguf => ({
    ...good,
    tensors: [{ ...good.tensors[0], ...change }, ...good.tensors.slice(1)],
  })
  const whole = ggufBytes(good)
  let files = 0
  const gguf = (content: TestGguf | Uint8Array) =>
    write(`gguf/${files++}.gguf`, content instanceof Uint8Array ? content : ggufBytes(content))

  it('the well-formed file of these cases is read', async () => {
    expect(await run(generate(gguf(good)), LINE)).toBe(0)
  })

  it.each<[what: string, content: TestGguf | Uint8Array, message: RegExp]>([
    ['empty', Buffer.alloc(0), /\.gguf: is not a GGUF file/],
    ['of another magic', { ...good, magic: 'GGML' }, /is not a GGUF file/],
    [
      'a safetensors file',
      Buffer.concat([Buffer.from([64, 0, 0, 0, 0, 0, 0, 0]), Buffer.alloc(64, '{}')]),
      /is not a GGUF file/,
    ],
    ['of version 99', { ...good, version: 99 }, /has GGUF version 99/],
    ['of 2^50 tensors', { ...good, tensorCount: 2 ** 50 }, /the tensor count is 1125899906842624/],
    ['of one tensor too many', { ...good, tensorCount: good.tensors.length + 1 }, /damaged GGUF file.*tensor/],
    ['of 2^50 metadata', { ...good, metadataCount: 2 ** 50 }, /the metadata count is 1125899906842624/],
    [
      'with a string longer than the file',
      meta('general.architecture', raw(8, ...MANY)),
      /the length of metadata "general\.architecture" is 1099511627775/,
    ],
    [
      'with an array of 2^40 strings',
      meta('tokenizer.ggml.tokens', raw(9, 8, 0, 0, 0, ...MANY)),
      /item count of metadata "tokenizer\.ggml\.tokens"/,
    ],
    [
      'with an array of arrays',
      meta('tokenizer.ggml.tokens', raw(9, 9, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0)),
      /unsupported type 9/,
    ],
    ['with metadata of type 13', meta('general.architecture', raw(13, 0, 0, 0, 0)), /unknown type 13/],
    ['with a tensor past the end', first({ offset: whole.length * 32 }), /offset of tensor "token_embd\.weight"/],
    ['with a tensor off the alignment', first({ offset: 4 }), /not a multiple of the alignment/],
    ['with tensors that overlap', first({ offset: 64 }), /overlap|truncated/],
    ['with a tensor of IQ1_S', first({ type: 19 }), /ggml type IQ1_S, which is not supported/],
    ['with a tensor of type 4711', first({ type: 4711 }), /number 4711/],
    ['with a dimension of zero', first({ dims: [8, 0] }), /impossible shape \[8, 0\]/],
    ['with 2^33 rows', first({ dims: [2, 2 ** 33] }), /truncated: tensor|overlap/],
    ['with 2^50 rows', first({ dims: [8, 2 ** 50] }), /dimension 1 of tensor "token_embd\.weight"/],
    ['with no dimensions', first({ dims: [] }), /0 dimensions/],
    ...[4, 16, 30, 100, 1000, 9000, whole.length - 5000, whole.length - 40].map(
      (bytes): [string, Uint8Array, RegExp] => [
        `cut after ${bytes} bytes`,
        whole.subarray(0, bytes),
        /is not a GGUF file|damaged GGUF file.*(truncated|possible)/,
      ],
    ),
    ['without a tokenizer', meta('tokenizer.ggml.model'), /has no tokenizer \(tokenizer\.ggml\.model\)/],
    ['without tokens', meta('tokenizer.ggml.tokens'), /has no tokenizer\.ggml\.tokens/],
    ['without merges', meta('tokenizer.ggml.merges'), /has no tokenizer\.ggml\.merges/],
    [
      'with numbers for tokens',
      meta('tokenizer.ggml.tokens', { type: 'i32s', value: [1, 2] }),
      /tokenizer\.ggml\.tokens.*list of texts/,
    ],
    ['with an unknown pre-tokenizer', meta('tokenizer.ggml.pre', text('nonsense')), /pre-tokenizer "nonsense"/],
    ['with a first token of id 10^9', meta('tokenizer.ggml.bos_token_id', u32(1e9)), /bos_token_id/],
    [
      'with fewer tokens than merges need',
      meta('tokenizer.ggml.tokens', { type: 'strings', value: tokens.slice(0, 300) }),
      /merge \d+/,
    ],
    [
      'with more tokens than rows',
      meta('tokenizer.ggml.tokens', { type: 'strings', value: [...tokens, ...tokens.map((t) => `${t}zz`)] }),
      /has the id 560, but the model has weights for 560 tokens/,
    ],
    ['of another architecture', meta('general.architecture', text('mamba')), /"mamba"/],
    ['with zero layers', meta('llama.block_count', u32(0)), /llama\.block_count/],
    ['with 9999 layers', meta('llama.block_count', u32(9999)), /missing tensors: blk\.2\.attn_norm\.weight/],
    ['with heads that do not divide', meta('llama.attention.head_count_kv', u32(3)), /not divisible/],
  ])('%s', (_, content, message) => refused(generate(gguf(content)), 1, message, LINE))
})
