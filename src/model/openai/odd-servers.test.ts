// Servers that take only a part of the interface, or put the answer elsewhere: what is asked then, and what counts as
// an answer.
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { BumpError } from '../../util/errors.ts'
import { openOpenAi } from './open.ts'
import { answerOf, ask, closeServers, json, refuse, say, serving } from './testing/fake-server.ts'

afterEach(closeServers)

describe('a parameter that is refused', () => {
  const openAi = (param: string, message: string, code = 'unsupported_value') => ({
    error: { message, type: 'invalid_request_error', param, code },
  })
  const nested = (name: string) => ({
    object: 'error',
    message: JSON.stringify({ detail: [{ type: 'extra_forbidden', loc: ['body', name], input: 1 }] }),
  })
  it.each<[string, string, (name: string) => unknown, number]>([
    [
      'temperature',
      'as OpenAI says it',
      (name) => openAi(name, `Unsupported value: '${name}' does not support 0`),
      400,
    ],
    ['seed', 'as OpenAI says it', (name) => openAi(name, `Unknown parameter: '${name}'.`, 'unknown_parameter'), 400],
    ['seed', 'as JSON in JSON', nested, 422],
    ['temperature', 'as a detail', (name) => ({ detail: [{ loc: ['body', name], msg: 'must be above 0' }] }), 422],
    ['seed', 'in words', (name) => ({ error: `property '${name}' is unsupported` }), 400],
    ['seed', 'by a mapper', (name) => ({ error: { message: `Unknown name "${name}": Cannot find field.` } }), 400],
    ['temperature', 'as deprecated', (name) => ({ error: { message: `\`${name}\` is deprecated here` } }), 400],
    ['seed', 'behind a success', (name) => ({ error: { message: `extraneous key [${name}] is not permitted` } }), 200],
    ['seed', 'as not implemented', (name) => ({ message: `${name}: not implemented` }), 501],
  ])('%s, %s, is left out from then on and said once', async (name, _, body, status) => {
    const { model, requests, said } = await serving((received, response) =>
      name in received.body ? json(response, body(name), status) : say(response, 'well'),
    )
    expect(await model.answer(['a', 'b', 'c'].map(ask), { maxTokens: 7 })).toEqual(['well', 'well', 'well'])
    const before = requests.length
    await model.answer([ask('d')], { maxTokens: 7 })
    expect(requests.length).toBe(before + 1)
    expect(requests.at(-1)!.body).not.toHaveProperty(name)
    expect(said).toEqual([expect.stringContaining(`m refuses "${name}"`)])
    expect(model.notes).toEqual(said)
    const other = name === 'seed' ? 'temperature' : 'seed'
    expect(requests.at(-1)!.body).toMatchObject({ [other]: expect.any(Number), max_tokens: 7 })
  })

  it('one after the other: a model that thinks, as OpenAI has them', async () => {
    const { model, requests, said } = await serving(({ body }, response) => {
      if ('max_tokens' in body)
        return json(response, openAi('max_tokens', "'max_tokens' is not supported. Use 'max_completion_tokens'."), 400)
      if ('temperature' in body)
        return json(response, openAi('temperature', "'temperature' does not support 0. Only the default (1)."), 400)
      if ((body.max_completion_tokens as number) < 1000) return say(response, '', 'length')
      return say(response, '4')
    })
    expect(await model.answer([ask('a')], { maxTokens: 7 })).toEqual(['4'])
    expect(requests).toHaveLength(4)
    expect(await model.answer([ask('b')], { maxTokens: 7 })).toEqual(['4'])
    expect(requests).toHaveLength(5)
    expect(requests[4].body).toEqual({ model: 'm', messages: ask('b'), seed: 1, max_completion_tokens: 7 + 4096 })
    expect(said).toEqual([expect.stringMatching(/refuses "temp.* not greedily/), expect.stringMatching(/4096 tokens/)])
  })

  it('a limit by either name: the answer is cut here', async () => {
    const { answer, said } = await answerOf(({ body }, response) => {
      for (const name of ['max_tokens', 'max_completion_tokens'])
        if (name in body) return json(response, openAi(name, `Unsupported parameter: '${name}'`), 400)
      say(response, 'one two three four five six seven eight')
    })
    expect(answer).toBe('one two three four five six seven')
    expect(said).toEqual([expect.stringContaining('refuses any limit')])
  })

  it('but not a limit that is too high, nor one that stands in words about the prompt', async () => {
    const high = await answerOf(refuse(400, { message: "Invalid 'max_tokens': 7 is too large, at most 4" }))
    expect(high.answer).toMatch(/^FAILED BASE refuses the request to "m" \(400: Invalid 'max_tokens'/)
    // Of vLLM: what one request asks too much of is no reason to ask the next without a limit.
    const most = 'max_tokens=7 cannot be greater than max_model_len=4. Please request fewer output tokens.'
    const greater = await answerOf(refuse(400, { message: most, param: 'max_tokens' }))
    expect(greater.answer).toMatch(/^FAILED BASE refuses the request to "m" \(400: max_tokens=7 cannot be greater/)
    const words = 'maximum context length is 5 tokens, you asked for 12. Reduce the length or max_tokens'
    const long = await answerOf(refuse(400, { message: words, param: 'messages', code: 'context_length_exceeded' }))
    expect(long.answer).toMatch(/^FAILED the prompt is too long/)
    expect([high, greater, long].map(({ requests }) => requests.length)).toEqual([1, 1, 1])
    expect(greater.said).toEqual([])
  })

  it('a system message: its text goes before that of the user', async () => {
    for (const message of [
      "Unsupported value: 'messages[0].role' does not support 'system' with this model.",
      'System role not supported',
      'Conversation roles must alternate user/assistant/user/assistant/...',
    ]) {
      const { model, requests, said } = await serving(({ body }, response) =>
        body.messages[0].role === 'system' ? json(response, { error: { message } }, 400) : say(response, 'well'),
      )
      const prompt = [{ role: 'system' as const, content: 'Be brief.' }, ...ask('hi')]
      expect(await model.answer([prompt, prompt], { maxTokens: 7 })).toEqual(['well', 'well'])
      expect(requests.at(-1)!.body.messages).toEqual(ask('Be brief.\n\nhi'))
      expect(said).toEqual(['m takes no system message: its text stands before that of the user.'])
    }
  })
})

describe('what counts as an answer', () => {
  const thinking = { type: 'thinking', thinking: [{ type: 'text', text: 'two and two' }] }
  it.each<[string, unknown]>([
    ['a text', '4'],
    ['a list of parts', [thinking, { type: 'text', text: '4' }]],
    ['parts of one text', [{ type: 'text', text: ' 4' }, { text: ' ' }]],
    ['output parts', [{ type: 'output_text', text: '4' }]],
    ['wrapped texts', [{ type: 'text', text: { value: '4' } }, 'ignored'.slice(7)]],
    ['after <think>', '<think>2 + 2</think>\n4'],
    ['after an end of thinking alone', '2 + 2</think>4'],
    ['after <thinking>', '<thinking>2 + 2</thinking>4'],
    ['after [THINK]', '[THINK]2 + 2[/THINK]4'],
    ['in the final channel', '<|channel|>analysis<|message|>2<|end|><|start|>assistant<|channel|>final<|message|>4'],
  ])('%s', async (_, content) => {
    expect((await answerOf((_, response) => say(response, content))).answer).toBe('4')
  })

  it.each<[string, unknown, string, object, RegExp]>([
    ['nothing', '', 'stop', {}, /the answer of m at BASE is empty \(stop\)/],
    ['null', null, 'stop', {}, /is empty \(stop\)/],
    ['white space', ' \n', 'stop', {}, /is empty/],
    ['its thinking field', null, 'stop', { reasoning_content: '4' }, /is empty: all words are in "reasoning_content"/],
    ['another thinking field', '', 'stop', { reasoning: '4' }, /all words are in "reasoning"/],
    ['thinking alone', '<think>4</think>', 'stop', {}, /all words are thinking/],
    ['thinking parts alone', [thinking], 'stop', {}, /all words are thinking/],
    ['a refusal', null, 'stop', { refusal: 'I cannot' }, /is a refusal \(I cannot\)/],
    ['a call of a tool', null, 'tool_calls', {}, /is empty \(tool_calls\)/],
    ['a filtered half', 'He took the', 'content_filter', {}, /was taken back by the server \(content_filter\)/],
  ])('not %s: it is told', async (_, content, reason, fields, message) => {
    expect((await answerOf((_, response) => say(response, content, reason, fields))).answer).toMatch(message)
  })

  it('not the thinking of a model that gets no room for it', async () => {
    const { answer } = await answerOf((_, response) => say(response, '<think>so', 'length'), { thinkingTokens: 0 })
    expect(answer).toMatch(/spends all of the 7 tokens on thinking/)
    const roomy = await answerOf((_, response) => say(response, null, 'length', { reasoning: 'so' }))
    expect(roomy.answer).toMatch(/spends all of the 4103 tokens on thinking/)
  })

  it('room for thinking shrinks where the context has none', async () => {
    const { answer, requests } = await answerOf(({ body }, response) => {
      const limit = body.max_tokens as number
      if (limit > 2000) return json(response, { error: { message: 'exceeds the context of 2048 tokens' } }, 400)
      say(response, limit < 100 ? '' : '<think>so</think>4', limit < 100 ? 'length' : 'stop')
    })
    expect(answer).toBe('4')
    expect(requests.map(({ body }) => body.max_tokens)).toEqual([7, 4103, 2055, 1031])
  })
})

describe('the model that answers', () => {
  it.each<[string, string, boolean]>([
    ['gpt-4o', 'gpt-4o-2024-08-06', false],
    ['Qwen/Qwen3-8B', 'qwen3-8b', false],
    ['smollm2', '/models/SmolLM2-135M-Instruct.Q4_1.gguf', false],
    ['m', '', false],
    ['qwen3', '/models/SmolLM2-135M-Instruct.Q4_1.gguf', true],
  ])('asked for as %s and named %s', async (asked, model, told) => {
    const choices = [{ message: { content: '4' } }]
    const events = `data: ${JSON.stringify({ model, choices: [{ delta: { content: '4' }, finish_reason: 'stop' }] })}\n\n`
    for (const body of [JSON.stringify({ model, choices }), events]) {
      const { said } = await answerOf((_, response) => response.end(body), { model: asked })
      expect(said).toEqual(told ? [expect.stringContaining('"SmolLM2-135M-Instruct.Q4_1.gguf" answers')] : [])
    }
  })
})

describe('prompts without an answer', () => {
  it('are told one by one where that is asked for, the others are answered', async () => {
    const { model } = await serving(({ body }, response) => {
      const [{ content }] = body.messages
      if (content === 'long') return json(response, { error: { message: 'exceeds the context size' } }, 500)
      if (content === 'bad') return json(response, { error: { code: 'content_filter', message: 'x' } }, 400)
      if (content === 'flagged') return json(response, { error: { message: 'input was flagged' } }, 403)
      if (content === 'gone') return json(response, { choices: [] })
      say(response, content === 'mute' ? '' : 'well')
    })
    const told = new Map<number, string>()
    const prompts = ['long', 'a', 'bad', 'flagged', 'gone', 'mute', 'b'].map(ask)
    const onUnanswered = (prompt: number, { code }: BumpError) => told.set(prompt, code)
    const answers = await model.answer(prompts, { maxTokens: 7, onUnanswered })
    expect(answers).toEqual(['', 'well', '', '', '', '', 'well'])
    expect([...told].sort()).toEqual([
      [0, 'context-exceeded'],
      [2, 'server-failed'],
      [3, 'server-failed'],
      [4, 'server-failed'],
      [5, 'server-failed'],
    ])
  })

  it.each([
    'This model has a maximum context length of 8192 tokens, but 9000 were requested',
    'prompt is too long: 205000 tokens > 200000 maximum',
    'The input token count (40000) exceeds the maximum number of tokens allowed (32768).',
    'The input (5000 tokens) is longer than what the model reads',
    'Please reduce the length of the messages or completion.',
    '`inputs` tokens + `max_new_tokens` must be <= 2048',
    'Range of input length should be [1, 6000]',
  ])('are too long where the server says: %s', async (message) => {
    expect((await answerOf(refuse(400, { message }))).answer).toMatch(/^FAILED the prompt is too long for "m"/)
  })

  it.each([
    "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
    'Your input was flagged as potentially violating our usage policy',
    'Content Exists Risk',
    'data_inspection_failed: Input data may contain inappropriate content.',
  ])('are filtered where the server says: %s', async (message) => {
    expect((await answerOf(refuse(400, { message }))).answer).toMatch(/^FAILED BASE does not let the prompt through/)
  })

  it('may be those that the server fails at, but not three in a row', async () => {
    const told: number[] = []
    const onUnanswered = (prompt: number) => told.push(prompt)
    const options = { maxRetries: 0, concurrency: 1 }
    const { model } = await serving(({ body }, response) => {
      if (body.messages[0].content === 'crash') return json(response, { error: 'oops' }, 500)
      say(response, 'well')
    }, options)
    const prompts = ['crash', 'crash', 'a', 'crash', 'crash', 'b'].map(ask)
    await model.answer(prompts, { maxTokens: 7, onUnanswered })
    expect(told).toEqual([0, 1, 3, 4])
    const three = ['crash', 'crash', 'crash', 'a'].map(ask)
    await expect(model.answer(three, { maxTokens: 7, onUnanswered })).rejects.toThrow(/fails \(500: oops\)/)
  })

  it('do not hide a server that answers nobody', async () => {
    const { model } = await serving(refuse(401, 'no'))
    await expect(model.answer([ask('a')], { maxTokens: 7, onUnanswered: () => {} })).rejects.toThrow(/API key/)
  })
})

it('whatever a server sends ends in an answer or an error that a user can act on', async () => {
  // JSON of the words that completions, refusals and streams are made of, in any order.
  const keys = [
    'choices',
    'message',
    'delta',
    'content',
    'text',
    'type',
    'error',
    'code',
    'param',
    'detail',
    'loc',
    'model',
  ]
  const words = [
    'stop',
    'length',
    '4',
    '<think>',
    'max_tokens is unsupported',
    'temperature',
    'stream only',
    'system role',
  ]
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 5 },
      fc.constantFrom<unknown>(null, 0, 400, 503, true, '', ...words),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom(...keys), tie('value'), { maxKeys: 4 }),
    ),
  }))
  const choice = fc.oneof(value, fc.record({ message: value, delta: value, finish_reason: value }))
  const answer = fc.oneof(value, fc.record({ choices: fc.oneof(value, fc.array(choice)) }), fc.record({ error: value }))
  const status = fc.constantFrom(200, 200, 400, 403, 422, 501)
  await fc.assert(
    fc.asyncProperty(answer, status, fc.boolean(), async (body, status, streamed) => {
      const text = streamed ? `data: ${JSON.stringify(body)}\n\ndata: [DONE]\n\n` : JSON.stringify(body)
      const fetch = async () => new Response(text, { status })
      const model = openOpenAi({ baseUrl: 'http://host/v1', model: 'm', maxRetries: 0, onNote: () => {}, fetch })
      const found = await model.answer([ask('hi')], { maxTokens: 4 }).catch((error: unknown) => error)
      if (!(found instanceof BumpError)) expect(found).toEqual([expect.stringMatching(/./)])
    }),
    { numRuns: 2000 },
  )
})
