// The three messages of the Tinker protocol that have two forms: protobuf (SkyRL from 0.4 on, the hosted service) and
// JSON (before). Everything else is JSON in both. What a server answers is somebody else's: shapes are checked here.
import { z } from 'zod'
import type { TokenIds } from '../contract.ts'
import { ProtoWriter, packed, protoFields, unpacked, varint } from './protobuf.ts'

/** What a server wants the requests of training in. */
export type Wire = 'protobuf' | 'json'

/** One text to train on; all arrays have the length of `tokens`. */
export interface Datum {
  tokens: TokenIds
  /** [t] the token after `tokens[t]`. */
  targets: TokenIds
  /** [t] log probability of the target that its ratio starts from; any number where the advantage is 0. */
  logprobs: Float32Array
  /** [t] what the target's ratio counts. */
  advantages: Float32Array
}

/** A pass over data: forward alone, or adding to the gradient. */
export interface PassRequest {
  modelId: string
  /** Makes a request that is sent twice count once, where the server knows it. */
  seqId: number
  data: readonly Datum[]
  forwardOnly: boolean
}

/** An answer that is not what was asked for. The message follows "the server's answer". */
export class WireError extends Error {}

const [FLOAT32, INT64] = [1, 2]
/** −Σ_t exp(logprob − old)·advantage: the one loss that every server has. */
const LOSS = 'importance_sampling'

/** The body of a pass: bytes of protobuf, or an object for JSON. */
export function passBody(request: PassRequest, wire: Wire): Uint8Array | object {
  const { modelId, seqId, data, forwardOnly } = request
  if (wire === 'json') {
    const input = { data: data.map(jsonDatum), loss_fn: LOSS, loss_fn_config: null }
    return { model_id: modelId, seq_id: seqId, [forwardOnly ? 'forward_input' : 'forward_backward_input']: input }
  }
  const message = new ProtoWriter().string(1, modelId).int(2, seqId)
  for (const datum of data) message.message(3, protoDatum(datum))
  message.string(4, LOSS)
  if (forwardOnly) message.int(6, 1)
  return message.end()
}

/** The path of a pass: servers that speak JSON have one of its own for passes without a gradient. */
export const passPath = ({ forwardOnly }: PassRequest, wire: Wire): string =>
  forwardOnly && wire === 'json' ? 'forward' : 'forward_backward'

function jsonDatum({ tokens, targets, logprobs, advantages }: Datum): object {
  const tensor = (data: Iterable<number>, dtype: string) => {
    const values = [...data]
    return { data: values, dtype, shape: [values.length] }
  }
  return {
    model_input: { chunks: [{ type: 'encoded_text', tokens }] },
    loss_fn_inputs: {
      target_tokens: tensor(targets, 'int64'),
      logprobs: tensor(logprobs, 'float32'),
      advantages: tensor(advantages, 'float32'),
    },
  }
}

function protoDatum({ tokens, targets, logprobs, advantages }: Datum): ProtoWriter {
  const chunk = new ProtoWriter().message(1, new ProtoWriter().bytes(1, unpacked(Int32Array.from(tokens))))
  const message = new ProtoWriter().message(1, chunk)
  const tensor = (name: string, data: Float32Array | BigInt64Array) => {
    const value = new ProtoWriter()
      .bytes(1, unpacked(data))
      .int(3, data instanceof Float32Array ? FLOAT32 : INT64)
      .bytes(4, varint(data.length))
    message.message(2, new ProtoWriter().string(1, name).message(2, value))
  }
  tensor('target_tokens', BigInt64Array.from(targets, BigInt))
  tensor('logprobs', logprobs)
  tensor('advantages', advantages)
  return message
}

/** A body as it came, decided by its Content-Type. */
export type Body = { json: unknown } | { protobuf: Uint8Array }

/** One sampled completion, and the log probabilities of its prompt where they were asked for and given. */
export interface SampleAnswer {
  tokens: number[]
  logprobs: Float32Array
  /** [t] of token t of the prompt given those before it; the first is NaN. */
  promptLogprobs: Float32Array | undefined
}

// A logprob that JSON cannot say is null.
const floats = z.array(z.number().nullable()).transform((values) => Float32Array.from(values, (v) => v ?? Number.NaN))
const sampleSchema = z.object({
  sequences: z.array(z.object({ tokens: z.array(z.int()), logprobs: floats.nullish() })),
  prompt_logprobs: floats.nullish(),
})

/** The one completion of a sample. Throws WireError where the body holds none, or its logprobs are not its tokens'. */
export function readSample(body: Body, promptTokens: number): SampleAnswer {
  const { sequences, prompt_logprobs } = 'json' in body ? checked(sampleSchema, body.json) : protoSample(body.protobuf)
  const [sequence] = sequences
  if (sequences.length !== 1) throw new WireError(`holds ${sequences.length} completions in place of 1`)
  const { tokens, logprobs } = sequence
  if (logprobs?.length !== tokens.length)
    throw new WireError(`holds ${tokens.length} tokens with ${logprobs?.length ?? 'no'} log probabilities`)
  return { tokens, logprobs, promptLogprobs: prompt_logprobs ? aligned(prompt_logprobs, promptTokens) : undefined }
}

/** Some servers give an entry for each token of the prompt, the first without a meaning, some none for the first. */
function aligned(logprobs: Float32Array, tokens: number): Float32Array {
  if (logprobs.length === tokens) return logprobs
  if (logprobs.length !== tokens - 1)
    throw new WireError(`holds ${logprobs.length} log probabilities of a prompt of ${tokens} tokens`)
  const whole = new Float32Array(tokens).fill(Number.NaN)
  whole.set(logprobs, 1)
  return whole
}

function protoSample(message: Uint8Array) {
  const sequences: { tokens: number[]; logprobs: Float32Array | undefined }[] = []
  let prompt_logprobs: Float32Array | undefined
  for (const part of fieldsOf(message)) {
    if (!('bytes' in part)) continue
    if (part.field === 2) prompt_logprobs = numbers(Float32Array, part.bytes)
    if (part.field !== 1) continue
    let tokens: number[] = []
    let logprobs: Float32Array | undefined = new Float32Array(0)
    for (const inner of fieldsOf(part.bytes)) {
      if (!('bytes' in inner)) continue
      if (inner.field === 2) tokens = [...numbers(Int32Array, inner.bytes)]
      if (inner.field === 3) logprobs = numbers(Float32Array, inner.bytes)
    }
    sequences.push({ tokens, logprobs })
  }
  return { sequences, prompt_logprobs }
}

const passSchema = z.object({
  loss_fn_outputs: z.array(z.object({ logprobs: z.object({ data: floats }) })),
})

/** [datum] log probability of each target. Throws WireError where the body does not hold them for every datum. */
export function readPass(body: Body, data: readonly Datum[]): Float32Array[] {
  const logprobs =
    'json' in body
      ? checked(passSchema, body.json).loss_fn_outputs.map((output) => output.logprobs.data)
      : protoPass(body.protobuf)
  if (logprobs.length !== data.length)
    throw new WireError(`holds log probabilities of ${logprobs.length} texts in place of ${data.length}`)
  return logprobs.map((values, i) => {
    const { length } = data[i].targets
    // Some servers pad to the longest of a batch.
    if (values.length >= length) return values.subarray(0, length)
    throw new WireError(`holds ${values.length} log probabilities of a text of ${length} targets`)
  })
}

/** Field 2 of each record is a map from names to tensors, which hold the values of all its data one after another. */
function protoPass(message: Uint8Array): Float32Array[] {
  const records = bytesOf(message, 2)
  return records.flatMap((record) => {
    const tensor = bytesOf(record, 2).find((entry) => {
      const [name] = bytesOf(entry, 1)
      return name !== undefined && new TextDecoder().decode(name) === 'logprobs'
    })
    const [batch] = tensor ? bytesOf(tensor, 2) : []
    if (batch === undefined) throw new WireError('holds no log probabilities')
    const [values = new Uint8Array(0)] = bytesOf(batch, 1)
    const [ends = new Uint8Array(0)] = bytesOf(batch, 2)
    const offsets = [...numbers(BigInt64Array, ends)].map(Number)
    return offsets.slice(1).map((end, i) => {
      if (!(offsets[i] >= 0 && offsets[i] <= end && end <= values.length)) throw new WireError('has broken offsets')
      return numbers(Float32Array, values.subarray(offsets[i], end))
    })
  })
}

/** The bytes of every field of that number. */
function bytesOf(message: Uint8Array, field: number): Uint8Array[] {
  return fieldsOf(message).flatMap((part) => (part.field === field && 'bytes' in part ? [part.bytes] : []))
}

const fieldsOf = (message: Uint8Array) => asWire(() => [...protoFields(message)])

const numbers: typeof packed = (Kind, bytes) => asWire(() => packed(Kind, bytes))

function asWire<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof RangeError) throw new WireError(`is no protobuf: ${error.message}`)
    throw error
  }
}

/** The value in the schema's shape. Throws WireError that names the field at fault. */
export function checked<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const [{ path, message }] = parsed.error.issues
  throw new WireError(`is of another shape: ${path.join('.') || 'it'}: ${message}`)
}
