import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Tokenizer } from '../model/contract.ts'
import { examplesDigest, groupByPrompt, type SftExample, splitExamples, targetEncoder } from './sft-examples.ts'

const example = (id: string, user: string, prompt = [1], target = [2]): SftExample => ({ id, user, prompt, target })

describe('the split into training and validation', () => {
  it('is by user: no user stands on both sides, no example is lost', () => {
    const lists = fc
      .array(fc.nat({ max: 12 }), { minLength: 3, maxLength: 60 })
      .map((users) => users.map((user, i) => example(`q${i}`, `u${user}`)))
    fc.assert(
      fc.property(lists, fc.double({ min: 0, max: 0.5, noNaN: true }), fc.nat(), (list, share, seed) => {
        fc.pre(new Set(list.map(({ user }) => user)).size > 2)
        const { train, validation } = splitExamples(list, share, seed)
        const users = (part: SftExample[]) => new Set(part.map(({ user }) => user))
        expect([...users(train)].filter((user) => users(validation).has(user))).toEqual([])
        expect(train.length + validation.length).toBe(list.length)
        expect(users(validation).size > 0).toBe(share > 0)
      }),
    )
  })

  it('takes a number of users, and the same ones whatever the order of the examples', () => {
    const list = Array.from({ length: 30 }, (_, i) => example(`q${i}`, `u${i % 10}`))
    const { validation } = splitExamples(list, 3, 7)
    const users = (part: SftExample[]) => [...new Set(part.map(({ user }) => user))].sort()
    expect(users(validation)).toHaveLength(3)
    expect(users(splitExamples([...list].reverse(), 3, 7).validation)).toEqual(users(validation))
  })

  it('leaves someone to train on', () => {
    expect(() => splitExamples([example('a', 'u'), example('b', 'u')], 0.1, 0)).toThrow(
      /2 examples of 1 users.*validation\.users/,
    )
  })
})

describe('targets', () => {
  const tokenizer = (chat: Tokenizer['chat'], stopTokens: number[]): Tokenizer => ({
    vocabSize: 512,
    stopTokens,
    bosToken: undefined,
    encode: (text) => [...Buffer.from(text)],
    decode: () => '',
    chat,
  })
  const [START, END, TEXT_END] = [300, 301, 302]

  it("end with the token that ends a turn in the model's template, not with any other stop token", () => {
    const templated = tokenizer(
      (messages) => [...messages.flatMap(({ content }) => [START, ...Buffer.from(content), END]), START],
      [TEXT_END, END],
    )
    expect(targetEncoder(templated)('hi')).toEqual([104, 105, END])
  })

  it('end with the first stop token where the model has no template', () => {
    const plain = tokenizer((messages) => messages.flatMap(({ content }) => [...Buffer.from(content)]), [TEXT_END, END])
    expect(targetEncoder(plain)('hi')).toEqual([104, 105, TEXT_END])
  })

  it('need a stop token', () => {
    expect(() => targetEncoder(tokenizer(() => [1], []))).toThrow(/no end-of-text token/)
  })
})

describe('examples', () => {
  it('of one prompt share a group', () => {
    const list = [example('a', 'u', [1, 2], [5]), example('b', 'v', [1], [6]), example('c', 'w', [1, 2], [7])]
    expect(groupByPrompt(list)).toEqual([
      { prompt: [1, 2], targets: [[5], [7]] },
      { prompt: [1], targets: [[6]] },
    ])
  })

  it('have a digest that every token and the split decide', () => {
    const split = { train: [example('a', 'u'), example('b', 'v')], validation: [example('c', 'w')] }
    const digest = examplesDigest(split)
    expect(examplesDigest(structuredClone(split))).toBe(digest)
    expect(examplesDigest({ ...split, validation: [example('c', 'w', [1], [3])] })).not.toBe(digest)
    expect(examplesDigest({ train: [...split.train, ...split.validation], validation: [] })).not.toBe(digest)
  })
})
