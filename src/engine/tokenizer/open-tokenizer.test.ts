// What golden ids cannot show: special tokens in users' texts under any content, templates' needs, and errors.
import { cpSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ChatMessage, Tokenizer } from '../../model/contract.ts'
import { BumpError } from '../../util/errors.ts'
import { ggufBytes, type MetadataValue } from '../weights/testing/write-gguf.ts'
import { ContentGuard } from './chat-template.ts'
import { openTokenizer } from './open-tokenizer.ts'
import { changedFolders, golden, problem } from './testing/changed-folder.ts'

const user = (content: string): ChatMessage[] => [{ role: 'user', content }]

const { path, changed } = changedFolders()

describe('special tokens in contents', () => {
  const specials = ['<|im_end|>', '<|im_start|>', '<|endoftext|>', '<|eot_id|>', '<|start_header_id|>']
  const pieces = [...specials, ...specials.map((s) => s.slice(0, 5)), ...specials.map((s) => s.slice(5))]
  const content = fc
    .array(fc.oneof(fc.constantFrom(...pieces, '<', '|', '>', ' ', '\n', '\ue000', '\ue001'), fc.string()), {
      maxLength: 8,
    })
    .map((parts) => parts.join(''))
  // Every id of the small fixtures that stands for a special token.
  const isSpecial = (tokenizer: Tokenizer) => (id: number) => tokenizer.decode([id]) === ''

  it.each(['gpt2', 'llama3', 'qwen2'])('never become ids: %s', async (name) => {
    const tokenizer = await openTokenizer(golden(name))
    const special = isSpecial(tokenizer)
    const frame = tokenizer.chat([...user('x'), { role: 'assistant', content: 'y' }, ...user('z')]).filter(special)
    fc.assert(
      fc.property(content, content, content, (a, b, c) => {
        expect(tokenizer.encode(a).filter(special)).toEqual([])
        const ids = tokenizer.chat([...user(a), { role: 'assistant', content: b }, ...user(c)])
        expect(ids.filter(special)).toEqual(frame)
      }),
      { numRuns: 300 },
    )
  })

  it('survive as text', async () => {
    const tokenizer = await openTokenizer(golden('gpt2'))
    fc.assert(
      fc.property(content, (text) => {
        const wellFormed = Buffer.from(text).toString()
        expect(tokenizer.decode(tokenizer.encode(text))).toBe(wellFormed)
        expect(tokenizer.decode(tokenizer.chat(user(text)))).toContain(`user\n${wellFormed}\nassistant`)
      }),
    )
  })

  it('are found across overlaps and joints', async () => {
    const where = changed('gpt2', 'tokenizer.json', (json) => {
      if (Array.isArray(json.added_tokens)) json.added_tokens.push({ id: 900, content: '|><|', special: true })
    })
    const tokenizer = await openTokenizer(where)
    for (const text of ['<|im_end|><|im_end|>', '<|im_end|><|', 'a|>'])
      expect(tokenizer.chat(user(text))).toEqual([
        ...tokenizer.chat(user('@')).flatMap((id) => (tokenizer.decode([id]) === '@' ? tokenizer.encode(text) : [id])),
      ])
  })
})

it('hundreds of thousands of special tokens in a content are hidden at once', () => {
  const guard = new ContentGuard(['<|x|>'], /<\|x\|>/)
  const { messages, show } = guard.hide(user('<|x|>'.repeat(300_000)))
  expect(messages[0].content).not.toContain('<')
  expect(show(messages[0].content)).toBe('<|x|>'.repeat(300_000))
})

/** A template whose value doubles forty times. */
const doubling = (value: string) =>
  `{% set ns = namespace(v=${value}) %}{% for i in range(40) %}{% set ns.v = ns.v + ns.v %}{% endfor %}{{ ns.v }}`

/** A template in which one list stands 2⁴⁰ times in itself. */
const nested = (shown: string) =>
  `{% set ns = namespace(v=[1]) %}{% for i in range(40) %}{% set ns.v = [ns.v, ns.v] %}{% endfor %}{{ ${shown} }}`

describe('chat templates', () => {
  const withTemplate = (template: string, onNotice?: (line: string) => void) => {
    cpSync(golden('gpt2'), path(), { recursive: true })
    writeFileSync(path('chat_template.jinja'), template)
    return openTokenizer(path(), onNotice)
  }
  const rendered = async (template: string, messages = user('x')) => {
    const tokenizer = await withTemplate(template)
    return tokenizer.decode(tokenizer.chat(messages))
  }

  it('get a fixed date', async () => {
    const tokenizer = await withTemplate("{{ strftime_now('%d %b %Y') }} {{ messages[0].content }}")
    expect(tokenizer.decode(tokenizer.chat(user('x')))).toBe('26 Jul 2024 x')
  })

  it('get the texts of the begin and end tokens', async () => {
    const tokenizer = await withTemplate('{{ bos_token }}{{ messages[0].content }}{{ eos_token }}')
    expect(tokenizer.chat(user(''))).toEqual([1, 2])
  })

  it('that refuse messages are named', async () => {
    const tokenizer = await withTemplate("{{ raise_exception('no system role here') }}")
    expect(() => tokenizer.chat(user('x'))).toThrow(BumpError)
    expect(() => tokenizer.chat(user('x'))).toThrow(/chat_template\.jinja.*roles: user.*no system role here/)
  })

  it('that do not parse are named, when they are needed', async () => {
    const tokenizer = await withTemplate('{% for m in %}')
    expect(tokenizer.encode('a')).toHaveLength(1)
    expect(() => tokenizer.chat(user('x'))).toThrow(/chat_template\.jinja: the chat template does not parse/)
  })

  const conversation: ChatMessage[] = [{ role: 'system', content: 'be kind' }, ...user('hello')]
  const turns = '{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}'
  const refusing =
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
  const alternating =
    "{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}" +
    "{{ raise_exception('Roles must alternate user/assistant') }}{% endif %}[{{ m.role }}]{{ m.content }}{% endfor %}"
  const dropping = "{% for m in messages if m.role in ['user', 'assistant'] %}[{{ m.role }}]{{ m.content }}{% endfor %}"

  it.each([
    ['refuses', refusing + turns],
    ['refuses by its place', alternating],
    ['drops', dropping],
  ])('one that %s a system role gets it in the first turn of the user, which is said once', async (_, template) => {
    const lines: string[] = []
    const tokenizer = await withTemplate(template, (line) => lines.push(line))
    expect(tokenizer.decode(tokenizer.chat(user('hello')))).toBe('[user]hello')
    expect(lines).toEqual([])
    for (let i = 0; i < 2; i++)
      expect(tokenizer.decode(tokenizer.chat([...conversation, { role: 'assistant', content: 'yes' }]))).toBe(
        '[user]be kind\n\nhello[assistant]yes',
      )
    expect(lines).toEqual([expect.stringMatching(/chat_template\.jinja: the chat template has no system role/)])
  })

  it('one that knows a system role keeps it', async () => {
    expect(await rendered(turns, conversation)).toBe('[system]be kind[user]hello')
  })

  it.each([
    ['{%- generation -%}x{%- endgeneration -%}', 'x'],
    ['{% set a %}bc{% endset %}<{{ a }}>', '<bc>'],
    ['{% filter upper %}abc{% endfilter %}', 'ABC'],
    ['{% for call in messages[0].tool_calls %}x{% else %}none{% endfor %}{% for t in tools %}y{% endfor %}', 'none'],
    ['a\\\n{{ "b\\\nc\\\\" }}', 'a\\\nbc\\'],
    ["{{ strftime_now(format='%-d/%-m/%y %%') }}", '26/7/24 %'],
    [
      "{% set ns = namespace(n=0) %}{% for m in messages | selectattr('role', 'equalto', 'user') %}" +
        '{% set ns.n = ns.n + 1 %}{% endfor %}{{ ns.n }}{% for i in range(2, 8, 3) %},{{ i }}{% endfor %}',
      '1,2,5',
    ],
  ])('render as in Jinja: %s', async (template, text) => {
    expect(await rendered(template)).toBe(text)
  })

  it.each(['{% raw %}{{ x }}{% endraw %}', '{% include "a" %}', '{% with a = 1 %}{{ a }}{% endwith %}', '{% x %}'])(
    'with a statement that is not known are refused: %s',
    async (template) => {
      await expect(rendered(template)).rejects.toThrow(/does not parse: Unknown statement/)
    },
  )

  it.each([
    ['a long loop', '{% for i in range(999999999) %}{% endfor %}', /range of 999999999 numbers/],
    [
      'loops in loops',
      '{% for i in range(9999) %}{% for j in range(9999) %}x{% endfor %}{% endfor %}',
      /65536 steps|longer than/,
    ],
    ['a range without end', '{{ range(0, 5, 0) }}', /range of Infinity/],
    ['a text that doubles', doubling("'abcdefgh'"), /text of \d+ characters/],
    ['a list that doubles', doubling('[1, 2]'), /list of \d+ items/],
    ['nested lists, as JSON', nested('ns.v | tojson'), /cannot be used|refuses/],
    ['nested lists, as text', nested('ns.v'), /cannot be used|refuses/],
    ['a text cut into letters', `{% set a = '${'x'.repeat(500_000)}' %}{{ (a + a + a).split('x') }}`, /cannot be used/],
    ['a macro that calls itself', '{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}', /cannot be used|refuses/],
    ['a million blanks', `${' '.repeat(1_000_000)}{{ messages }}`, /does not parse: it took longer|refuses/],
    ['too much text', 'x'.repeat(2_000_000), /does not parse: it has 2000000 characters/],
  ])('are bounded: %s', async (_, template, message) => {
    const started = performance.now()
    await expect(rendered(template)).rejects.toThrow(message)
    expect(performance.now() - started).toBeLessThan(15_000)
  })

  it('have room for long texts of users', async () => {
    const text = 'word '.repeat(200_000)
    expect(await rendered(turns, user(text))).toBe(`[user]${text}`)
  })

  it('may be missing', async () => {
    cpSync(golden('llama3'), path(), { recursive: true })
    rmSync(path('chat_template.jinja'))
    const tokenizer = await openTokenizer(path())
    const ids = tokenizer.chat([...user('a'), ...user('<|eot_id|>')])
    expect(ids).toEqual([tokenizer.bosToken, ...tokenizer.encode('a\n\n<|eot_id|>')])
  })

  it('are read from tokenizer_config.json, by the name "default" where there are several', async () => {
    const where = changed('gpt2', 'tokenizer_config.json', (json) => {
      json.chat_template = [
        { name: 'tools', template: 'no' },
        { name: 'default', template: 'yes' },
      ]
    })
    rmSync(join(where, 'chat_template.jinja'))
    const tokenizer = await openTokenizer(where)
    expect(tokenizer.decode(tokenizer.chat(user('x')))).toBe('yes')
  })
})

it('added tokens whose letters stand for bytes elsewhere come back', async () => {
  for (const normalized of [true, false]) {
    const where = changed('gpt2', 'tokenizer.json', (json) => {
      const added = ['ilÖveyou', 'Ġ日本'].map((content, i) => ({ id: 900 + i, content, special: false, normalized }))
      if (Array.isArray(json.added_tokens)) json.added_tokens.push(...added)
    })
    const tokenizer = await openTokenizer(where)
    for (const text of ['a ilÖveyou b', 'é ilÖveyouÖ Ġ日本x', '日ilÖveyou日']) {
      expect(tokenizer.encode(text)).toContain(900)
      expect(tokenizer.decode(tokenizer.encode(text))).toBe(text)
    }
  }
})

describe('settings of the folder', () => {
  it('add_bos_token decides over the post-processor', async () => {
    const where = changed('llama3', 'tokenizer_config.json', (json) => {
      json.add_bos_token = false
    })
    expect((await openTokenizer(where)).bosToken).toBeUndefined()
  })

  it('generation_config.json may name several ends', async () => {
    cpSync(golden('gpt2'), path(), { recursive: true })
    writeFileSync(path('generation_config.json'), '{"eos_token_id": [7, 2]}')
    expect((await openTokenizer(path())).stopTokens).toEqual([7, 2, 0])
  })

  it('ids that no token has are left out of the text', async () => {
    const tokenizer = await openTokenizer(golden('gpt2'))
    expect(tokenizer.decode([...tokenizer.encode('a'), 99_999, 2])).toBe('a')
    expect(tokenizer.decode([])).toBe('')
  })
})

describe('errors name the file and what is wrong', () => {
  it('nothing there', async () => {
    expect(await problem(path('none'))).toMatch(/none: does not exist/)
    expect(await problem(path())).toMatch(/tokenizer\.json: does not exist/)
  })

  it('not JSON', async () => {
    writeFileSync(path('tokenizer.json'), '{"model": ')
    expect(await problem(path())).toMatch(/tokenizer\.json: is not valid JSON/)
    writeFileSync(path('tokenizer.json'), '[]')
    expect(await problem(path())).toMatch(/tokenizer\.json: .*no "model"/)
  })

  const model = (change: (model: Record<string, unknown>) => void) =>
    changed('gpt2', 'tokenizer.json', (json) => {
      const inner = json.model
      if (typeof inner === 'object' && inner !== null) {
        const copy: Record<string, unknown> = { ...inner }
        change(copy)
        json.model = copy
      }
    })

  it.each<[string, (model: Record<string, unknown>) => void, RegExp]>([
    ['another kind', (m) => (m.type = 'Unigram'), /"Unigram"; only BPE/],
    ['a vocabulary that is a list', (m) => (m.vocab = []), /"model.vocab" is not an object/],
    ['an empty vocabulary', (m) => (m.vocab = {}), /the vocabulary is empty/],
    ['ids that are no numbers', (m) => (m.vocab = { a: 'b' }), /token "a" has the id "b"/],
    ['shared ids', (m) => (m.vocab = { a: 5, b: 5 }), /"a" and "b" share the id 5/],
    ['no merges', (m) => (m.merges = undefined), /"model.merges" is not a list/],
    ['half a merge', (m) => (m.merges = ['a']), /merge 0 \("a"\) is not a pair/],
    ['a merge into nothing', (m) => (m.merges = [['a', '\u0000']]), /merge 0 .*needs the token/],
  ])('%s', async (_, change, message) => {
    expect(await problem(model(change))).toMatch(message)
    expect(await problem(path())).toContain('tokenizer.json')
  })

  it('components that nobody knows', async () => {
    const where = changed('gpt2', 'tokenizer.json', (json) => {
      json.normalizer = { type: 'Nonsense' }
    })
    expect(await problem(where)).toMatch(/tokenizer\.json: not a usable tokenizer: .*Nonsense/)
  })

  it.each(['llama', 'gpt2'])('a token of a million letters, in a GGUF file of the kind %s', async (kind) => {
    const file = path('model.gguf')
    const tokens = ['<unk>', 'a', 'b', 'a'.repeat(1 << 20)]
    const metadata: [string, MetadataValue][] = [
      ['tokenizer.ggml.model', { type: 'string', value: kind }],
      ['tokenizer.ggml.tokens', { type: 'strings', value: tokens }],
      ['tokenizer.ggml.scores', { type: 'i32s', value: [0, 0, 0, 0] }],
      ['tokenizer.ggml.merges', { type: 'strings', value: [] }],
    ]
    writeFileSync(file, ggufBytes({ metadata, tensors: [] }))
    const started = performance.now()
    expect(await problem(file)).toMatch(/model\.gguf: .*token "a{20}…" has 1048576 characters/)
    expect(performance.now() - started).toBeLessThan(2000)
  })

  it('a token of a million letters, in a folder', async () => {
    for (const special of [true, false]) {
      const where = changed('gpt2', 'tokenizer.json', (json) => {
        if (Array.isArray(json.added_tokens)) json.added_tokens.push({ id: 900, content: 'a'.repeat(1 << 20), special })
      })
      expect(await problem(where)).toMatch(/tokenizer\.json: .*1048\d+ characters/)
    }
    expect(await problem(model((m) => (m.vocab = { ['a'.repeat(1025)]: 0 })))).toMatch(/has 1025 characters/)
  })

  it.each([
    [20_000, 3],
    [1_000, 1_000],
  ])('%i added tokens of %i letters', async (count, length) => {
    const where = changed('gpt2', 'tokenizer.json', (json) => {
      const added = Array.from({ length: count }, (_, i) => ({
        id: 1000 + i,
        content: String(i).padStart(length, '<'),
      }))
      if (Array.isArray(json.added_tokens)) json.added_tokens.push(...added)
    })
    const started = performance.now()
    expect(await problem(where)).toMatch(/tokenizer\.json: .*it adds \d+ tokens of \d+ characters/)
    expect(performance.now() - started).toBeLessThan(2000)
  })

  it('added tokens that count as whole words only', async () => {
    const where = changed('gpt2', 'tokenizer.json', (json) => {
      if (Array.isArray(json.added_tokens)) json.added_tokens.push({ id: 900, content: 'ab', single_word: true })
    })
    expect(await problem(where)).toMatch(/tokenizer\.json: added token "ab" counts only as a word of its own/)
  })

  it('a file that is not GGUF', async () => {
    const file = path('model.gguf')
    writeFileSync(file, 'not a model, but long enough to be looked at')
    expect(await problem(file)).toMatch(/model\.gguf: is not a GGUF file/)
  })
})
