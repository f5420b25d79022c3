// Reads GGUF files (llama.cpp's format, versions 2 and 3): metadata and where each tensor lies. Counts, lengths and
// offsets of the file are never trusted: each is checked against the file's size before anything is allocated.
// Next: gguf-dequant.ts turns a tensor's blocks into floats, gguf-source.ts maps names and shapes.
import { BumpError } from '../../util/errors.ts'
import type { BinaryFile } from './binary-file.ts'

/** A metadata value. 64-bit integers are given as numbers, rounded beyond 2^53. */
export type GgufValue = number | boolean | string | number[] | boolean[] | string[]

/** ggml types that can be read, with [elements, bytes] of a block. */
export const GGML_TYPES = {
  F32: [1, 4],
  F16: [1, 2],
  BF16: [1, 2],
  Q4_0: [32, 18],
  Q4_1: [32, 20],
  Q5_0: [32, 22],
  Q5_1: [32, 24],
  Q8_0: [32, 34],
  Q2_K: [256, 84],
  Q3_K: [256, 110],
  Q4_K: [256, 144],
  Q5_K: [256, 176],
  Q6_K: [256, 210],
  IQ4_NL: [32, 18],
  IQ4_XS: [256, 136],
} as const satisfies Record<string, readonly [number, number]>
export type GgmlType = keyof typeof GGML_TYPES

/** ggml's type numbers; those without a reader are named so that an error can name them. */
const TYPE_NAMES: Record<number, string> = {
  0: 'F32',
  1: 'F16',
  2: 'Q4_0',
  3: 'Q4_1',
  6: 'Q5_0',
  7: 'Q5_1',
  8: 'Q8_0',
  9: 'Q8_1',
  10: 'Q2_K',
  11: 'Q3_K',
  12: 'Q4_K',
  13: 'Q5_K',
  14: 'Q6_K',
  15: 'Q8_K',
  16: 'IQ2_XXS',
  17: 'IQ2_XS',
  18: 'IQ3_XXS',
  19: 'IQ1_S',
  20: 'IQ4_NL',
  21: 'IQ3_S',
  22: 'IQ2_S',
  23: 'IQ4_XS',
  24: 'I8',
  25: 'I16',
  26: 'I32',
  27: 'I64',
  28: 'F64',
  29: 'IQ1_M',
  30: 'BF16',
  34: 'TQ1_0',
  35: 'TQ2_0',
  39: 'MXFP4',
}

export interface GgufTensor {
  type: GgmlType
  /** ggml's order: the fastest dimension first, so a matrix is [inputs, outputs] of rows of length `inputs`. */
  dims: number[]
  /** Bytes from the start of the file. */
  offset: number
  /** Bytes. */
  length: number
}

export interface ParseOptions {
  /** False: lists of the tokenizer, which are long, are gone over. */
  vocabulary?: boolean
  /** Sees each metadata value as it is read, and may throw before the rest is. */
  check?: (key: string, value: GgufValue) => void
}

export interface Gguf {
  version: number
  metadata: Map<string, GgufValue>
  tensors: Map<string, GgufTensor>
}

const MAX_ARRAY = 1 << 22
const MAX_STRING = 1 << 24
const MAX_ELEMENTS = 2 ** 34
const CHUNK = 1 << 20

/** Scalar metadata types by their number: bytes of one value. */
const SCALAR_BYTES: Record<number, number> = { 0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8 }
const BOOL = 7
const STRING = 8
const ARRAY = 9

/** Reads forward through the header, a chunk at a time. */
class Cursor {
  position = 0
  private chunk = new Uint8Array(0)
  private view = new DataView(this.chunk.buffer)
  private chunkStart = 0
  private readonly file: BinaryFile
  private readonly decoder = new TextDecoder('utf-8', { ignoreBOM: true })

  constructor(file: BinaryFile) {
    this.file = file
  }

  get path(): string {
    return this.file.path
  }

  get left(): number {
    return this.file.size - this.position
  }

  fail(problem: string): never {
    throw new BumpError(
      'model-unusable',
      `${this.file.path}: damaged GGUF file: ${problem} (at byte ${this.position}). Download or convert it again.`,
    )
  }

  u32(what: string): number {
    const at = this.take(4, what)
    return this.view.getUint32(at, true)
  }

  /** A length, count or offset: an unsigned 64-bit integer that can be at most `most`. */
  u64(what: string, most: number): number {
    const at = this.take(8, what)
    const value = this.view.getBigUint64(at, true)
    if (value > BigInt(most)) this.fail(`${what} is ${value}, but at most ${most} is possible here`)
    return Number(value)
  }

  private stringLength(what: string): number {
    return this.u64(`the length of ${what}`, Math.max(0, Math.min(MAX_STRING, this.left - 8)))
  }

  /** Goes over bytes that nobody needs. */
  skip(length: number, what: string): void {
    if (length > this.left) this.fail(`truncated: ${what} needs ${length} bytes, ${this.left} are left`)
    this.position += length
  }

  skipString(what: string): void {
    this.skip(this.stringLength(what), what)
  }

  string(what: string): string {
    const length = this.stringLength(what)
    const at = this.take(length, what)
    return this.decoder.decode(this.chunk.subarray(at, at + length))
  }

  /** A metadata scalar of a type in SCALAR_BYTES. */
  scalar(type: number, what: string): number | boolean {
    const at = this.take(SCALAR_BYTES[type], what)
    switch (type) {
      case 0:
        return this.view.getUint8(at)
      case 1:
        return this.view.getInt8(at)
      case 2:
        return this.view.getUint16(at, true)
      case 3:
        return this.view.getInt16(at, true)
      case 4:
        return this.view.getUint32(at, true)
      case 5:
        return this.view.getInt32(at, true)
      case 6:
        return this.view.getFloat32(at, true)
      case BOOL:
        return this.view.getUint8(at) !== 0
      case 10:
        return Number(this.view.getBigUint64(at, true))
      case 11:
        return Number(this.view.getBigInt64(at, true))
      default:
        return this.view.getFloat64(at, true)
    }
  }

  /** Makes `length` bytes available and gives their place in the chunk. Replaces the view: take first, then read. */
  private take(length: number, what: string): number {
    if (length > this.left) this.fail(`truncated: ${what} needs ${length} bytes, ${this.left} are left`)
    if (this.position + length > this.chunkStart + this.chunk.length) {
      this.chunk = this.file.read(this.position, Math.min(Math.max(CHUNK, length), this.left))
      this.view = new DataView(this.chunk.buffer)
      this.chunkStart = this.position
    }
    const at = this.position - this.chunkStart
    this.position += length
    return at
  }
}

/** A value; undefined where it is a list and `skipLists`. */
function readValue(cursor: Cursor, key: string, skipLists: boolean): GgufValue | undefined {
  const what = `metadata "${key}"`
  const type = cursor.u32(`the type of ${what}`)
  if (type === STRING) return cursor.string(what)
  if (type in SCALAR_BYTES) return cursor.scalar(type, what)
  if (type !== ARRAY) cursor.fail(`${what} has the unknown type ${type}`)

  const item = cursor.u32(`the item type of ${what}`)
  const bytes = item === STRING ? 8 : SCALAR_BYTES[item]
  if (bytes === undefined) cursor.fail(`${what} is an array of the unsupported type ${item}`)
  const most = Math.floor(Math.max(0, cursor.left - 8) / bytes)
  const count = cursor.u64(`the item count of ${what}`, Math.min(MAX_ARRAY, most))
  if (skipLists) {
    if (item === STRING) for (let i = 0; i < count; i++) cursor.skipString(what)
    else cursor.skip(count * bytes, what)
    return undefined
  }
  if (item === STRING) {
    const strings: string[] = []
    for (let i = 0; i < count; i++) strings.push(cursor.string(`${what}[${i}]`))
    return strings
  }
  if (item === BOOL) {
    const booleans: boolean[] = []
    for (let i = 0; i < count; i++) booleans.push(cursor.scalar(item, what) === true)
    return booleans
  }
  const numbers: number[] = []
  for (let i = 0; i < count; i++) numbers.push(Number(cursor.scalar(item, what)))
  return numbers
}

function readMetadata(cursor: Cursor, count: number, { vocabulary = true, check }: ParseOptions) {
  const metadata = new Map<string, GgufValue>()
  const seen = new Set<string>()
  for (let i = 0; i < count; i++) {
    const key = cursor.string(`the key of metadata entry ${i}`)
    if (seen.has(key)) cursor.fail(`metadata "${key}" stands there twice`)
    seen.add(key)
    const value = readValue(cursor, key, !vocabulary && key.startsWith('tokenizer.'))
    if (value === undefined) continue
    check?.(key, value)
    metadata.set(key, value)
  }
  return metadata
}

/** One entry of the tensor table; its offset still counts from the start of the tensor data. */
function readTensorEntry(cursor: Cursor, name: string, alignment: number, fileSize: number): GgufTensor {
  const rank = cursor.u32(`the rank of tensor "${name}"`)
  if (rank < 1 || rank > 4) cursor.fail(`tensor "${name}" has ${rank} dimensions, 1 to 4 are possible`)
  const dims: number[] = []
  let elements = 1
  for (let d = 0; d < rank; d++) {
    dims.push(cursor.u64(`dimension ${d} of tensor "${name}"`, MAX_ELEMENTS))
    elements *= dims[d]
    if (elements < 1 || elements > MAX_ELEMENTS)
      cursor.fail(`tensor "${name}" has the impossible shape [${dims.join(', ')}]`)
  }
  const number = cursor.u32(`the type of tensor "${name}"`)
  const type = TYPE_NAMES[number] ?? `number ${number}`
  if (!isReadable(type))
    throw new BumpError(
      'model-unusable',
      `${cursor.path}: tensor "${name}" has the ggml type ${type}, which is not supported. ` +
        `Use a file in one of ${Object.keys(GGML_TYPES).join(', ')} (Q8_0, Q4_K_M, Q3_K_M and F16 files are).`,
    )
  const [block, bytes] = GGML_TYPES[type]
  if (dims[0] % block !== 0)
    cursor.fail(`rows of tensor "${name}" have ${dims[0]} elements, ${type} needs a multiple of ${block}`)
  const offset = cursor.u64(`the offset of tensor "${name}"`, fileSize)
  if (offset % alignment !== 0)
    cursor.fail(`the offset ${offset} of tensor "${name}" is not a multiple of the alignment ${alignment}`)
  return { type, dims, offset, length: (elements / block) * bytes }
}

function isReadable(type: string): type is GgmlType {
  return Object.hasOwn(GGML_TYPES, type)
}

/** Moves offsets to the start of the file and checks that every tensor lies inside it, none over another. */
function placeTensors(cursor: Cursor, tensors: Map<string, GgufTensor>, dataStart: number, fileSize: number): void {
  const inOrder = [...tensors].sort((a, b) => a[1].offset - b[1].offset)
  let end = dataStart
  let before = ''
  for (const [name, tensor] of inOrder) {
    tensor.offset += dataStart
    if (tensor.offset < end) cursor.fail(`tensors "${before}" and "${name}" overlap`)
    end = tensor.offset + tensor.length
    before = name
    if (end > fileSize)
      cursor.fail(`truncated: tensor "${name}" ends at byte ${end}, but the file has ${fileSize} bytes`)
  }
}

/**
 * Reads metadata and tensor table of an open GGUF file. Nothing of the tensors' content is read.
 * Throws a BumpError for a damaged file, a version other than 2 and 3, and tensor types without a reader.
 */
export function parseGguf(file: BinaryFile, options: ParseOptions = {}): Gguf {
  const cursor: Cursor = new Cursor(file)
  if (file.size < 24 || cursor.u32('the magic') !== 0x46554747)
    throw new BumpError(
      'model-unusable',
      `${file.path}: is not a GGUF file (it does not begin with "GGUF"). Name a .gguf file.`,
    )
  const version = cursor.u32('the version')
  if (version !== 2 && version !== 3)
    throw new BumpError(
      'model-unusable',
      `${file.path}: has GGUF version ${version}; versions 2 and 3 (little-endian) can be read. Convert it again.`,
    )
  const tensorCount = cursor.u64('the tensor count', Math.floor(file.size / 25))
  const metadata = readMetadata(cursor, cursor.u64('the metadata count', Math.floor(file.size / 13)), options)

  const alignment = metadata.get('general.alignment') ?? 32
  if (typeof alignment !== 'number' || !(alignment >= 8 && alignment <= 1 << 20) || alignment % 8 !== 0)
    cursor.fail(`general.alignment is ${alignment}, a multiple of 8 is needed`)
  const tensors = new Map<string, GgufTensor>()
  for (let i = 0; i < tensorCount; i++) {
    const name = cursor.string(`the name of tensor ${i}`)
    if (tensors.has(name)) cursor.fail(`tensor "${name}" stands there twice`)
    tensors.set(name, readTensorEntry(cursor, name, alignment, file.size))
  }
  placeTensors(cursor, tensors, Math.ceil(cursor.position / alignment) * alignment, file.size)
  return { version, metadata, tensors }
}
