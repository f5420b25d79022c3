// The model of the comparison: random weights of a shape, written once as a Hugging Face folder (for bump and
// transformers) and, for llama.cpp, as an F16 GGUF file, with a tokenizer whose every word `t<id>` is one token.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ModelConfig } from '../../../src/engine/model/config.ts'
import { newWeights } from '../../../src/engine/runtime/model-weights.ts'
import { floatToHalf } from '../../../src/engine/weights/half.ts'
import { writeHuggingFaceFolder } from '../../../src/engine/weights/save-weights.ts'

interface Matrix {
  dims: readonly number[]
  data: Float32Array
}

/** Writes the model into `folder` unless it is there. The GGUF file, F16.gguf, is for shapes of Llama's family. */
export function makeModel(folder: string, config: ModelConfig): void {
  const made = join(folder, 'made.json')
  const wanted = JSON.stringify(config)
  if (existsSync(made) && readFileSync(made, 'utf8') === wanted) return
  mkdirSync(folder, { recursive: true })
  const weights = newWeights(config, 1)
  writeHuggingFaceFolder(folder, config, (name) => weights.get(name)!.data, 'F16')
  writeTokenizer(folder, config)
  if (config.family === 'llama') writeGguf(join(folder, 'F16.gguf'), config, weights)
  writeFileSync(made, wanted)
}

function writeTokenizer(folder: string, { vocab, contextLength }: ModelConfig): void {
  const words = Object.fromEntries(Array.from({ length: vocab }, (_, id) => [id === 0 ? '<eos>' : `t${id}`, id]))
  const special = {
    id: 0,
    content: '<eos>',
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  }
  const tokenizer = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [special],
    normalizer: null,
    pre_tokenizer: { type: 'WhitespaceSplit' },
    post_processor: null,
    decoder: null,
    model: { type: 'WordLevel', vocab: words, unk_token: '<eos>' },
  }
  const settings = {
    tokenizer_class: 'PreTrainedTokenizerFast',
    eos_token: '<eos>',
    pad_token: '<eos>',
    model_max_length: contextLength,
  }
  writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify(tokenizer))
  writeFileSync(join(folder, 'tokenizer_config.json'), JSON.stringify(settings))
}

const U32 = 4
const F32 = 6
const STRING = 8
const ARRAY = 9

/** Llama's GGUF layout: projections as [outputs, inputs], rows of q and k reordered for interleaved rotation. */
function writeGguf(path: string, config: ModelConfig, weights: ReadonlyMap<string, Matrix>): void {
  const { layers, heads, kvHeads, headDim } = config
  const tensors = [
    tensor('token_embd.weight', weights.get('embed')!),
    tensor('output_norm.weight', weights.get('norm')!),
  ]
  for (let l = 0; l < layers; l++) {
    const of = (name: string) => weights.get(`l${l}.${name}`)!
    tensors.push(
      tensor(`blk.${l}.attn_norm.weight`, of('attn_norm')),
      tensor(`blk.${l}.ffn_norm.weight`, of('ffn_norm')),
      tensor(`blk.${l}.attn_q.weight`, interleaved(turned(of('q')), heads, headDim)),
      tensor(`blk.${l}.attn_k.weight`, interleaved(turned(of('k')), kvHeads, headDim)),
      tensor(`blk.${l}.attn_v.weight`, turned(of('v'))),
      tensor(`blk.${l}.attn_output.weight`, turned(of('o'))),
      tensor(`blk.${l}.ffn_gate.weight`, turned(of('gate'))),
      tensor(`blk.${l}.ffn_up.weight`, turned(of('up'))),
      tensor(`blk.${l}.ffn_down.weight`, turned(of('down'))),
    )
  }
  const metadata = metadataOf(config)
  const head = [Buffer.from('GGUF'), u32(3), u64(tensors.length), u64(metadata.length), ...metadata]
  let offset = 0
  for (const { name, dims, type, content } of tensors) {
    head.push(string(name), u32(dims.length), ...[...dims].reverse().map(u64), u32(type), u64(offset))
    offset += padded(content).length
  }
  writeFileSync(path, Buffer.concat([padded(Buffer.concat(head)), ...tensors.map((one) => padded(one.content))]))
}

function metadataOf(config: ModelConfig): Buffer[] {
  const { layers, hidden, heads, kvHeads, headDim, ffn, vocab, normEps, ropeTheta, contextLength } = config
  const entry = (key: string, type: number, value: Buffer) => Buffer.concat([string(key), u32(type), value])
  const list = (type: number, values: Buffer[]) => Buffer.concat([u32(type), u64(values.length), ...values])
  const words = Array.from({ length: vocab }, (_, id) => string(id === 0 ? '<eos>' : `t${id}`))
  return [
    entry('general.architecture', STRING, string('llama')),
    entry('general.file_type', U32, u32(1)),
    entry('llama.context_length', U32, u32(contextLength)),
    entry('llama.embedding_length', U32, u32(hidden)),
    entry('llama.block_count', U32, u32(layers)),
    entry('llama.feed_forward_length', U32, u32(ffn)),
    entry('llama.attention.head_count', U32, u32(heads)),
    entry('llama.attention.head_count_kv', U32, u32(kvHeads)),
    entry('llama.rope.dimension_count', U32, u32(headDim)),
    entry('llama.attention.layer_norm_rms_epsilon', F32, f32(normEps)),
    entry('llama.rope.freq_base', F32, f32(ropeTheta)),
    entry('llama.vocab_size', U32, u32(vocab)),
    entry('tokenizer.ggml.model', STRING, string('gpt2')),
    entry('tokenizer.ggml.pre', STRING, string('default')),
    entry('tokenizer.ggml.tokens', ARRAY, list(STRING, words)),
    entry('tokenizer.ggml.merges', ARRAY, list(STRING, [string('t 1')])),
    entry('tokenizer.ggml.eos_token_id', U32, u32(0)),
    entry('tokenizer.ggml.bos_token_id', U32, u32(0)),
  ]
}

const number = (bytes: number, write: (buffer: Buffer) => void) => {
  const buffer = Buffer.alloc(bytes)
  write(buffer)
  return buffer
}
const u32 = (value: number) => number(4, (b) => b.writeUInt32LE(value))
const u64 = (value: number) => number(8, (b) => b.writeBigUInt64LE(BigInt(value)))
const f32 = (value: number) => number(4, (b) => b.writeFloatLE(value))
const string = (text: string) => Buffer.concat([u64(Buffer.byteLength(text)), Buffer.from(text)])
const padded = (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc((32 - (bytes.length % 32)) % 32)])

/** Matrices in F16 (ggml type 1), vectors in F32 (type 0), as llama.cpp's own converter writes them. */
function tensor(name: string, { dims, data }: Matrix) {
  if (dims.length === 1)
    return { name, dims, type: 0, content: Buffer.from(data.buffer, data.byteOffset, data.byteLength) }
  const halves = Uint16Array.from(data, floatToHalf)
  return { name, dims, type: 1, content: Buffer.from(halves.buffer) }
}

/** [inputs, outputs] as [outputs, inputs]. */
function turned({ dims: [inputs, outputs], data }: Matrix): Matrix {
  const out = new Float32Array(data.length)
  for (let i = 0; i < inputs; i++) for (let o = 0; o < outputs; o++) out[o * inputs + i] = data[i * outputs + o]
  return { dims: [outputs, inputs], data: out }
}

/** Rows of every head: (first half, second half) become pairs. */
function interleaved({ dims: [outputs, inputs], data }: Matrix, heads: number, headDim: number): Matrix {
  const out = new Float32Array(data.length)
  const half = headDim / 2
  for (let h = 0; h < heads; h++)
    for (let i = 0; i < half; i++)
      for (const side of [0, 1]) {
        const from = (h * headDim + side * half + i) * inputs
        out.set(data.subarray(from, from + inputs), (h * headDim + 2 * i + side) * inputs)
      }
  return { dims: [outputs, inputs], data: out }
}
