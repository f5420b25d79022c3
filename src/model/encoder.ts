// The contract of a sentence encoder: texts in, vectors out, whose products say how alike two texts are. It lies on the
// ground floor like that of a language model (contract.ts); embedded: model/onnx/open-encoder.ts.
import type { LanguageModel, Tokenizer } from './contract.ts'
import type { ServedModel } from './served.ts'

/** How the vectors of a text's tokens become one: that of the first token, or the mean of all. */
export const POOLINGS = ['cls', 'mean'] as const
export type Pooling = (typeof POOLINGS)[number]

/** What a text is in a comparison: many encoders put other words before a query than before what it is to find. */
export type TextRole = 'query' | 'passage'

export interface EncoderInfo {
  /** What the user named: a folder or a hub name. */
  name: string
  /** SHA-256 over everything that decides the vectors: weights, tokenizer, pooling and prefixes. */
  digest: string
  /** Numbers in a vector. */
  dimensions: number
  /** Tokens that are encoded at once, special ones included; longer texts are encoded in parts. */
  maxTokens: number
  pooling: Pooling
  /** What is put before a text of each role; may be empty. */
  prefixes: Record<TextRole, string>
}

export interface EncodeOptions {
  role: TextRole
  /** Longer texts are cut to so many tokens of their own. */
  maxTokens: number
  signal?: AbortSignal
  /** Called now and then with the share of the texts that is encoded, from 0 to 1. */
  onProgress?: (share: number) => void
}

/** A frozen sentence encoder. */
export interface Encoder {
  readonly info: EncoderInfo
  /** Its tokens, without special ones: what budgets count. */
  readonly tokenizer: Tokenizer
  /**
   * vectors: [text][dimensions], each of length 1; a text beyond `info.maxTokens` is encoded in parts, whose vectors are
   * averaged by their tokens. tokens: all that the encoder read, prefixes and special ones included.
   */
  encode(texts: readonly string[], options: EncodeOptions): Promise<{ vectors: Float32Array[]; tokens: number }>
  /** Frees the encoder. Calls under way end with a CancelledError. */
  close(): Promise<void>
}

/** What a judge reads with. */
export type JudgeModel = LanguageModel | Encoder | ServedModel

export function isEncoder(model: JudgeModel): model is Encoder {
  return 'encode' in model
}
