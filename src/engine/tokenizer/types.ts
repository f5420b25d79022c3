// What every file with a tokenizer, a folder's or a GGUF's, is turned into first: the TokenizerSource that the
// Tokenizer of the language-model contract is built from.

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
  model: Component & { vocab: Record<string, number>; merges?: (string | [string, string])[] }
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
