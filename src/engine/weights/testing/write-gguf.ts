// Writes small GGUF files for tests: well-formed by default, damaged where a test overrides a field.

export type MetadataValue =
  | { type: 'u32' | 'u64' | 'f32' | 'bool'; value: number }
  | { type: 'string'; value: string }
  | { type: 'strings'; value: string[] }
  | { type: 'i32s'; value: number[] }
  | { type: 'raw'; code: number; bytes: Uint8Array }

export interface TestTensor {
  name: string
  dims: number[]
  /** ggml's type number. */
  type: number
  content: Uint8Array
  /** Instead of the true one. */
  offset?: number
}

export interface TestGguf {
  magic?: string
  version?: number
  tensorCount?: number
  metadataCount?: number
  alignment?: number
  metadata: [string, MetadataValue][]
  tensors: TestTensor[]
}

const u32 = (value: number) => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}
const u64 = (value: number | bigint) => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(value))
  return bytes
}
const f32 = (value: number) => {
  const bytes = Buffer.alloc(4)
  bytes.writeFloatLE(value)
  return bytes
}
const text = (value: string) => Buffer.concat([u64(Buffer.byteLength(value)), Buffer.from(value)])

function encode(value: MetadataValue): Buffer {
  switch (value.type) {
    case 'u32':
      return Buffer.concat([u32(4), u32(value.value)])
    case 'f32':
      return Buffer.concat([u32(6), f32(value.value)])
    case 'bool':
      return Buffer.concat([u32(7), Buffer.from([value.value])])
    case 'string':
      return Buffer.concat([u32(8), text(value.value)])
    case 'strings':
      return Buffer.concat([u32(9), u32(8), u64(value.value.length), ...value.value.map(text)])
    case 'i32s':
      return Buffer.concat([
        u32(9),
        u32(5),
        u64(value.value.length),
        new Uint8Array(Int32Array.from(value.value).buffer),
      ])
    case 'u64':
      return Buffer.concat([u32(10), u64(value.value)])
    case 'raw':
      return Buffer.concat([u32(value.code), value.bytes])
  }
}

/** The bytes of a GGUF file. */
export function ggufBytes(file: TestGguf): Buffer {
  const alignment = file.alignment ?? 32
  const padded = (bytes: Uint8Array) =>
    Buffer.concat([bytes, Buffer.alloc((alignment - (bytes.length % alignment)) % alignment)])
  let offset = 0
  const entries = file.tensors.map((tensor) => {
    const at = tensor.offset ?? offset
    offset += padded(tensor.content).length
    return Buffer.concat([
      text(tensor.name),
      u32(tensor.dims.length),
      ...tensor.dims.map(u64),
      u32(tensor.type),
      u64(at),
    ])
  })
  const header = Buffer.concat([
    Buffer.from(file.magic ?? 'GGUF'),
    u32(file.version ?? 3),
    u64(file.tensorCount ?? file.tensors.length),
    u64(file.metadataCount ?? file.metadata.length),
    ...file.metadata.map(([key, value]) => Buffer.concat([text(key), encode(value)])),
    ...entries,
  ])
  return Buffer.concat([padded(header), ...file.tensors.map((tensor) => padded(tensor.content))])
}

/** f32 values as a tensor's content. */
export const floatContent = (values: ArrayLike<number>) => new Uint8Array(Float32Array.from(values).buffer)
