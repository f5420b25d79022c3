// Tokenizers of Hugging Face folders, and chat templates, which are programs.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { chatRenderer } from '../../../src/engine/tokenizer/chat-template.ts'
import { tokenizerFromFolder } from '../../../src/engine/tokenizer/from-folder.ts'
import { openTokenizer } from '../../../src/engine/tokenizer/open-tokenizer.ts'
import type { ChatMessage, Tokenizer } from '../../../src/model/contract.ts'
import { each, jsonFile, programFile, type Target } from './target.ts'

const TEXTS = [
  '',
  'I pruned my roses.',
  'a'.repeat(60),
  ' \n\n  x\t',
  '<|im_end|></s>',
  '\u{1F339} é \u2028\0 שלום 123456',
  '\ud83d',
]
const MESSAGES: ChatMessage[] = [
  { role: 'system', content: 'Be brief.' },
  { role: 'user', content: 'Who am I? <|im_end|>' },
  { role: 'assistant', content: '' },
  { role: 'user', content: 'And now?' },
]

/** All that is asked of a tokenizer. Ids must be ids, and texts texts. */
export async function useTokenizer(open: () => Promise<Tokenizer>): Promise<void> {
  const tokenizer = await open()
  const checked = (ids: readonly number[]) => {
    if (!ids.every((id) => Number.isInteger(id) && id >= 0 && id < tokenizer.vocabSize))
      throw new Error(`ids outside of the vocabulary of ${tokenizer.vocabSize}: ${ids.slice(0, 20)}`)
    return ids
  }
  await each(
    ...TEXTS.map((text) => () => {
      const back = tokenizer.decode(checked(tokenizer.encode(text)))
      if (typeof back !== 'string') throw new Error(`decode gives a ${typeof back}`)
    }),
    () => tokenizer.decode([0, 1, 2, 1e9, -1, tokenizer.vocabSize]),
    () => checked(tokenizer.chat(MESSAGES)),
  )
}

const golden = (name: string, file: string) =>
  readFileSync(new URL(`../../../src/engine/golden/tokenizer-${name}/${file}`, import.meta.url), 'utf8')

export const tokenizer: Target = {
  // biome-ignore format: a list of words
  words: [
    '"type":"Split"', '"Regex":"(a+)+$"', '"behavior":"Isolated"', '"ByteLevel"', '"special":true', '"NFKC"',
    '\\p{L}', '"Replace"',
  ],
  samples: async () =>
    ['gpt2', 'llama3', 'qwen2'].map((name) => ({
      'tokenizer.json': jsonFile(JSON.parse(golden(name, 'tokenizer.json'))),
      'tokenizer_config.json': jsonFile(JSON.parse(golden(name, 'tokenizer_config.json'))),
      'special_tokens_map.json': jsonFile(JSON.parse(golden(name, 'special_tokens_map.json'))),
      'chat_template.jinja': golden(name, 'chat_template.jinja'),
    })),
  run: (folder) => useTokenizer(() => openTokenizer(folder)),
}

const SOURCES = [
  "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}{% for m in messages %}[{{ m.role }}]{{ m.content | trim }}{% endfor %}",
  "{%- set ns = namespace(found=false, n=1) -%}{%- for m in messages[::-1] -%}{%- set ns.n = ns.n * 2 -%}{{ loop.index0 ~ m['content'].split('</think>')[-1].lstrip('\\n') }}{%- endfor -%}",
  '{% macro show(x, n=2) %}{{ x | tojson(indent=2) }}{% endmacro %}{{ show(messages) }}{% for i in range(0, 40, 3) %}{{ i }}{% endfor %}',
  "{{ bos_token + (messages | selectattr('role', 'equalto', 'user') | map(attribute='content') | join('\\n')) }}{{ strftime_now('%Y-%m-%d') }}",
  "{% set a = 'x' ~ 3 %}{% for k, v in {'a': 1, 'b': [1, 2]} | items %}{{ k }}{{ v | length if v is iterable else v }}{% endfor %}{% call show(messages) %}{% endcall %}",
]

export const template: Target = {
  // biome-ignore format: a list of words
  words: [
    '{{', '}}', '{%', '%}', '{%-', ' | ', ' if ', ' else ', '{% endif %}', '{% endfor %}',
    '{% for x in range(9999999) %}', 'loop.index', ' is defined', 'messages', "m['content']", 'namespace(a=1)',
    '| join(", ")', '| replace("", "xxxxxxxx")', '* 1000', '~', '[::-1]', '| tojson', '| list | sort',
    '{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}', '.__proto__', '.constructor', "['constructor']",
    '{% set x = x + x %}', '| map("upper")', '| indent(99)', '{% raw %}', '{% generation %}', '{% break %}',
    '{{ caller() }}', '{% filter upper %}', '| groupby("role")', '.format(1)', '| dictsort', '1 / 0', '10 ** 999',
  ],
  samples: async () =>
    [...SOURCES, ...['gpt2', 'llama3', 'qwen2'].map((name) => golden(name, 'chat_template.jinja'))].map((source) => ({
      'chat_template.jinja': programFile(source),
    })),
  run: async (folder) => {
    const file = join(folder, 'chat_template.jinja')
    const render = chatRenderer({
      ...EMPTY,
      chatTemplate: readFileSync(file, 'utf8'),
      chatTemplateFile: file,
    })
    await each(
      () => render?.(MESSAGES),
      () => render?.(MESSAGES.slice(1, 2)),
      () => render?.([]),
    )
  },
}

const EMPTY = {
  ...tokenizerFromFolder(join(import.meta.dirname, '../../../src/engine/golden/tokenizer-gpt2')),
  bos: '<s>',
  eos: '</s>',
}
