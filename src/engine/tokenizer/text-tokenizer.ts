// The tokenizer built from a TokenizerSource: Hugging Face's JavaScript library does normalisation, pre-tokenisation
// and merges; which texts become special tokens is decided here, because the library makes them from users' texts too.
import { Tokenizer as HfTokenizer } from '@huggingface/tokenizers'
import type { ChatMessage, Tokenizer } from '../../model/contract.ts'
import { BumpError } from '../../util/errors.ts'
import { TimeExceeded, withinTime } from '../../util/within-time.ts'
import { type ChatRenderer, ContentGuard, chatRenderer } from './chat-template.ts'
import { hasOwnPatterns } from './patterns.ts'
import type { AddedToken, TokenizerSource } from './types.ts'

/** Ends of a turn or of a sequence by their usual names: models often list only one of them. */
const END_TOKENS = [
  '<|im_end|>',
  '<|endoftext|>',
  '<|eot_id|>',
  '<|eom_id|>',
  '<|end_of_text|>',
  '<|end_of_turn|>',
  '<|end|>',
  '<end_of_turn>',
  '</s>',
]

/** Time that any text may take, and one millisecond more a character. */
const BASE_MS = 2000

/**
 * Builds a tokenizer. `onNotice` gets a line about what is done otherwise than the caller may expect.
 * @throws BumpError naming the source's file where its content cannot be used.
 */
export function buildTokenizer(source: TokenizerSource, onNotice?: (line: string) => void): Tokenizer {
  return new TextTokenizer(source, onNotice)
}

class TextTokenizer implements Tokenizer {
  readonly vocabSize: number
  readonly stopTokens: readonly number[]
  readonly bosToken: number | undefined

  private readonly hf: HfTokenizer
  private readonly ids: Map<string, number>
  private readonly specialIds: Set<number>
  private readonly specials: Splitter
  private readonly rawAdded: Splitter
  private readonly normalizedAdded: Splitter
  private readonly render: ChatRenderer | undefined
  private readonly guard: ContentGuard
  private readonly ownPatterns: boolean
  private readonly file: string

  constructor(source: TokenizerSource, onNotice: ((line: string) => void) | undefined) {
    const { json, file } = source
    try {
      this.hf = new HfTokenizer(json, {})
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error)
      throw new BumpError(
        'model-unusable',
        `${file}: not a usable tokenizer: ${problem}. Download or convert the model again.`,
        {
          cause: error,
        },
      )
    }
    const added = json.added_tokens
    const special = added.filter((t) => t.special)
    const model = this.hf.model
    if (!model)
      throw new BumpError('model-unusable', `${file}: the tokenizer has no model. Download or convert the model again.`)

    this.file = file
    this.ownPatterns = hasOwnPatterns(json)
    this.vocabSize =
      1 + [...Object.values(json.model.vocab), ...added.map((t) => t.id)].reduce((a, b) => Math.max(a, b))
    this.specialIds = new Set(special.map((t) => t.id))
    const idOf = (text: string | undefined) => (text === undefined ? undefined : model.tokens_to_ids.get(text))
    const bos = idOf(source.bos)
    if (source.addBos && bos === undefined)
      throw new BumpError(
        'model-unusable',
        `${file}: the beginning-of-sequence token ${JSON.stringify(source.bos)} is not in the vocabulary.`,
      )
    this.bosToken = source.addBos ? bos : undefined
    const ends = special.filter((t) => END_TOKENS.includes(t.content)).map((t) => t.id)
    this.stopTokens = [...new Set([...source.eosIds, ...ends])].filter((id) => id < this.vocabSize)

    // No merge, and no whole word looked up, may give a special token: plain text spells it in characters.
    this.ids = new Map(model.tokens_to_ids)
    for (const { content } of special) if (content !== model.unk_token) model.tokens_to_ids.delete(content)

    this.specials = new Splitter(special)
    this.rawAdded = new Splitter(added.filter((t) => !t.special && !t.normalized))
    this.normalizedAdded = new Splitter(added.filter((t) => !t.special && t.normalized))
    this.guard = new ContentGuard(
      special.map((t) => t.content),
      this.specials.pattern,
    )
    this.render = chatRenderer(source, onNotice)
  }

  encode(text: string): number[] {
    return this.bounded(text.length, () => this.encodePlain(text, 0))
  }

  decode(tokens: readonly number[]): string {
    const vocab = this.hf.model?.vocab ?? []
    const shown = tokens.filter((id) => !this.specialIds.has(id) && vocab[id] !== undefined)
    // The library's clean-up would delete spaces that the model wrote.
    if (shown.length === 0) return ''
    return this.bounded(shown.length, () => this.hf.decode(shown, { clean_up_tokenization_spaces: false }))
  }

  chat(messages: readonly ChatMessage[]): number[] {
    if (!this.render) {
      const start = this.bosToken === undefined ? [] : [this.bosToken]
      return [...start, ...this.encode(messages.map((m) => m.content).join('\n\n'))]
    }
    const guarded = this.guard.hide(messages)
    const text = this.render(guarded.messages)
    return this.bounded(text.length, () => this.encodeRendered(text, guarded.show))
  }

  /** Ids of a text in which the template's special tokens are to be found, the contents' own having been hidden. */
  private encodeRendered(text: string, show: (text: string) => string): number[] {
    const ids: number[] = []
    let section = 0
    for (const part of this.specials.split(text))
      if (typeof part === 'number') {
        ids.push(part)
        section++
      } else for (const id of this.encodePlain(show(part), section++)) ids.push(id)
    return ids
  }

  /** Regular expressions that came with the file may not take more than a second a kilobyte of text. */
  private bounded<T>(length: number, work: () => T): T {
    if (!this.ownPatterns) return work()
    try {
      return withinTime(BASE_MS + length, work)
    } catch (error) {
      if (!(error instanceof TimeExceeded)) throw error
      throw new BumpError(
        'model-unusable',
        `${this.file}: a regular expression of this tokenizer takes longer than ${error.milliseconds / 1000} s for a text ` +
          `of ${length} characters. Correct the file, or use another model.`,
        { cause: error },
      )
    }
  }

  /** Ids of a text without special tokens; `section` is its number among the parts between special tokens. */
  private encodePlain(text: string, section: number): number[] {
    const ids: number[] = []
    for (const raw of this.rawAdded.split(text)) {
      if (typeof raw === 'number') {
        ids.push(raw)
        continue
      }
      const normalized = this.hf.normalizer ? this.hf.normalizer(raw) : raw
      for (const part of this.normalizedAdded.split(normalized))
        if (typeof part === 'number') ids.push(part)
        else for (const id of this.encodePart(part, section)) ids.push(id)
    }
    return ids
  }

  private encodePart(text: string, section: number): number[] {
    const { pre_tokenizer, model } = this.hf
    if (!model || text === '') return []
    const words = pre_tokenizer ? pre_tokenizer(text, { section_index: section }) : [text]
    const ids: number[] = []
    for (const token of model(words)) {
      const id = this.ids.get(token) ?? model.unk_token_id
      if (id !== undefined) ids.push(id)
    }
    return ids
  }
}

/** Splits text at added tokens: the leftmost, then the longest. */
class Splitter {
  readonly pattern: RegExp
  private readonly tokens: Map<string, AddedToken>

  constructor(tokens: readonly AddedToken[]) {
    this.tokens = new Map(tokens.map((t) => [t.content, t]))
    const longestFirst = [...this.tokens.keys()].sort((a, b) => b.length - a.length)
    const escaped = longestFirst.map((text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    this.pattern = new RegExp(escaped.join('|') || '(?!)')
  }

  /** Texts between the tokens, and the ids of the tokens, in order; no empty texts. */
  split(text: string): (string | number)[] {
    const parts: (string | number)[] = []
    let at = 0
    let trimStart = false
    const pushText = (end: number, trimEnd: boolean) => {
      let part = text.slice(at, end)
      if (trimStart) part = part.trimStart()
      if (trimEnd) part = part.trimEnd()
      if (part !== '') parts.push(part)
    }
    for (const match of text.matchAll(new RegExp(this.pattern, 'g'))) {
      const token = this.tokens.get(match[0])
      if (!token) continue
      pushText(match.index, token.lstrip === true)
      parts.push(token.id)
      at = match.index + match[0].length
      trimStart = token.rstrip === true
    }
    pushText(text.length, false)
    return parts
  }
}
