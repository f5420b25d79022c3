// Reads and writes safetensors files: eight bytes of header length, a JSON header, then the tensors' bytes. Tensors are
// read one at a time; the header is checked against the file's size before anything is allocated.
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { z } from 'zod'
import { BumpError } from '../../util/errors.ts'
import { parseJson } from '../../util/parse-json.ts'
import { discard, writeAll, writeProblem } from '../../util/writing.ts'
import type { BinaryFile } from './binary-file.ts'
import { bfloatToFloats, floatToBfloat, floatToHalf, halfToFloats } from './half.ts'

const DTYPE_BYTES = { F64: 8, F32: 4, F16: 2, BF16: 2 } as const
type FloatDtype = keyof typeof DTYPE_BYTES

/** The longest header that is read: 100 MB, the limit of the reference implementation. */
const MAX_HEADER = 100_000_000
const MAX_RANK = 8

/** One tensor of an open safetensors file. */
export interface SafeTensor {
  dtype: FloatDtype
  dims: number[]
  file: BinaryFile
  /** Bytes from the start of the file. */
  offset: number
}

const headerEntry = z.object({
  dtype: z.string(),
  shape: z.array(z.number()),
  data_offsets: z.tuple([z.number(), z.number()]),
})

const isCount = (n: number) => Number.isSafeInteger(n) && n >= 0

function damaged(path: string, problem: string): BumpError {
  return new BumpError('model-unusable', `${path}: damaged safetensors file: ${problem}. Download or write it again.`)
}

/** JSON.parse keeps the last of equal keys silently, so the keys of every object are counted by hand. */
function duplicateKey(json: string): string | undefined {
  const seen: Set<string>[] = []
  for (let i = 0; i < json.length; i++) {
    const c = json[i]
    if (c === '{' || c === '[') seen.push(new Set())
    else if (c === '}' || c === ']') seen.pop()
    else if (c === '"') {
      const start = i++
      while (json[i] !== '"') i += json[i] === '\\' ? 2 : 1
      let next = i + 1
      while (' \t\n\r'.includes(json[next])) next++
      if (json[next] !== ':') continue
      const key = String(JSON.parse(json.slice(start, i + 1)))
      if (seen.at(-1)?.has(key)) return key
      seen.at(-1)?.add(key)
    }
  }
  return undefined
}

function readHeader(file: BinaryFile): { header: Record<string, unknown>; dataStart: number } {
  if (file.size < 8) throw damaged(file.path, `truncated: ${file.size} bytes, the header length alone has 8`)
  const length = new DataView(file.read(0, 8).buffer).getBigUint64(0, true)
  if (length > BigInt(Math.min(MAX_HEADER, file.size - 8)))
    throw damaged(file.path, `the header length is said to be ${length} bytes, the file has ${file.size}`)
  const text = new TextDecoder().decode(file.read(8, Number(length)))
  let header: unknown
  try {
    header = parseJson(text)
  } catch {
    throw damaged(file.path, 'the header is not JSON')
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header))
    throw damaged(file.path, 'the header is not a JSON object')
  const twice = duplicateKey(text)
  if (twice !== undefined) throw damaged(file.path, `"${twice}" stands twice in the header`)
  return { header: header as Record<string, unknown>, dataStart: 8 + Number(length) }
}

function readEntry(file: BinaryFile, name: string, raw: unknown, dataStart: number): SafeTensor & { end: number } {
  const parsed = headerEntry.safeParse(raw)
  if (!parsed.success)
    throw damaged(file.path, `tensor "${name}" lacks a proper dtype, shape or data_offsets in the header`)
  const { dtype, shape, data_offsets: offsets } = parsed.data
  if (!isFloatDtype(dtype))
    throw new BumpError(
      'model-unusable',
      `${file.path}: tensor "${name}" has the dtype ${dtype}; ${Object.keys(DTYPE_BYTES).join(', ')} can be read. ` +
        'Use the unquantised model.',
    )
  const elements = shape.reduce((product, dim) => product * dim, 1)
  if (shape.length > MAX_RANK || !shape.every(isCount) || !isCount(elements))
    throw damaged(file.path, `tensor "${name}" has the impossible shape [${shape.slice(0, MAX_RANK + 1).join(', ')}]`)
  const [start, end] = offsets
  if (!isCount(start) || !isCount(end) || end < start)
    throw damaged(file.path, `tensor "${name}" has the impossible data_offsets [${start}, ${end}]`)
  if (dataStart + end > file.size)
    throw damaged(file.path, `truncated: tensor "${name}" ends at byte ${dataStart + end}, the file has ${file.size}`)
  if (end - start !== elements * DTYPE_BYTES[dtype])
    throw damaged(
      file.path,
      `tensor "${name}" of shape [${shape.join(', ')}] and dtype ${dtype} needs ` +
        `${elements * DTYPE_BYTES[dtype]} bytes, its data_offsets hold ${end - start}`,
    )
  return { dtype, dims: shape, file, offset: dataStart + start, end: dataStart + end }
}

function isFloatDtype(dtype: string): dtype is FloatDtype {
  return Object.hasOwn(DTYPE_BYTES, dtype)
}

/**
 * The tensors of an open safetensors file by name; no tensor content is read. Throws a BumpError that names the problem
 * for truncated files, a lying header, impossible shapes, overlapping tensors and dtypes that are not floats. Tensors that
 * `ignored` names are passed over.
 */
export function readSafetensors(
  file: BinaryFile,
  ignored: (name: string) => boolean = () => false,
): Map<string, SafeTensor> {
  const { header, dataStart } = readHeader(file)
  const entries = Object.entries(header)
    .filter(([name]) => name !== '__metadata__' && !ignored(name))
    .map(([name, raw]) => ({ name, ...readEntry(file, name, raw, dataStart) }))
  const inOrder = [...entries].sort((a, b) => a.offset - b.offset || a.end - b.end)
  for (let i = 1; i < inOrder.length; i++)
    if (inOrder[i].offset < inOrder[i - 1].end)
      throw damaged(file.path, `tensors "${inOrder[i - 1].name}" and "${inOrder[i].name}" overlap`)
  return new Map(entries.map(({ name, dtype, dims, offset }) => [name, { dtype, dims, file, offset }]))
}

/** Fills `out` with the elements of a tensor from `from` on, as f32. */
export function fillElements(tensor: SafeTensor, from: number, out: Float32Array): void {
  const size = DTYPE_BYTES[tensor.dtype]
  const start = tensor.offset + from * size
  if (tensor.dtype === 'F32') {
    tensor.file.readInto(new Uint8Array(out.buffer, out.byteOffset, out.byteLength), start)
    return
  }
  const { buffer } = tensor.file.read(start, out.length * size)
  if (tensor.dtype === 'F64') out.set(new Float64Array(buffer))
  else if (tensor.dtype === 'F16') halfToFloats(new Uint16Array(buffer), out)
  else bfloatToFloats(new Uint16Array(buffer), out)
}

/** Elements [from, to) of a tensor as f32. */
export function readElements(tensor: SafeTensor, from: number, to: number): Float32Array<ArrayBuffer> {
  const out = new Float32Array(to - from)
  fillElements(tensor, from, out)
  return out
}

const indexSchema = z.object({ weight_map: z.record(z.string(), z.string()) })

/** Files of a model folder's weights: model.safetensors, or the shards that model.safetensors.index.json lists. */
export function safetensorsFiles(folder: string): string[] {
  const single = join(folder, 'model.safetensors')
  if (existsSync(single)) return [single]
  const indexPath = `${single}.index.json`
  if (!existsSync(indexPath))
    throw new BumpError(
      'model-unusable',
      `${folder}: has neither model.safetensors nor model.safetensors.index.json. ` +
        'Name a folder with a Hugging Face model in safetensors format, or a .gguf file.',
    )
  let index: z.infer<typeof indexSchema>
  try {
    index = indexSchema.parse(parseJson(readFileSync(indexPath, 'utf8')))
  } catch (cause) {
    throw new BumpError(
      'model-unusable',
      `${indexPath}: is not JSON with a "weight_map" of names to files. Download it again.`,
      {
        cause,
      },
    )
  }
  const shards = [...new Set(Object.values(index.weight_map))].sort()
  if (shards.length === 0)
    throw new BumpError('model-unusable', `${indexPath}: "weight_map" is empty. Download it again.`)
  for (const shard of shards) {
    if (basename(shard) !== shard)
      throw new BumpError('model-unusable', `${indexPath}: the shard "${shard}" is not a plain file name.`)
    if (!existsSync(join(folder, shard)))
      throw new BumpError(
        'model-unusable',
        `${folder}: the shard ${shard} is missing, though ${basename(indexPath)} lists it.`,
      )
  }
  return shards.map((shard) => join(folder, shard))
}

/** A tensor to write; `data` is called when its turn comes, so that only one is held at a time. */
export interface TensorToWrite {
  dims: number[]
  data: () => Float32Array
}

function encode(data: Float32Array, dtype: 'F32' | 'F16' | 'BF16'): Uint8Array {
  if (dtype === 'F32') return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  const convert = dtype === 'F16' ? floatToHalf : floatToBfloat
  const words = new Uint16Array(data.length)
  for (let i = 0; i < data.length; i++) words[i] = convert(data[i])
  return new Uint8Array(words.buffer)
}

/** Writes a safetensors file beside its place and renames it. Throws a BumpError where it cannot be written. */
export function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, TensorToWrite>,
  dtype: 'F32' | 'F16' | 'BF16' = 'F32',
): void {
  const header: Record<string, unknown> = { __metadata__: { format: 'pt' } }
  let end = 0
  for (const [name, { dims }] of tensors) {
    const start = end
    end += dims.reduce((product, dim) => product * dim, 1) * DTYPE_BYTES[dtype]
    header[name] = { dtype, shape: dims, data_offsets: [start, end] }
  }
  const json = Buffer.from(JSON.stringify(header))
  const padded = Buffer.alloc(8 + Math.ceil(json.length / 8) * 8, ' ')
  padded.writeBigUInt64LE(BigInt(padded.length - 8))
  json.copy(padded, 8)

  const beside = `${path}.${process.pid}.tmp`
  try {
    mkdirSync(dirname(path), { recursive: true })
    const descriptor = openSync(beside, 'w')
    try {
      writeAll(descriptor, padded)
      for (const [name, { dims, data }] of tensors) {
        const values = data()
        if (values.length !== dims.reduce((product, dim) => product * dim, 1))
          throw new Error(`tensor ${name} of shape [${dims}] was given ${values.length} values`)
        writeAll(descriptor, encode(values, dtype))
      }
    } finally {
      closeSync(descriptor)
    }
    renameSync(beside, path)
  } catch (cause) {
    discard(beside)
    throw writeProblem(path, cause)
  }
}
