// Answers of servers that are wrong or hostile: each is named, none is taken for a result.
import { describe, expect, it } from 'vitest'
import { ProtoWriter, protoFields, unpacked } from './protobuf.ts'
import { encodedPass, readPassRequest } from './testing/fake-wire.ts'
import { type Datum, passBody, readPass, readSample } from './wire.ts'

const datum = (length: number): Datum => ({
  tokens: Array.from({ length }, (_, i) => i + 1),
  targets: Array.from({ length }, (_, i) => i + 300),
  logprobs: new Float32Array(length).fill(-0.5),
  advantages: new Float32Array(length).fill(2),
})
const data = [datum(3), datum(1)]

describe('protobuf', () => {
  it.each([0, 127, 128, 300, 2 ** 31, 2 ** 40])('reads %d as it was written', (value) => {
    expect([...protoFields(new ProtoWriter().int(5, value).end())]).toEqual([{ field: 5, number: value }])
  })

  it.each([
    ['a number without an end', Uint8Array.of(0x08, 0xff)],
    ['a number of eleven bytes', Uint8Array.of(0x08, ...new Array<number>(11).fill(0xff))],
    ['a field longer than the message', Uint8Array.of(0x0a, 0x05, 1)],
    ['a kind that there is not', Uint8Array.of(0x0b)],
  ])('refuses %s', (_, bytes) => {
    expect(() => [...protoFields(bytes)]).toThrow(RangeError)
    expect(() => readSample({ protobuf: bytes }, 1)).toThrow(/is no protobuf/)
  })
})

describe('a pass', () => {
  it.each(['protobuf', 'json'] as const)('says in %s what it is about', (wire) => {
    const request = { modelId: 'model_1', seqId: 7, data, forwardOnly: false }
    const sent = passBody(request, wire)
    const read = readPassRequest(sent instanceof Uint8Array ? sent : JSON.parse(JSON.stringify(sent)))
    expect(read).toMatchObject({ modelId: 'model_1', seqId: 7, forwardOnly: false, lossName: 'importance_sampling' })
    expect(read.data).toEqual(data.map((d) => ({ ...d, logprobs: [...d.logprobs], advantages: [...d.advantages] })))
  })

  it('has log probabilities of every target of every text', () => {
    const good = [Float32Array.of(-1, -2, -3), Float32Array.of(-4)]
    for (const wire of ['protobuf', 'json'] as const) {
      expect(readPass(encodedPass(good, wire), data)).toEqual(good)
      expect(() => readPass(encodedPass(good.slice(1), wire), data)).toThrow(/of 1 texts in place of 2/)
      expect(() => readPass(encodedPass([good[1], good[1]], wire), data)).toThrow(/of a text of 3 targets/)
    }
    expect(() => readPass({ json: { loss_fn_outputs: [{ logprobs: 3 }] } }, data)).toThrow(/loss_fn_outputs.0.logprobs/)
    expect(() => readPass({ protobuf: new Uint8Array(0) }, data)).toThrow(/of 0 texts/)
  })

  it.each([[[0, 8, 4]], [[0, 400]], [[-4, 4]], [[0, 3]]])('does not follow the offsets %j', (offsets) => {
    const tensor = new ProtoWriter()
      .bytes(1, new Uint8Array(16))
      .bytes(2, unpacked(BigInt64Array.from(offsets, BigInt)))
    const entry = new ProtoWriter().string(1, 'logprobs').message(2, tensor)
    const body = new ProtoWriter().message(2, new ProtoWriter().message(2, entry)).end()
    expect(() => readPass({ protobuf: body }, data)).toThrow(/broken offsets|is no protobuf/)
  })
})

describe('a sample', () => {
  it.each([
    [{ sequences: [] }, /holds 0 completions/],
    [{ sequences: [{ tokens: [1, 2], logprobs: [-1] }] }, /2 tokens with 1 log/],
    [{ sequences: [{ tokens: [1.5], logprobs: [-1] }] }, /sequences.0.tokens.0/],
    [
      { sequences: [{ tokens: [1], logprobs: [-1] }], prompt_logprobs: [null, -1, -2, -3] },
      /4 log probabilities of a prompt of 3/,
    ],
    ['nonsense', /another shape/],
  ])('of %j is refused', (json, message) => {
    expect(() => readSample({ json }, 3)).toThrow(message)
  })

  it('has the prompt aligned, whether its first token has an entry or not', () => {
    const sequences = [{ tokens: [1], logprobs: [-1] }]
    for (const prompt_logprobs of [
      [null, -2, -3],
      [-2, -3],
    ])
      expect(readSample({ json: { sequences, prompt_logprobs } }, 3).promptLogprobs).toEqual(
        Float32Array.of(Number.NaN, -2, -3),
      )
  })
})
