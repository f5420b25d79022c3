// Malformed model folders through the command line: config.json, tokenizer and safetensors, each damaged in one place.
// Every one must end with exit code 1 or 2 and a message that names the file or field and the problem: never a
// stack trace, never "a bug in bump", never memory that a lying header asks for.
import { readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { folderTokenizer, writeTinyFolder } from '../engine/weights/testing/tiny-folder.ts'
import { type Content, type Damage, damagedInput, LINE, QUICK } from './testing/damaged-input.ts'

const { path, write, damaged, run, refused } = damagedInput()
beforeAll(() => writeTinyFolder(path('model')))
const generate = (where: string) => ['generate', '--model', where, ...QUICK]
const model = (files: Damage) => damaged('model', files)

type Header = Record<string, { dtype: string; shape: number[]; data_offsets: number[] }>
const readGood = (name: string) => readFileSync(path('model', name))

/** Every f32 is NaN. */
function nanWeights(): string {
  const bytes = readGood('model.safetensors')
  bytes.fill(0xff, 8 + Number(bytes.readBigUInt64LE()))
  return model({ 'model.safetensors': bytes })
}

describe('models', () => {
  const config = (change: object) => () =>
    model({ 'config.json': JSON.stringify({ ...JSON.parse(readGood('config.json').toString()), ...change }) })
  const tokenizer = (change: (json: typeof folderTokenizer) => object) => () =>
    model({ 'tokenizer.json': JSON.stringify(change(structuredClone(folderTokenizer))) })
  const file = (name: string, content?: Content) => () => model({ [name]: content })
  const cut = (name: string, bytes: number) => () => model({ [name]: readGood(name).subarray(0, bytes) })
  /** The weights with a changed header; the data stay. */
  const weights =
    (change: (header: Header) => unknown, lengthen = 0) =>
    () => {
      const good = readGood('model.safetensors')
      const end = 8 + Number(good.readBigUInt64LE())
      const changed = change(JSON.parse(good.subarray(8, end).toString()))
      const header = Buffer.from(typeof changed === 'string' ? changed : JSON.stringify(changed))
      const size = Buffer.alloc(8)
      size.writeBigUInt64LE(BigInt(header.length + lengthen))
      return model({ 'model.safetensors': Buffer.concat([size, header, good.subarray(end)]) })
    }
  const tensor = (change: Partial<Header[string]>) =>
    weights((header) => ({ ...header, [NORM]: { ...header[NORM], ...change } }))
  const EMBED = 'model.embed_tokens.weight'
  const NORM = 'model.norm.weight'
  const index = (json: unknown) => () =>
    model({ 'model.safetensors': undefined, 'model.safetensors.index.json': JSON.stringify(json) })

  it('the well-formed folder of these cases is read', async () => {
    expect(await run(generate(path('model')), LINE)).toBe(0)
  })

  it.each<[what: string, place: () => string, message: RegExp]>([
    ['no such place', () => path('nowhere'), /nowhere": there is no such folder or file.*not a hub name/],
    ['a file that is no GGUF by name', () => write('weights.bin', 'x'), /weights\.bin: is a file but not a \.gguf/],
    [
      'a folder of something else',
      () => dirname(write('empty/README.md', 'hello')),
      /empty\/config\.json: the file is missing/,
    ],

    ['config.json missing', file('config.json'), /config\.json: the file is missing/],
    ['config.json empty', file('config.json', ''), /config\.json: is not JSON/],
    ['config.json cut', cut('config.json', 100), /config\.json: is not JSON/],
    ['config.json of binary zeros', file('config.json', Buffer.alloc(512)), /config\.json: is not JSON/],
    ['config.json that is a list', file('config.json', '[]'), /config\.json: is not a JSON object/],
    [
      'an unknown architecture',
      config({ model_type: 'mamba', architectures: ['Mamba'] }),
      /config\.json.*"mamba" is not supported/,
    ],
    ['no hidden size', config({ hidden_size: null }), /config\.json: "hidden_size" is missing/],
    ['zero layers', config({ num_hidden_layers: 0 }), /config\.json: "num_hidden_layers" is 0/],
    ['negative heads', config({ num_attention_heads: -4 }), /"num_attention_heads" is -4/],
    ['a fractional width', config({ intermediate_size: 1.5 }), /"intermediate_size" is 1\.5/],
    ['a vocabulary of 10^12', config({ vocab_size: 1e12 }), /"vocab_size" is 1000000000000/],
    [
      'a vocabulary of 10^7',
      config({ vocab_size: 1e7 }),
      /embed_tokens\.weight has the shape \[560, 8\].*\[10000000, 8\]/,
    ],
    [
      '10,000 layers',
      config({ num_hidden_layers: 10_000 }),
      /do not fit a llama model of 10000 layers: missing tensors/,
    ],
    ['heads that do not divide', config({ num_key_value_heads: 3 }), /num_key_value_heads\), 3/],
    ['a quantised model', config({ quantization_config: { quant_method: 'awq' } }), /"quantization_config" is set/],

    ['tokenizer.json missing', file('tokenizer.json'), /tokenizer\.json: does not exist/],
    ['tokenizer.json empty', file('tokenizer.json', ''), /tokenizer\.json: is not valid JSON/],
    ['tokenizer.json cut', cut('tokenizer.json', 5000), /tokenizer\.json: is not valid JSON/],
    ['tokenizer.json that is a text', file('tokenizer.json', '"BPE"'), /tokenizer\.json.*it has no "model" object/],
    [
      'no vocabulary',
      tokenizer((json) => ({ ...json, model: { ...json.model, vocab: null } })),
      /"model\.vocab" is not an object/,
    ],
    [
      'an empty vocabulary',
      tokenizer((json) => ({ ...json, model: { ...json.model, vocab: {}, merges: [] } })),
      /the vocabulary is empty/,
    ],
    [
      'a token of id 2^40',
      tokenizer((json) => ({ ...json, model: { ...json.model, vocab: { ...json.model.vocab, zz: 2 ** 40 } } })),
      /token "zz" has the id 1099511627776/,
    ],
    [
      'two tokens of one id',
      tokenizer((json) => ({ ...json, model: { ...json.model, vocab: { ...json.model.vocab, zz: 9 } } })),
      /share the id 9/,
    ],
    [
      'merges that are numbers',
      tokenizer((json) => ({ ...json, model: { ...json.model, merges: [1] } })),
      /merge 0 \(1\) is not a pair of tokens/,
    ],
    [
      'merges of unknown tokens',
      tokenizer((json) => ({ ...json, model: { ...json.model, merges: ['qqq zzz'] } })),
      /merge 0.*"qqq".*vocabulary lacks/,
    ],
    [
      'another kind of tokenizer',
      tokenizer((json) => ({ ...json, model: { type: 'Unigram' } })),
      /tokenizer model is "Unigram"/,
    ],
    [
      'a pre-tokenizer that does not exist',
      tokenizer((json) => ({ ...json, pre_tokenizer: { type: 'Nonsense' } })),
      /tokenizer\.json: not a usable tokenizer.*Nonsense/,
    ],
    [
      'a pattern that is no expression',
      tokenizer((json) => ({
        ...json,
        pre_tokenizer: { type: 'Split', pattern: { Regex: '(' }, behavior: 'Isolated' },
      })),
      /tokenizer\.json: not a usable tokenizer/,
    ],
    [
      'a pattern without a pattern',
      tokenizer((json) => ({ ...json, pre_tokenizer: { type: 'Split', behavior: 'Isolated' } })),
      /tokenizer\.json: not a usable tokenizer/,
    ],
    [
      'tokens that the model has no rows for',
      tokenizer((json) => ({
        ...json,
        added_tokens: [...json.added_tokens, { id: 5000, content: 'roses', special: false }],
      })),
      /token "roses" has the id 5000, but the model has weights for 560 tokens/,
    ],
    [
      'a chat template that does not parse',
      file('chat_template.jinja', '{% for %}'),
      /chat_template\.jinja: the chat template does not parse/,
    ],
    [
      'a chat template that refuses',
      file('chat_template.jinja', '{{ raise_exception("no") }}'),
      /chat_template\.jinja: the chat template refuses.*no/,
    ],
    ['tokenizer_config.json cut', cut('tokenizer_config.json', 50), /tokenizer_config\.json: is not valid JSON/],

    ['no weights', file('model.safetensors'), /has neither model\.safetensors nor/],
    ['weights empty', file('model.safetensors', ''), /model\.safetensors: damaged.*truncated: 0 bytes/],
    ['weights cut in the header', cut('model.safetensors', 200), /model\.safetensors: damaged.*header length/],
    [
      'weights cut in the data',
      () => model({ 'model.safetensors': readGood('model.safetensors').subarray(0, -1) }),
      /model\.safetensors: damaged.*truncated: tensor/,
    ],
    [
      'a web page for weights',
      file('model.safetensors', '<!DOCTYPE html><html></html>'),
      /model\.safetensors: damaged.*header length/,
    ],
    ['a header length beyond the file', weights((header) => header, 1e9), /header length is said to be 1000/],
    [
      'a header length of 2^63',
      file('model.safetensors', Buffer.from([0, 0, 0, 0, 0, 0, 0, 128, 123, 125])),
      /header length is said to be 9223372036854775808/,
    ],
    [
      'a header that is not JSON',
      weights((header) => JSON.stringify(header).replace(':', ';')),
      /the header is not JSON/,
    ],
    ['an empty header', weights(() => ({})), /missing tensors: model\.embed_tokens\.weight.* and \d+ more/],
    [
      'a shape of 2^40 rows',
      tensor({ shape: [2 ** 40, 8] }),
      /"model\.norm\.weight" of shape \[1099511627776, 8\].*needs/,
    ],
    ['a shape whose product overflows', tensor({ shape: [2 ** 50, 2 ** 50] }), /impossible shape/],
    ['a negative dimension', tensor({ shape: [-8] }), /impossible shape \[-8\]/],
    ['a dimension of zero', tensor({ shape: [0], data_offsets: [0, 0] }), /model\.norm\.weight has the shape \[0\]/],
    ['a shape other than the bytes', tensor({ shape: [9] }), /"model\.norm\.weight" of shape \[9\].*needs 36 bytes/],
    ['a dtype other than the bytes', tensor({ dtype: 'F16' }), /dtype F16 needs 16 bytes/],
    ['an integer dtype', tensor({ dtype: 'I8', data_offsets: [0, 8] }), /"model\.norm\.weight" has the dtype I8/],
    [
      'offsets far outside',
      tensor({ data_offsets: [2 ** 45, 2 ** 45 + 32] }),
      /truncated: tensor "model\.norm\.weight"/,
    ],
    ['offsets backwards', tensor({ data_offsets: [64, 32] }), /impossible data_offsets \[64, 32\]/],
    [
      'offsets over another tensor',
      weights((header) => ({
        ...header,
        [NORM]: { ...header[NORM], data_offsets: header[EMBED].data_offsets.map((_, i) => i * 32) },
      })),
      /overlap/,
    ],
    ['a tensor missing', weights(({ [NORM]: _, ...rest }) => rest), /missing tensors: model\.norm\.weight/],
    [
      'a tensor under another name',
      weights(({ [NORM]: norm, ...rest }) => ({ ...rest, 'transformer.ln_f.weight': norm })),
      /unexpected tensors: transformer\.ln_f\.weight/,
    ],
    ['weights that are not numbers', nanWeights, /the weight embed holds values that are not finite/],
    ['an index that is no map', index({ weight_map: [] }), /index\.json: is not JSON with a "weight_map"/],
    [
      'an index of shards that are missing',
      index({ weight_map: { a: 'model-1.safetensors' } }),
      /the shard model-1\.safetensors is missing/,
    ],
    [
      'an index that leaves the folder',
      index({ weight_map: { a: '../x.safetensors' } }),
      /"\.\.\/x\.safetensors" is not a plain file name/,
    ],
  ])('%s', (_, place, message) => refused(generate(place()), 1, message, LINE))
})
