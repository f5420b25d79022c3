// What a request says besides its messages, and what a server turned out not to take of it: every server and model
// takes another part of the interface. What is refused is left out from then on and said once. Used by open.ts.
import type { ChatMessage } from '../contract.ts'
import { asksForStream, type Refusal, refusedParameter, refusesSystemRole } from './refusal.ts'

/** Names of the limit on tokens, in the order tried: newer models of OpenAI refuse the one that all others know. */
const LIMIT_NAMES = ['max_tokens', 'max_completion_tokens'] as const
/** What can be left out. */
const OPTIONAL = ['temperature', 'seed', ...LIMIT_NAMES] as const
const OWN: readonly string[] = ['model', 'messages', 'stream', ...OPTIONAL]

/** How one answer is wanted. */
export interface Wanted {
  messages: readonly ChatMessage[]
  maxTokens: number
  temperature: number
  seed: number
  /** Fields of the request besides these, such as a constraint of the answer. */
  more?: Readonly<Record<string, unknown>>
}

export interface Body {
  model: string
  messages: readonly ChatMessage[]
  temperature?: number
  seed?: number
  max_tokens?: number
  max_completion_tokens?: number
  stream?: true
}

/** The parameters that one model on one server takes, as far as its refusals have told. */
export class Parameters {
  /** What a reader of the answers must know of what was left out. */
  readonly notes: string[] = []
  readonly #refused = new Set<keyof Body>()
  #stream = false
  #foldSystem = false
  readonly #heard = new Set<string>()
  #thinking = false

  /** `note` is called with each line of `notes` as it comes up. */
  constructor(
    private readonly model: string,
    private readonly mostThinking: number,
    private readonly note: (line: string) => void,
  ) {}

  /** Tokens that an answer gets for thinking, beside those that are wanted of it. */
  get thinking(): number {
    return this.#thinking ? this.mostThinking : 0
  }

  /** The body of a request by what is known now, with so many tokens for thinking. */
  body({ messages, maxTokens, temperature, seed, more }: Wanted, thinking: number): Body {
    const limit = LIMIT_NAMES.find((name) => !this.#refused.has(name))
    return {
      model: this.model,
      messages: this.#foldSystem ? withoutSystem(messages) : messages,
      ...(this.#refused.has('temperature') ? {} : { temperature }),
      ...(this.#refused.has('seed') ? {} : { seed }),
      ...(limit ? { [limit]: maxTokens + thinking } : {}),
      ...(this.#stream ? { stream: true } : {}),
      ...more,
    }
  }

  /** Whether an answer may be longer than was wanted, so that it has to be cut here. */
  get unlimited(): boolean {
    return this.#thinking || LIMIT_NAMES.every((name) => this.#refused.has(name))
  }

  /**
   * Learns from the refusal of `body`. True where there is another body to try: without the parameter that is refused,
   * streamed, or without a system message.
   */
  learn(refusal: Refusal, body: Body): boolean {
    if (!body.stream && asksForStream(refusal)) {
      this.#stream = true
      return true
    }
    const more = Object.keys(body).filter((name) => !OWN.includes(name))
    const name = refusedParameter(refusal, [...OPTIONAL.filter((each) => body[each] !== undefined), ...more])
    const refused = OPTIONAL.find((each) => each === name)
    if (refused !== undefined) {
      this.#leaveOut(refused)
      return true
    }
    if (!body.messages.some(({ role }) => role === 'system') || !refusesSystemRole(refusal)) return false
    if (!this.#foldSystem) this.#say('takes no system message: its text stands before that of the user')
    this.#foldSystem = true
    return true
  }

  /** Learns that all tokens of an answer without room for thinking went into it. True where it gets room now. */
  allowThinking(): boolean {
    if (this.mostThinking === 0) return false
    if (!this.#thinking) this.#say(`thinks before it answers: ${this.mostThinking} tokens more are allowed for that`)
    this.#thinking = true
    return true
  }

  /** Learns which model answered: many servers answer with the one that they have, whatever is asked for. */
  heard(name: string | undefined): void {
    const answering = name?.split(/[\\/]/).at(-1) ?? ''
    const [asked, heard] = [this.model, answering].map((each) => each.toLowerCase())
    if (this.#heard.has(answering) || heard.includes(lastPart(asked)) || asked.includes(heard)) return
    this.#heard.add(answering)
    this.#say(`is what was asked for, but the server says that "${answering}" answers`)
  }

  #leaveOut(name: (typeof OPTIONAL)[number]): void {
    if (this.#refused.has(name)) return
    this.#refused.add(name)
    if (name === 'temperature') this.#say('refuses "temperature": it samples as it does by default, not greedily')
    if (name === 'seed') this.#say('refuses "seed": asked again it may answer otherwise')
    if (LIMIT_NAMES.every((limit) => this.#refused.has(limit)))
      this.#say('refuses any limit on tokens: its answers are cut when they are here')
  }

  #say(line: string): void {
    const whole = `${this.model} ${line}.`
    this.notes.push(whole)
    this.note(whole)
  }
}

/** The name of a model without those of its owners: all that many servers repeat. */
const lastPart = (name: string): string => name.split('/').at(-1)!

/** The messages with the system's words at the beginning of the user's first. */
function withoutSystem(messages: readonly ChatMessage[]): ChatMessage[] {
  const words = messages.filter(({ role }) => role === 'system').map(({ content }) => content)
  const others = messages.filter(({ role }) => role !== 'system')
  const [first, ...rest] = others
  if (words.length === 0 || first?.role !== 'user')
    return words.length === 0 ? [...others] : [{ role: 'user', content: words.join('\n\n') }, ...others]
  return [{ ...first, content: [...words, first.content].join('\n\n') }, ...rest]
}
