// As much of protobuf as three messages of the Tinker protocol need: writing and reading fields. A library would bring
// a compiler of schemas and megabytes for these lines.

const text = new TextEncoder()

/** A message being written, field by field. */
export class ProtoWriter {
  private readonly parts: Uint8Array[] = []
  private length = 0

  /** A whole number from 0 to 2^53. */
  int(field: number, value: number): this {
    return this.push(varint(field * 8)).push(varint(value))
  }

  string(field: number, value: string): this {
    return this.bytes(field, text.encode(value))
  }

  bytes(field: number, value: Uint8Array): this {
    return this.push(varint(field * 8 + 2))
      .push(varint(value.length))
      .push(value)
  }

  message(field: number, value: ProtoWriter): this {
    return this.bytes(field, value.end())
  }

  end(): Uint8Array {
    const out = new Uint8Array(this.length)
    let at = 0
    for (const part of this.parts) {
      out.set(part, at)
      at += part.length
    }
    return out
  }

  private push(part: Uint8Array): this {
    this.parts.push(part)
    this.length += part.length
    return this
  }
}

/** Seven bits a byte, the lowest first; all but the last have the top bit set. */
export function varint(value: number): Uint8Array {
  const bytes: number[] = []
  let left = value
  do {
    const low = left % 128
    left = Math.floor(left / 128)
    bytes.push(left > 0 ? low + 128 : low)
  } while (left > 0)
  return Uint8Array.from(bytes)
}

/** A field as read: its number, and a number or the bytes of anything else. */
export type ProtoField = { field: number; number: number } | { field: number; bytes: Uint8Array }

/**
 * The fields of a message in their order. Throws RangeError where the bytes are no message, whatever they are: they are
 * somebody else's.
 */
export function* protoFields(message: Uint8Array): Generator<ProtoField> {
  let at = 0
  const number = (): number => {
    let value = 0
    for (let scale = 1; ; scale *= 128) {
      if (at >= message.length || scale > 2 ** 63) throw new RangeError('a number has no end')
      const byte = message[at++]
      value += (byte % 128) * scale
      if (byte < 128) return value
    }
  }
  const bytes = (count: number): Uint8Array => {
    if (count > message.length - at) throw new RangeError('a field is longer than its message')
    at += count
    return message.subarray(at - count, at)
  }
  while (at < message.length) {
    const tag = number()
    const [field, kind] = [Math.floor(tag / 8), tag % 8]
    if (kind === 0) yield { field, number: number() }
    else if (kind === 1) yield { field, bytes: bytes(8) }
    else if (kind === 5) yield { field, bytes: bytes(4) }
    else if (kind === 2) yield { field, bytes: bytes(number()) }
    else throw new RangeError(`a field of the unknown kind ${kind}`)
  }
}

/** Little-endian numbers of packed bytes, copied: `bytes` may lie at any address. Throws RangeError for broken ones. */
export function packed<A extends Float32Array | Int32Array | BigInt64Array>(
  Kind: { new (buffer: ArrayBuffer): A; BYTES_PER_ELEMENT: number },
  bytes: Uint8Array,
): A {
  if (bytes.length % Kind.BYTES_PER_ELEMENT !== 0) throw new RangeError('packed numbers end in the middle of one')
  return new Kind(new Uint8Array(bytes).buffer)
}

/** The bytes of numbers, little-endian as every machine that Node runs on. */
export const unpacked = (numbers: Float32Array | Int32Array | BigInt64Array): Uint8Array =>
  new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength)
