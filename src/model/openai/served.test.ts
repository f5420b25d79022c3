// A judge's model on servers of several makes, all over the nano model: what they answer is what the model itself says.
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { BumpError } from '../../util/errors.ts'
import type { ChatMessage, LanguageModel } from '../contract.ts'
import { openModel } from '../onnx/open.ts'
import type { ServedModel } from '../served.ts'
import { estimatingTokenizer } from './estimate.ts'
import { openServedModel, type ServedModelOptions } from './served.ts'
import { ask, closeServers, json, KEY, type Script, say, serving } from './testing/fake-server.ts'
import { DEAF, HOSTED, LLAMA_CPP, servedBy, VLLM } from './testing/judging-servers.ts'

const NANO = fileURLToPath(new URL('../../../assets/nano', import.meta.url))

let nano: LanguageModel
beforeAll(async () => {
  nano = await openModel(NANO, { threads: 1 })
})
afterAll(() => nano.close())
afterEach(closeServers)

async function served(script: Script, options: Partial<ServedModelOptions> = {}) {
  const { baseUrl, requests } = await serving(script)
  const notes: string[] = []
  const onNote = (line: string) => notes.push(line)
  const open = (more: Partial<ServedModelOptions> = {}): ServedModel =>
    openServedModel({ baseUrl, model: 'nano', apiKey: KEY, maxRetries: 0, onNote, ...options, ...more })
  return { model: open(), open, requests, notes }
}

const problem = (work: Promise<unknown>): Promise<BumpError> =>
  work.then(
    () => expect.fail('it answered'),
    (error: unknown) => (error instanceof BumpError ? error : Promise.reject(error)),
  )

const PROMPTS = ['Which of these is a fruit?', 'What would a gardener grow?', 'Say a letter.'].map(ask)
const LABELS = [...'ABCDEFG']

describe.each([
  ['vLLM', VLLM, 'structured_outputs'],
  ['llama.cpp', LLAMA_CPP, 'grammar'],
  ['a hosted service', HOSTED, 'response_format'],
])('%s', (_, make, field) => {
  it('gives the orders that constrained decoding here gives', async () => {
    const { model, requests, notes } = await served(servedBy(nano, make))
    const { answers, tokens } = await model.orders(PROMPTS, LABELS)
    const ids = LABELS.map((label) => nano.tokenizer.encode(label)[0])
    const completions = await nano.sample(
      PROMPTS.map((messages) => ({ prompt: nano.tokenizer.chat(messages), seeds: [0] })),
      { maxTokens: 7, temperature: 0, stopTokens: [], allowed: { steps: [ids], distinct: true }, weights: 'base' },
    )
    expect(answers).toEqual(completions.map(([own]) => own.tokens.map((token) => ids.indexOf(token))))
    expect(tokens).toBeGreaterThan(0)
    expect(notes).toEqual([expect.stringMatching(`orders by ${field}`)])
    expect(requests.at(-1)?.body).toHaveProperty(field)
  })
})

describe('labels', () => {
  it.each([['vLLM', VLLM] as const, ['llama.cpp', LLAMA_CPP] as const])(
    'have the probabilities that they have here, on %s',
    async (_, make) => {
      const { model } = await served(servedBy(nano, make))
      const { answers } = await model.labelLogprobs(PROMPTS, ['Yes', 'No'])
      const ids = ['Yes', 'No'].map((label) => nano.tokenizer.encode(label)[0])
      const prompts = PROMPTS.map((messages) => nano.tokenizer.chat(messages))
      const logits = await nano.labelLogits(prompts, ids, { weights: 'base' })
      const listedBoth = answers.filter(([yes, no]) => yes !== no)
      expect(listedBoth.length).toBeGreaterThan(0)
      for (const [i, [yes, no]] of answers.entries())
        if (yes !== no) expect(yes - no).toBeCloseTo(logits[i][0] - logits[i][1], 4)
    },
  )

  const listing =
    (...tokens: string[]): Script =>
    (_, response) => {
      const top_logprobs = tokens.map((token, i) => ({ token, logprob: -i - 0.5 }))
      json(response, { choices: [{ message: { content: tokens[0] }, logprobs: { content: [{ top_logprobs }] } }] })
    }

  it('are found with a space before them, and count as the least likely where they are not listed', async () => {
    const { model } = await served(listing('▁No', 'Maybe', ' Yes', 'Never'))
    expect((await model.labelLogprobs([ask('a')], ['Yes', 'No', 'B'])).answers).toEqual([[-2.5, -0.5, -3.5]])
  })

  it('tie where none of them is listed, which is said once', async () => {
    const { model, notes } = await served(listing('Yes', 'Well'))
    expect((await model.labelLogprobs([ask('a'), ask('b')], ['A', 'B'])).answers).toEqual([
      [0, 0],
      [0, 0],
    ])
    expect(notes).toEqual([expect.stringMatching('begins with "Yes", and none of A, B is among')])
  })

  it('are not to be had of a model that thinks first', async () => {
    const { model } = await served(listing('<think>', '<'))
    const error = await problem(model.labelLogprobs([ask('a')], ['A', 'B']))
    expect(error).toMatchObject({ code: 'judge-unusable', message: expect.stringContaining('"<think>"') })
  })

  it('are asked of a server that lists fewer', async () => {
    const { model, requests } = await served(servedBy(nano, HOSTED))
    await model.labelLogprobs([ask('Is it? Answer Yes or No.')], ['Yes', 'No']).catch(() => undefined)
    expect(requests.map(({ body }) => body.top_logprobs).slice(0, 2)).toEqual([20, 5])
  })
})

describe('continuations', () => {
  const prefix = 'A record of a person:'
  const texts = [' Tried rose bushes in the garden.', ' Ünïcode 🌱 grows', ' bees']
  const requests = texts.map((continuation) => ({ prefix, continuation, maxTokens: 4 }))

  it.each(['echo', 'prompt_logprobs'] as const)('have the probabilities that they have here, by %s', async (field) => {
    const { model } = await served(servedBy(nano, { ...VLLM, scores: [field] }))
    const { answers } = await model.continuationLogprobs(requests)
    const before = [nano.tokenizer.bosToken!, ...nano.tokenizer.encode(prefix)]
    const continuations = texts.map((text) =>
      [nano.tokenizer.bosToken!, ...nano.tokenizer.encode(prefix + text)].slice(before.length).slice(0, 4),
    )
    const [scores] = await nano.score([{ prefix: before, continuations }], { weights: 'base' })
    for (const [i, { logprob, tokens }] of answers.entries()) {
      expect(tokens).toBe(continuations[i].length)
      expect(logprob).toBeCloseTo(
        scores[i].reduce((sum, each) => sum + each, 0),
        4,
      )
    }
  })
})

describe('a server that cannot', () => {
  it.each([
    ['orders', DEAF, /cannot be held to the labels of a list \(structured_outputs is ignored; .*response_format is ig/],
    ['labels', DEAF, /ignores "logprobs"/],
    ['continuations', DEAF, /no log probabilities of a text \(echo: .* has no \/completions/],
    ['continuations', LLAMA_CPP, /no log probabilities of a text \(echo is ignored; prompt_logprobs is ignored\)/],
  ] as const)('says so of %s, and is asked once', async (ability, make, message) => {
    const { model, requests } = await served(servedBy(nano, make))
    const error = await problem(model.ready(ability))
    expect(error).toMatchObject({ code: 'judge-unusable', message: expect.stringMatching(message) })
    expect(`${error.stack}`).not.toContain(KEY)
    const { length } = requests
    await problem(model.ready(ability))
    expect(requests).toHaveLength(length)
  })

  it('any longer is noticed on the answer', async () => {
    const honest = servedBy(nano, VLLM)
    const { model } = await served((received, response, number) =>
      number === 1 ? honest(received, response, number) : say(response, 'B, then A'),
    )
    const error = await problem(model.orders([ask('a')], LABELS))
    expect(error).toMatchObject({
      code: 'server-failed',
      message: expect.stringContaining('ignored structured_outputs, though before it did not: it answered "B, then A"'),
    })
  })

  it('is tried again where it only failed', async () => {
    const honest = servedBy(nano, VLLM)
    const { model } = await served((received, response, number) =>
      number === 1 ? json(response, { error: 'busy' }, 503) : honest(received, response, number),
    )
    expect(await problem(model.ready('orders'))).toMatchObject({ code: 'server-failed' })
    await model.ready('orders')
  })
})

describe('an answer', () => {
  it('is asked once, also after a failure in the middle', async () => {
    const honest = servedBy(nano, VLLM)
    let alive = true
    const answers = new Map<string, readonly number[]>()
    const script: Script = (received, response, number) => {
      if (!alive) return json(response, { error: 'gone' }, 503)
      if (received.body.messages[0].content === 'c' && answers.size < 3) alive = false
      honest(received, response, number)
    }
    const { model, open, requests } = await served(script, { answers, concurrency: 1 })
    const prompts = ['a', 'b', 'c', 'd', 'e'].map(ask)
    expect(await problem(model.labelLogprobs(prompts, ['Yes', 'No']))).toMatchObject({ code: 'server-failed' })
    expect(answers.size).toBe(3)
    alive = true
    const { length } = requests
    const again = await open().labelLogprobs([...prompts, ...prompts.slice(0, 2)], ['Yes', 'No'])
    const asked = requests.slice(length).map(({ body }) => (body.messages as ChatMessage[])[0].content)
    expect(asked.slice(1)).toEqual(['d', 'e'])
    expect(again.answers).toHaveLength(7)
    const whole = await open({ answers: new Map() }).labelLogprobs([...prompts, ...prompts.slice(0, 2)], ['Yes', 'No'])
    expect(again).toEqual(whole)
  })

  it('that repeats labels is completed: each is given once', async () => {
    const script: Script = ({ body }, response) => {
      const { regex } = body.structured_outputs as { regex: string }
      const [, fixed, left] = /^([A-Z]*)\[([A-Z]+)\]/.exec(regex)!
      say(response, fixed + left.at(-1)!.repeat(left.length))
    }
    const { model, requests } = await served(script)
    expect((await model.orders([ask('a')], LABELS)).answers).toEqual([[6, 5, 4, 3, 2, 1, 0]])
    expect(requests).toHaveLength(1 + LABELS.length - 1)
  })

  it('ends with the others where the caller stops', async () => {
    const { model } = await served(servedBy(nano, VLLM))
    const stopped = model.labelLogprobs(PROMPTS, ['Yes', 'No'], { signal: AbortSignal.abort() })
    expect(await problem(stopped)).toMatchObject({ code: 'cancelled' })
  })

  it('is counted as the server counts it', async () => {
    const { model } = await served(servedBy(nano, VLLM))
    expect(model.spent()).toBeUndefined()
    const { tokens } = await model.labelLogprobs(PROMPTS, ['Yes', 'No'])
    const lengths = PROMPTS.map((messages) => nano.tokenizer.chat(messages).length + 1)
    expect(tokens).toBe(lengths.reduce((sum, length) => sum + length, 0))
    expect(model.spent()).toMatch(/^nano at http:\S+: 4 answers, \d+ tokens read and 4 written$/)
  })
})

it('counts tokens by an estimate that loses nothing', () => {
  const tokenizer = estimatingTokenizer()
  for (const text of ['Tried  rose bushes,\n twice. ', '', '  ', 'Ünïcode 🌱 漢字'])
    expect(tokenizer.decode(tokenizer.encode(text))).toBe(text.trim() === '' ? '' : text)
})
