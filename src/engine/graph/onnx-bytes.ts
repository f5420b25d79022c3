// ONNX models as bytes: the few protobuf messages that a graph needs (onnx.proto3), written directly.

/** ONNX element types (TensorProto.DataType) that the engine uses. */
const ElementType = { f32: 1, u8: 2, i8: 3, i32: 6, i64: 7, bool: 9, f64: 11 } as const
export type ElementTypeName = keyof typeof ElementType

/** An integer, a float, a string or a list of integers, as a node's attribute. */
export type Attribute = number | { float: number } | string | readonly number[]

export interface NodeRecord {
  opType: string
  domain: string
  inputs: readonly string[]
  outputs: readonly string[]
  attributes: Readonly<Record<string, Attribute>>
}

/** A constant: inline bytes, or a range of an external file beside the model (mapped by the runtime, not copied). */
export interface InitializerRecord {
  name: string
  dims: readonly number[]
  type: ElementTypeName
  content: Uint8Array | { file: string; offset: number; length: number }
}

/** A graph input or output; a string dimension is symbolic. */
export interface ValueRecord {
  name: string
  dims: readonly (number | string)[]
  type: ElementTypeName
}

class ProtoWriter {
  private readonly chunks: Uint8Array[] = []
  private static readonly text = new TextEncoder()

  varint(field: number, value: number): this {
    return this.push(key(field, 0), varintBytes(value))
  }

  float(field: number, value: number): this {
    return this.push(key(field, 5), new Uint8Array(new Float32Array([value]).buffer))
  }

  bytes(field: number, value: Uint8Array): this {
    return this.push(key(field, 2), varintBytes(value.length), value)
  }

  string(field: number, value: string): this {
    return this.bytes(field, ProtoWriter.text.encode(value))
  }

  message(field: number, write: (inner: ProtoWriter) => void): this {
    const inner = new ProtoWriter()
    write(inner)
    return this.bytes(field, inner.finish())
  }

  packed(field: number, values: readonly number[]): this {
    return this.bytes(field, concat(values.map(varintBytes)))
  }

  finish(): Uint8Array {
    return concat(this.chunks)
  }

  private push(...parts: Uint8Array[]): this {
    this.chunks.push(...parts)
    return this
  }
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

function varintBytes(value: number): Uint8Array {
  let rest = BigInt.asUintN(64, BigInt(value))
  const out: number[] = []
  do {
    const low = Number(rest & 0x7fn)
    rest >>= 7n
    out.push(rest > 0n ? low | 0x80 : low)
  } while (rest > 0n)
  return Uint8Array.from(out)
}

const key = (field: number, wire: number) => varintBytes((field << 3) | wire)

function writeAttribute(w: ProtoWriter, name: string, value: Attribute): void {
  w.string(1, name)
  if (typeof value === 'number') w.varint(3, value).varint(20, 2)
  else if (typeof value === 'string') w.string(4, value).varint(20, 3)
  else if ('float' in value) w.float(2, value.float).varint(20, 1)
  else {
    for (const item of value) w.varint(8, item)
    w.varint(20, 7)
  }
}

function writeValue(w: ProtoWriter, value: ValueRecord): void {
  w.string(1, value.name).message(2, (type) =>
    type.message(1, (tensor) =>
      tensor.varint(1, ElementType[value.type]).message(2, (shape) => {
        for (const dim of value.dims)
          shape.message(1, (d) => (typeof dim === 'number' ? d.varint(1, dim) : d.string(2, dim)))
      }),
    ),
  )
}

function writeInitializer(w: ProtoWriter, init: InitializerRecord): void {
  w.packed(1, init.dims).varint(2, ElementType[init.type]).string(8, init.name)
  if (init.content instanceof Uint8Array) {
    w.bytes(9, init.content)
    return
  }
  const { file, offset, length } = init.content
  for (const [k, v] of [
    ['location', file],
    ['offset', String(offset)],
    ['length', String(length)],
  ])
    w.message(13, (entry) => entry.string(1, k).string(2, v))
  w.varint(14, 1)
}

/** A complete ONNX model (opset 17 and com.microsoft 1), ready for a session. */
export function encodeModel(graph: {
  nodes: readonly NodeRecord[]
  initializers: readonly InitializerRecord[]
  inputs: readonly ValueRecord[]
  outputs: readonly ValueRecord[]
  /** Shapes of values that the runtime does not find by itself. */
  known?: readonly ValueRecord[]
}): Uint8Array {
  const model = new ProtoWriter().varint(1, 8).string(2, 'bump')
  model.message(7, (g) => {
    graph.nodes.forEach((node, index) => {
      g.message(1, (n) => {
        for (const input of node.inputs) n.string(1, input)
        for (const output of node.outputs) n.string(2, output)
        n.string(3, `${node.opType}_${index}`).string(4, node.opType)
        for (const [name, value] of Object.entries(node.attributes)) n.message(5, (a) => writeAttribute(a, name, value))
        if (node.domain) n.string(7, node.domain)
      })
    })
    g.string(2, 'bump')
    for (const init of graph.initializers) g.message(5, (t) => writeInitializer(t, init))
    for (const input of graph.inputs) g.message(11, (v) => writeValue(v, input))
    for (const output of graph.outputs) g.message(12, (v) => writeValue(v, output))
    for (const value of graph.known ?? []) g.message(13, (v) => writeValue(v, value))
  })
  model.message(8, (o) => o.string(1, '').varint(2, 17))
  model.message(8, (o) => o.string(1, 'com.microsoft').varint(2, 1))
  return model.finish()
}
