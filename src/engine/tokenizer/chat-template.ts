// A model's chat template (Jinja), rendered with the texts of users in it but kept apart from the template's own words:
// a log that spells out "<|im_end|>" must not end the turn. Used by text-tokenizer.ts.
import { Environment, Interpreter, parse, tokenize } from '@huggingface/jinja'
import type { ChatMessage } from '../../model/contract.ts'
import { BumpError } from '../../util/errors.ts'
import { TimeExceeded, withinTime } from '../../util/within-time.ts'
import type { TokenizerSource } from './types.ts'

/** Some templates print today's date. A run must be repeatable, so they get the date that Llama's own default names. */
const FIXED_DATE: Record<string, string> = {
  '%d': '26',
  '%m': '07',
  '%b': 'Jul',
  '%B': 'July',
  '%Y': '2024',
  '%y': '24',
  '%a': 'Fri',
  '%A': 'Friday',
  '%j': '208',
  '%H': '00',
  '%I': '12',
  '%M': '00',
  '%S': '00',
  '%p': 'AM',
  '%F': '2024-07-26',
  '%T': '00:00:00',
  '%%': '%',
}

function fixedDate(format: unknown): string {
  const text = format instanceof Map ? format.get('format')?.value : format
  return String(text).replace(/%(-?)([a-zA-Z%])/g, (_, bare: string, letter: string) => {
    const field = FIXED_DATE[`%${letter}`]
    if (field === undefined) throw new Error(`strftime_now does not know the field %${letter}`)
    return bare ? field.replace(/^0(?=.)/, '') : field
  })
}

/** Bounds of a template, which is a program: far above what any real one needs for a conversation. */
const MAX_SOURCE = 1 << 20
const MAX_STEPS = 1 << 16
const MAX_ITEMS = 1 << 14
const MAX_TEXT = 1 << 22
const MAX_MS = 2000

/** A problem of the template itself, whatever the messages. */
class Unbounded extends Error {}

function range(start: number, stop?: number, step = 1): number[] {
  const [from, to] = stop === undefined ? [0, start] : [start, stop]
  const count = Math.max(0, Math.ceil((to - from) / step))
  if (!(count <= MAX_ITEMS)) throw new Unbounded(`it asks for a range of ${count} numbers`)
  return Array.from({ length: count }, (_, i) => from + i * step)
}

/** The library's interpreter: its own types do not resolve under Node's rules. */
const Jinja = Interpreter as unknown as new (
  environment: Environment,
) => {
  run(program: Program): { value: unknown }
  evaluate(statement: unknown, environment: unknown): { type: string; value: unknown }
  evaluateFor(loop: Loop, environment: unknown): { type: string; value: unknown }
}
interface Loop {
  iterable: { type: string; value?: unknown }
}
type Program = ReturnType<typeof parse>

/** A list literal without entries. */
const NOTHING = { type: 'ArrayLiteral', value: [] }

/** Counts what a template does and how long its texts and lists get. */
class BoundedInterpreter extends Jinja {
  private steps = 0

  constructor(
    environment: Environment,
    private readonly maxText: number,
  ) {
    super(environment)
  }

  /** What is undefined is, in Jinja, nothing to go through; the library refuses it. */
  override evaluateFor(loop: Loop, environment: unknown): { type: string; value: unknown } {
    const { type } = loop.iterable
    const named = type === 'Identifier' || type === 'MemberExpression'
    const missing = named && this.evaluate(loop.iterable, environment).type === 'UndefinedValue'
    return super.evaluateFor(missing ? { ...loop, iterable: NOTHING } : loop, environment)
  }

  override evaluate(statement: unknown, environment: unknown): { type: string; value: unknown } {
    if (++this.steps > MAX_STEPS) throw new Unbounded(`it takes more than ${MAX_STEPS} steps`)
    const result = super.evaluate(statement, environment)
    const { value } = result
    if (typeof value === 'string' && value.length > this.maxText)
      throw new Unbounded(`it makes a text of ${value.length} characters`)
    if (Array.isArray(value) && value.length > MAX_ITEMS)
      throw new Unbounded(`it makes a list of ${value.length} items`)
    return result
  }
}

/** A backslash before the end of a line joins it, within a text, with the next; the library refuses it. */
function joinedLines(source: string): string {
  let inside = false
  return source
    .split(/(\{[{%]|[%}]\})/)
    .map((part, i) => {
      if (i % 2 === 1) inside = part.startsWith('{')
      return inside ? part.replace(/(?<!\\)((?:\\\\)*)\\\r?\n/g, '$1') : part
    })
    .join('')
}

function parseTemplate(source: string, file: string): Program {
  try {
    if (source.length > MAX_SOURCE) throw new Unbounded(`it has ${source.length} characters`)
    return withinTime(MAX_MS, () => parse(tokenize(joinedLines(source), { lstrip_blocks: true, trim_blocks: true })))
  } catch (error) {
    throw new BumpError(
      'model-unusable',
      `${file}: the chat template does not parse: ${message(error)}. Correct or remove it.`,
      { cause: error },
    )
  }
}

function run(program: Program, messages: readonly ChatMessage[], { bos, eos }: TokenizerSource): string {
  const environment = new Environment()
  const names: Record<string, unknown> = {
    true: true,
    false: false,
    none: null,
    True: true,
    False: false,
    None: null,
    range,
    raise_exception: (text: unknown) => {
      throw new Error(String(text))
    },
    strftime_now: fixedDate,
    messages: messages.map(({ role, content }) => ({ role, content })),
    add_generation_prompt: true,
    enable_thinking: false,
    bos_token: bos ?? '',
    eos_token: eos ?? '',
  }
  for (const [name, value] of Object.entries(names)) environment.set(name, value)
  const content = messages.reduce((sum, m) => sum + m.content.length, 0)
  const interpreter = new BoundedInterpreter(environment, MAX_TEXT + 8 * content)
  return withinTime(MAX_MS, () => String(interpreter.run(program).value))
}

/** Messages of a template without a system role: its text goes before the next turn of the user. */
function foldSystem(messages: readonly ChatMessage[]): ChatMessage[] {
  const folded: ChatMessage[] = []
  let system: string[] = []
  for (const { role, content } of messages)
    if (role === 'system') system.push(content)
    else if (role === 'user') {
      folded.push({ role, content: [...system, content].join('\n\n') })
      system = []
    } else folded.push({ role, content })
  return system.length > 0 ? [...folded, { role: 'user', content: system.join('\n\n') }] : folded
}

/** Renders conversations, ready for the assistant's answer. */
export type ChatRenderer = (messages: readonly ChatMessage[]) => string

/**
 * Renders by the template of `source`; undefined where the model has none. Thinking is switched off in models that have
 * the switch (Qwen3). Templates that refuse or drop a system role get its text in the next turn of the user, which is
 * told to `onNotice` once. The template is parsed when it is first needed.
 * @throws BumpError, when rendering, for a template that does not parse, that refuses the messages, or whose work or
 * output has no end.
 */
export function chatRenderer(
  source: TokenizerSource,
  onNotice: (line: string) => void = () => {},
): ChatRenderer | undefined {
  const { chatTemplate, chatTemplateFile: file } = source
  if (chatTemplate === undefined) return undefined
  let program: Program | undefined
  let folds: boolean | undefined
  const plainly = (messages: readonly ChatMessage[]) => {
    program ??= parseTemplate(chatTemplate, file)
    return run(program, messages, source)
  }
  const shows = (messages: readonly ChatMessage[], text: string) => {
    try {
      return plainly(messages).includes(text)
    } catch {
      return false
    }
  }
  /** Tried on a conversation of its own, so that it does not depend on the messages. */
  const lacksSystem = () => {
    const probe: ChatMessage[] = [
      { role: 'system', content: 'about-the-system' },
      { role: 'user', content: 'question' },
    ]
    const lacks = !shows(probe, probe[0].content) && shows(foldSystem(probe), probe[0].content)
    if (lacks)
      onNotice(`${file}: the chat template has no system role: system messages are put before the user's next turn`)
    return lacks
  }
  return (messages) => {
    try {
      if (messages.some(({ role }) => role === 'system')) folds ??= lacksSystem()
      return plainly(folds ? foldSystem(messages) : messages)
    } catch (error) {
      if (error instanceof BumpError) throw error
      if (error instanceof Unbounded || error instanceof TimeExceeded)
        throw new BumpError(
          'model-unusable',
          `${file}: the chat template cannot be used: ${error.message}. Correct or remove it.`,
          { cause: error },
        )
      const roles = messages.map((m) => m.role).join(', ')
      throw new BumpError(
        'model-unusable',
        `${file}: the chat template refuses the messages (roles: ${roles || 'none'}): ${message(error)}. ` +
          'Use messages that the model knows, or another model.',
        { cause: error },
      )
    }
  }
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/**
 * Hides special tokens that stand in the contents of messages: the first character of each is replaced by a private-use
 * character that occurs nowhere else, so that in the rendered text only the template's own special tokens are found.
 */
export class ContentGuard {
  private readonly first: string[]
  private readonly beginnings = new Set<string>()
  private readonly longest: number

  /** @param specials texts of the special tokens; @param pattern matches any of them, without the `g` flag */
  constructor(
    specials: readonly string[],
    private readonly pattern: RegExp,
  ) {
    this.first = [...new Set(specials.map(firstOf))]
    for (const text of specials) for (let n = 1; n < text.length; n++) this.beginnings.add(text.slice(0, n))
    this.longest = Math.max(0, ...specials.map((text) => text.length - 1))
  }

  /**
   * The messages with hidden special tokens, and the function that shows them again in a part of the rendered text.
   */
  hide(messages: readonly ChatMessage[]): { messages: ChatMessage[]; show: (text: string) => string } {
    const all = messages.map((m) => m.content).join('')
    const hidden = new Map<string, string>()
    let code = 0xe000
    for (const first of this.first) {
      while (all.includes(String.fromCharCode(code))) code++
      hidden.set(first, String.fromCharCode(code++))
    }
    const shown = new Map([...hidden].map(([first, private_]) => [private_, first]))
    return {
      messages: messages.map(({ role, content }) => ({ role, content: this.hideIn(content, hidden) })),
      show: (text) => text.replace(/[\ue000-\uf8ff]/g, (c) => shown.get(c) ?? c),
    }
  }

  private hideIn(content: string, hidden: Map<string, string>): string {
    let text = ''
    let shown = 0
    const next = new RegExp(this.pattern, 'g')
    for (let found = next.exec(content); found; found = next.exec(content)) {
      const first = firstOf(found[0])
      text += content.slice(shown, found.index) + (hidden.get(first) ?? '')
      shown = found.index + first.length
      // Tokens may overlap: the next one is looked for within this one.
      next.lastIndex = shown
    }
    text += content.slice(shown)
    // A token that the content begins and the template's next word would complete.
    const end = text.trimEnd().length
    for (let at = Math.max(0, end - this.longest); at < end; at++)
      if (this.beginnings.has(text.slice(at, end))) {
        const first = firstOf(text.slice(at))
        text = text.slice(0, at) + (hidden.get(first) ?? '') + text.slice(at + first.length)
      }
    return text
  }
}

function firstOf(text: string): string {
  return String.fromCodePoint(text.codePointAt(0) ?? 0)
}
