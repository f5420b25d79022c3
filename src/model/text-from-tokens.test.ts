import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cleanText } from '../util/clean-text.ts'
import { BumpError, CancelledError } from '../util/errors.ts'
import type { ChatMessage, LanguageModel, SampleRequest } from './contract.ts'
import { type OnnxModel, openModel } from './onnx/open.ts'
import { toyModel } from './testing/toy-model.ts'
import { textModel } from './text-from-tokens.ts'

const ask = (content: string): ChatMessage[] => [{ role: 'user', content }]

/** A toy model that answers with its prompt's last word and the seed, in the markup that `wrap` puts around it. */
function echo(wrap = (text: string) => text) {
  const toy = toyModel({ contextLength: 40 })
  const calls: SampleRequest[][] = []
  const model: LanguageModel = {
    ...toy,
    async sample(requests, { stopTokens }) {
      calls.push([...requests])
      expect(stopTokens).toBeUndefined()
      return requests.map(({ prompt, seeds }) => {
        const text = wrap(`${toy.tokenizer.decode(prompt).trim().split(' ').at(-1)} ${seeds[0]}`)
        return seeds.map(() => ({
          tokens: toy.tokenizer.encode(text),
          logprobs: new Float32Array(),
          stopReason: 'stop' as const,
        }))
      })
    },
  }
  return { model, calls }
}

describe('answers of a language model', () => {
  const texts = ['a', 'one two three', 'b c', 'one two three four', 'd']
  const options = { weights: 'base', identity: 'toy' } as const

  it('come in the order of the prompts, from batches of similar length, with progress', async () => {
    const { model, calls } = echo()
    const done: number[] = []
    const answers = await textModel(model, { ...options, batch: 2 }).answer(texts.map(ask), {
      maxTokens: 5,
      onProgress: (n) => done.push(n),
    })
    expect(answers.map((answer) => answer.split(' ')[0])).toEqual(['a', 'three', 'c', 'four', 'd'])
    expect(calls.map((requests) => requests.length)).toEqual([2, 2, 1])
    const lengths = calls.flat().map(({ prompt }) => prompt.length)
    expect(lengths).toEqual([...lengths].sort((a, b) => b - a))
    expect(done).toEqual([2, 4, 5])
    expect(await textModel(model, options).answer([], { maxTokens: 5 })).toEqual([])
  })

  it('do not depend on the prompts beside them, and depend on the seed', async () => {
    const text = textModel(echo().model, { ...options, batch: 3 })
    const together = await text.answer(texts.map(ask), { maxTokens: 5, seed: 7 })
    const alone = await Promise.all(texts.map((one) => text.answer([ask(one)], { maxTokens: 5, seed: 7 })))
    expect(alone.flat()).toEqual(together)
    expect(new Set(together.map((answer) => answer.split(' ')[1])).size).toBe(texts.length)
    const other = await text.answer(texts.map(ask), { maxTokens: 5, seed: 8 })
    expect(other.some((answer, i) => answer === together[i])).toBe(false)
  })

  it('are cleaned', async () => {
    const { model } = echo((text) => `<think>hm, ${text}?</think> assistant\n${text}<|im_end|>`)
    const [answer] = await textModel(model, options).answer([ask('tea')], { maxTokens: 5 })
    expect(answer).toMatch(/^tea \d+$/)
  })

  it('that cannot fit the context are refused, with the lengths', async () => {
    const { model, calls } = echo()
    const prompts = ['short', 'word '.repeat(34)].map(ask)
    const run = textModel(model, options).answer(prompts, { maxTokens: 10 })
    await expect(run).rejects.toThrow(/prompt 2 of 2 has 3\d tokens and its answer up to 10: .* the 40 tokens of toy/)
    await expect(run).rejects.toThrow(BumpError)
    expect(calls).toHaveLength(0)
  })

  it('stop where the caller cancels, between batches too', async () => {
    const { model, calls } = echo()
    const abort = new AbortController()
    const text = textModel(model, { ...options, batch: 1 })
    const run = text.answer(texts.map(ask), { maxTokens: 5, signal: abort.signal, onProgress: () => abort.abort() })
    await expect(run).rejects.toThrow(CancelledError)
    expect(calls).toHaveLength(1)
  })
})

describe('cleanText', () => {
  it.each([
    ['<|im_start|>assistant\nYes.<|im_end|>', 'Yes.'],
    ['<think>\n\n</think>\n\n2', '2'],
    ['<think>it never ends 3', ''],
    ['thinking that the template opened</think>\n4', '4'],
    ['  two  words\n ', 'two  words'],
    ['assistant professors write', 'assistant professors write'],
    ['a < b | c > d', 'a < b | c > d'],
    ['<thinking>a</thinking> b', 'b'],
    ['<thinking>a', ''],
    ['b <thinking>', 'b <thinking>'],
    ['[THINK]a[/THINK]b', 'b'],
    ['a[/THINK]b', 'b'],
    ['<seed:think>a</seed:think>b', 'b'],
    ['\u25C1think\u25B7a\u25C1/think\u25B7b', 'b'],
    ['<|START_THINKING|>a<|END_THINKING|>b', 'b'],
    ['<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>final<|message|>b<|return|>', 'b'],
    ['<|channel|>analysis<|message|>a', ''],
  ])('%j becomes %j', (text, clean) => expect(cleanText(text)).toBe(clean))

  it('is done after once', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('a ', '<|x|>', '</s>', '\n', '[INST]', ' b')), (parts) => {
        const once = cleanText(parts.join(''))
        expect(cleanText(once)).toBe(once)
      }),
    )
  })
})

describe('on the nano model', () => {
  process.env.BUMP_CACHE = mkdtempSync(join(tmpdir(), 'bump-test-'))
  let model: OnnxModel
  beforeAll(async () => {
    model = await openModel(fileURLToPath(new URL('../../assets/nano', import.meta.url)), { threads: 1 })
  })
  afterAll(() => model?.close())
  const prompts = ['Say one word.', 'What do you like? '.repeat(12), 'Name a topic, please.'].map(ask)
  const opened = (batch?: number) => textModel(model, { weights: 'base', identity: model.info.digest, batch })

  it('greedy answers repeat and do not depend on the batch', async () => {
    const answers = await opened().answer(prompts, { maxTokens: 12 })
    expect(answers.every((answer) => answer.length > 0 && answer === answer.trim())).toBe(true)
    expect(await opened(1).answer(prompts, { maxTokens: 12, seed: 5 })).toEqual(answers)
  })

  it('sampled answers repeat with their seed', async () => {
    const at = (seed: number) => opened().answer(prompts, { maxTokens: 12, temperature: 1, seed })
    expect(await at(1)).toEqual(await at(1))
    expect(await at(1)).not.toEqual(await at(2))
  })

  it('label log probabilities are those of label and stop token, whatever the labels beside them', async () => {
    const text = opened()
    const labels = ['a', 'sailing and coffee', 'zebra']
    const all = await text.chooseLogprobs!(prompts, labels)
    expect(all.flat().every((value) => value < 0)).toBe(true)
    const { tokenizer } = model
    const [[[...logprobs]]] = await model.score(
      [
        {
          prefix: tokenizer.chat(prompts[0]),
          continuations: [[...tokenizer.encode('zebra'), tokenizer.stopTokens[0]]],
        },
      ],
      { weights: 'base' },
    )
    expect(tokenizer.stopTokens).toHaveLength(1)
    expect(all[0][2]).toBeCloseTo(
      logprobs.reduce((a, b) => a + b, 0),
      3,
    )
    const [[alone]] = await text.chooseLogprobs!([prompts[1]], ['sailing and coffee'])
    expect(all[1][1]).toBeCloseTo(alone, 3)
  })

  it('counts and cuts by its own tokens, never inside a character', () => {
    const text = opened()
    const line = 'coffee in the naïve café 🙂🙂'
    for (let limit = 0; limit <= text.countTokens(line); limit++) {
      const cut = text.cut(line, limit)
      expect(line.startsWith(cut)).toBe(true)
      expect(text.countTokens(cut)).toBeLessThanOrEqual(limit)
    }
    expect(text.cut(line, 1000)).toBe(line)
  })
})
