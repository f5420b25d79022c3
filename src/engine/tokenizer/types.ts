// What the tokenizer room is about: the Tokenizer it hands out (the same shape as in the language-model contract, which
// lies above the engine), and the TokenizerSource that folders and GGUF files are turned into first.

/** One turn of a conversation. */
export interface ChatTurn {
  role: 'system' | 'user' | 'assistant'
  content: string
}

/** Text to token ids and back, with the model's own chat template. */
export interface Tokenizer {
  /** Number of ids, special tokens included. */
  readonly vocabSize: number
  /** Ids that end a generated text (end of sequence, end of turn). */
  readonly stopTokens: readonly number[]
  /** Id put before a plain text, where the model wants one. */
  readonly bosToken: number | undefined
  /** Ids of a text; no special token is added, and special tokens spelled out in `text` are plain characters. */
  encode(text: string): number[]
  /** Text of ids; special tokens and ids outside the vocabulary are left out. */
  decode(tokens: readonly number[]): string
  /**
   * Ids of a conversation under the model's chat template, ready for the assistant's answer. Special tokens of the
   * template become ids; special tokens spelled out in a content are plain characters.
   * A model without a template gets the contents separated by blank lines, after `bosToken`.
   */
  chat(messages: readonly ChatTurn[]): number[]
}

/** An entry of `added_tokens` in tokenizer.json: a text that is one token whatever the merges say. */
export interface AddedToken {
  id: number
  content: string
  /** White space before (after) the token belongs to it. */
  lstrip?: boolean
  rstrip?: boolean
  /** Looked for in the normalised text. */
  normalized?: boolean
  /** A control token: never made from a user's text, never shown. */
  special?: boolean
}

/** A component of tokenizer.json: a `type` and its settings. */
export interface Component {
  type: string
  [setting: string]: unknown
}

/** Content of a checked tokenizer.json. */
export interface TokenizerJson {
  model: Component & { vocab: Record<string, number>; merges: (string | [string, string])[] }
  added_tokens: AddedToken[]
  normalizer: Component | null
  pre_tokenizer: Component | null
  post_processor: Component | null
  decoder: Component | null
}

/** Everything a tokenizer is built from, whatever file it came from. */
export interface TokenizerSource {
  /** The file to name in errors. */
  file: string
  json: TokenizerJson
  /** Text of the tokens that templates may ask for. */
  bos: string | undefined
  eos: string | undefined
  /** Plain texts start with `bos`. */
  addBos: boolean
  /** Ids that the model's files call end of sequence or end of turn. */
  eosIds: number[]
  chatTemplate: string | undefined
  /** The file the template came from, to name in errors. */
  chatTemplateFile: string
}
