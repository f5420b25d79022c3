// A model's chat template (Jinja), rendered with the texts of users in it but kept apart from the template's own words:
// a log that spells out "<|im_end|>" must not end the turn. Used by text-tokenizer.ts.
import { Template } from '@huggingface/jinja'
import type { ChatMessage } from '../../model/contract.ts'
import { BumpError } from '../../util/errors.ts'
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
  '%H': '00',
  '%M': '00',
  '%S': '00',
}

/** Renders conversations, ready for the assistant's answer. */
export type ChatRenderer = (messages: readonly ChatMessage[]) => string

/**
 * Compiles the template of `source`; undefined where the model has none. Thinking is switched off in models that have
 * the switch (Qwen3).
 * @throws BumpError for a template that does not parse, and, when rendering, for one that refuses the messages.
 */
export function compileChatTemplate(source: TokenizerSource): ChatRenderer | undefined {
  const { chatTemplate, chatTemplateFile: file, bos, eos } = source
  if (chatTemplate === undefined) return undefined
  let template: Template
  try {
    // The library's own strftime_now cannot be replaced, so templates are made to call ours.
    template = new Template(chatTemplate.replaceAll('strftime_now', 'fixed_date'))
  } catch (error) {
    throw new BumpError(
      'model-unusable',
      `${file}: the chat template does not parse: ${message(error)}. Correct or remove it.`,
      {
        cause: error,
      },
    )
  }
  return (messages) => {
    try {
      return template.render({
        messages: messages.map(({ role, content }) => ({ role, content })),
        add_generation_prompt: true,
        enable_thinking: false,
        bos_token: bos ?? '',
        eos_token: eos ?? '',
        fixed_date: (format: string) => format.replace(/%./g, (field) => FIXED_DATE[field] ?? field),
      })
    } catch (error) {
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
    let text = content
    const hideAt = (at: number) => {
      const first = firstOf(text.slice(at))
      text = text.slice(0, at) + (hidden.get(first) ?? '') + text.slice(at + first.length)
    }
    // Overlapping tokens: look again from the start of the last find.
    for (let from = 0, found = this.pattern.exec(text); found; found = this.pattern.exec(text.slice(from))) {
      from += found.index
      hideAt(from)
    }
    // A token that the content begins and the template's next word would complete.
    const end = text.trimEnd().length
    for (let at = Math.max(0, end - this.longest); at < end; at++)
      if (this.beginnings.has(text.slice(at, end))) hideAt(at)
    return text
  }
}

function firstOf(text: string): string {
  return String.fromCodePoint(text.codePointAt(0) ?? 0)
}
