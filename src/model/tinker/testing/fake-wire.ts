// The server's side of the messages with two forms.
import { ProtoWriter, packed, protoFields, unpacked } from '../protobuf.ts'
import type { Wire } from '../wire.ts'

/** `lost request`: it never arrives; `lost answer`: it counts, and nobody hears of it. */
export type Fault = 'lost request' | 'lost answer' | { status: number; detail?: string }

export interface FakeDatum {
  tokens: number[]
  targets: number[]
  logprobs: number[]
  advantages: number[]
}

interface FakePass {
  modelId: string
  seqId: number
  data: FakeDatum[]
  lossName: string
  forwardOnly: boolean
}

export type Result = { json: object } | { protobuf: Uint8Array }

/** A request for a pass, in whichever form it came. */
export function readPassRequest(body: Uint8Array | Record<string, unknown>): FakePass {
  if (!(body instanceof Uint8Array)) {
    const forwardOnly = 'forward_input' in body
    const input = (forwardOnly ? body.forward_input : body.forward_backward_input) as {
      data: { model_input: { chunks: { tokens: number[] }[] }; loss_fn_inputs: Record<string, { data: number[] }> }[]
      loss_fn: string
    }
    const data = input.data.map(({ model_input, loss_fn_inputs: { target_tokens, logprobs, advantages } }) => ({
      tokens: model_input.chunks.flatMap((chunk) => chunk.tokens),
      targets: target_tokens.data,
      logprobs: logprobs.data,
      advantages: advantages.data,
    }))
    const { model_id, seq_id } = body as { model_id: string; seq_id: number }
    return { modelId: model_id, seqId: seq_id, data, lossName: input.loss_fn, forwardOnly }
  }
  const pass: FakePass = { modelId: '', seqId: 0, data: [], lossName: '', forwardOnly: false }
  for (const part of protoFields(body)) {
    if ('number' in part) {
      if (part.field === 2) pass.seqId = part.number
      if (part.field === 6) pass.forwardOnly = part.number === 1
    } else if (part.field === 1) pass.modelId = text(part.bytes)
    else if (part.field === 3) pass.data.push(readDatum(part.bytes))
    else if (part.field === 4) pass.lossName = text(part.bytes)
  }
  return pass
}

function readDatum(message: Uint8Array): FakeDatum {
  const datum: FakeDatum = { tokens: [], targets: [], logprobs: [], advantages: [] }
  for (const chunk of bytesOf(message, 1))
    for (const encoded of bytesOf(chunk, 1))
      for (const ids of bytesOf(encoded, 1)) datum.tokens.push(...packed(Int32Array, ids))
  for (const entry of bytesOf(message, 2)) {
    const [name] = bytesOf(entry, 1).map(text)
    const [dense] = bytesOf(bytesOf(entry, 2)[0], 1)
    if (name === 'target_tokens') datum.targets = [...packed(BigInt64Array, dense)].map(Number)
    else datum[name as 'logprobs' | 'advantages'] = [...packed(Float32Array, dense)]
  }
  return datum
}

/** The answer to a pass. */
export function encodedPass(logprobs: Float32Array[], wire: Wire): Result {
  if (wire === 'json')
    return {
      json: {
        loss_fn_output_type: 'scalar',
        loss_fn_outputs: logprobs.map((data) => ({ logprobs: { data: [...data], dtype: 'float32' } })),
        metrics: {},
      },
    }
  const lengths = logprobs.map(({ length }) => length)
  const offsets = [0, ...lengths.map((_, i) => 4 * lengths.slice(0, i + 1).reduce((sum, length) => sum + length, 0))]
  const tensor = new ProtoWriter()
    .bytes(1, Buffer.concat(logprobs.map(unpacked)))
    .bytes(2, unpacked(BigInt64Array.from(offsets, BigInt)))
    .int(3, 1)
  const record = new ProtoWriter()
    .message(2, new ProtoWriter().string(1, 'elementwise_loss').message(2, new ProtoWriter()))
    .message(2, new ProtoWriter().string(1, 'logprobs').message(2, tensor))
    .int(3, logprobs.length)
  return { protobuf: new ProtoWriter().string(1, 'scalar').message(2, record).end() }
}

/** A refusal with its status of HTTP. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    detail: string,
  ) {
    super(detail)
  }
}

/** A request for samples. */
export interface SampleBody {
  prompt: { chunks: { tokens: number[] }[] }
  num_samples: number
  sampling_params: { max_tokens: number; temperature: number; seed: number; stop?: number[] }
  base_model?: string
  sampling_session_id?: string
  prompt_logprobs?: boolean
}

export interface SampleResult {
  tokens: number[]
  logprobs: number[]
  /** Of each token of the prompt but the first. */
  prompt?: Float32Array
}

/**
 * The answer to a sample: in JSON the prompt's log probabilities begin with a null, in protobuf with the second token.
 */
export function encodedSample({ tokens, logprobs, prompt }: SampleResult, wire: Wire): Result {
  if (wire === 'json') {
    const prompt_logprobs = prompt ? [null, ...prompt] : null
    return { json: { sequences: [{ stop_reason: 'length', tokens, logprobs }], prompt_logprobs } }
  }
  const sequence = new ProtoWriter()
    .int(1, 1)
    .bytes(2, unpacked(Int32Array.from(tokens)))
    .bytes(3, unpacked(Float32Array.from(logprobs)))
  const message = new ProtoWriter().message(1, sequence)
  if (prompt) message.bytes(2, unpacked(prompt))
  return { protobuf: message.end() }
}

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

const bytesOf = (message: Uint8Array, field: number) =>
  [...protoFields(message)].flatMap((part) => (part.field === field && 'bytes' in part ? [part.bytes] : []))
