// The contract of a language model: what the profile generator, the judge and the GRPO loop ask of one. It lies on the
// ground floor: the engine below and everything above import their types from here. It follows Tinker's split of work:
// the caller owns the loop, data, reward and advantages; the provider owns weights and arithmetic (embedded:
// model/onnx; on a server: model/tinker).

/** Token ids of one text, first to last. */
export type TokenIds = readonly number[]

/** Which weights answer: the trained policy, or the frozen base it started from (the judge and the KL reference). */
export type WeightSet = 'policy' | 'base'

/** The linear maps of a decoder's layer, in the order of the forward pass: what an adapter may sit on. */
export const PROJECTIONS = ['q', 'k', 'v', 'o', 'gate', 'up', 'down'] as const
export type Projection = (typeof PROJECTIONS)[number]

/** A LoRA adapter's shape. */
export interface LoraShape {
  rank: number
  alpha: number
  /** Linear maps that get an adapter. */
  targets: Projection[]
  /** Scales by alpha/sqrt(rank) instead of alpha/rank. */
  rsLora: boolean
}

/** What of a model is trained: an adapter, or all of it. */
export type Trainable = ({ type: 'lora' } & LoraShape) | { type: 'full' }

/** Precisions that sampling and judging may read a base's matrices in. */
export const QUANTIZE = ['none', 'int8'] as const
export type Quantize = (typeof QUANTIZE)[number]

/** What training may compute the products of a frozen base in. */
export const PRECISIONS = ['f32', 'int8'] as const
export type Precision = (typeof PRECISIONS)[number]

/** One turn of a conversation. */
export interface ChatMessage {
  role: 'system' | 'user' | 'assistant'
  content: string
}

/** Text to token ids and back, with the model's own chat template. Runs in the caller's thread. */
export interface Tokenizer {
  /** Number of ids, special tokens included. */
  readonly vocabSize: number
  /** Ids that end a generated text (end of sequence, end of turn). */
  readonly stopTokens: TokenIds
  /** Id put before a plain text, where the model wants one. */
  readonly bosToken: number | undefined
  /** Ids of a text; no special token is added, and special tokens spelled out in `text` are plain characters. */
  encode(text: string): number[]
  /** Text of ids; special tokens are left out. */
  decode(tokens: TokenIds): string
  /**
   * Ids of a conversation under the model's chat template, ready for the assistant's answer.
   * A model without a template gets the contents separated by blank lines, after `bosToken`.
   */
  chat(messages: readonly ChatMessage[]): number[]
}

export interface SampleRequest {
  prompt: TokenIds
  /** One completion per seed; equal seeds with equal prompts give equal completions. */
  seeds: readonly number[]
}

export interface SampleOptions {
  /** Upper bound of a completion's tokens, the stop token included. */
  maxTokens: number
  /** 1 samples the model's own distribution; 0 is greedy. Default 1. */
  temperature?: number
  /** Default: the tokenizer's stop tokens. Pass [] to always fill `maxTokens`. */
  stopTokens?: TokenIds
  /**
   * Constrained decoding: step i may only give a token of `steps[i]` (the last entry repeats);
   * with `distinct`, a token already given in this completion may not come again.
   */
  allowed?: { steps: readonly TokenIds[]; distinct?: boolean }
  /** Default 'policy'. */
  weights?: WeightSet
  signal?: AbortSignal
  /** Called now and then with the tokens sampled so far, over all completions. */
  onProgress?: (tokens: number) => void
}

export interface Completion {
  /** Sampled ids; ends with the stop token where `stopReason` is 'stop'. */
  tokens: number[]
  /** Log probability of each sampled token under the distribution it was drawn from; same length as `tokens`. */
  logprobs: Float32Array
  stopReason: 'stop' | 'length'
}

export interface ScoreRequest {
  /** Shared by all continuations and computed once; requests whose prefixes begin alike share that part too. */
  prefix: TokenIds
  continuations: readonly TokenIds[]
}

export interface CallOptions {
  /** Default 'policy'. */
  weights?: WeightSet
  signal?: AbortSignal
  /** Called now and then with the share of the call's work that is done, from 0 to 1. */
  onProgress?: (share: number) => void
}

export interface ScoreOptions extends CallOptions {
  /** By the precision that the model trains in, where it was opened to score in another. */
  exact?: boolean
  /** Of the distribution whose log probabilities are given. Default 1. */
  temperature?: number
}

export interface TrainCompletion {
  tokens: TokenIds
  /** One number for all tokens of the completion (GRPO's advantage). Not read by cross_entropy. */
  advantage: number
  /** [tokens] weight of each token in the loss: mask, normalisation and importance correction multiplied. */
  weights: Float32Array
  /**
   * [tokens] log probabilities that the ratios of ppo and cispo start from; absent: those of this very pass, all ratios 1.
   */
  oldLogprobs?: Float32Array
  /** [tokens] log probabilities under the frozen base. Needed where `klCoef` is above 0. */
  refLogprobs?: Float32Array
}

/** One prompt with many completions, so that a provider can share the prompt's work. */
export interface TrainGroup {
  prompt: TokenIds
  completions: readonly TrainCompletion[]
}

export interface TrainCallOptions {
  signal?: AbortSignal
  /**
   * Completions of all calls up to the next optimStep, this one's too; default: this one's. A server that averages over
   * them has to know how many are still to come.
   */
  completions?: number
}

/**
 * Token-level losses, minimised. With r_t = exp(logp_t − old_t), A the completion's advantage, w_t the token's weight:
 *
 * - cross_entropy: −Σ w_t·logp_t
 * - ppo:           −Σ w_t·min(r_t·A, clip(r_t, 1−clipLow, 1+clipHigh)·A). With `sequenceRatio`, r_t is replaced by the
 *                  completion's exp(mean over tokens of weight > 0 of (logp − old)), differentiated through (GSPO)
 * - cispo:         −Σ w_t·stopgrad(min(r_t, 1+clipHigh))·A·logp_t
 *
 * `klCoef` β adds β·Σ w_t·k3_t, k3_t = exp(ref_t − logp_t) − (ref_t − logp_t) − 1, to ppo and cispo; above 20 the
 * tangent takes the place of exp, which would overflow.
 * `temperature` (default 1): logp is of the distribution at this temperature, the one that the sampler drew from.
 */
export type TokenLoss =
  | { type: 'cross_entropy' }
  | {
      type: 'ppo'
      clipLow: number
      clipHigh: number
      sequenceRatio?: boolean
      klCoef?: number
      temperature?: number
    }
  | { type: 'cispo'; clipHigh: number; klCoef?: number; temperature?: number }

export interface ForwardBackwardResult {
  loss: number
  /**
   * [group][completion]: log probability and entropy (nats) of every token, by the policy at the loss's temperature. A
   * provider that does not compute the entropy leaves it out.
   */
  completions: { logprobs: Float32Array; entropy?: Float32Array }[][]
}

export interface AdamParams {
  learningRate: number
  beta1: number
  beta2: number
  eps: number
  /** Decoupled (AdamW). */
  weightDecay: number
  /** Gradients are scaled down to this global norm; 0 never clips. */
  maxGradNorm: number
}

export interface ModelInfo {
  /** What the user named: a folder, a file or a hub name. */
  name: string
  /** SHA-256 over configuration and weights, as sampling and scoring read them: what `config.json` of a run records. */
  digest: string
  /**
   * Tokens of the longest text that the model reads here; the embedded engine goes up to 8192, whatever the model's
   * own.
   */
  contextLength: number
  /** Absent where the provider does not know, as of a server's model. */
  parameters?: number
  /** Parameters that optimStep changes; 0 for a model opened for inference, absent as `parameters`. */
  trainableParameters?: number
  /** What the server of it was found to be, for the record of a run; absent where there is no server. */
  server?: Readonly<Record<string, string | number | boolean>>
  /** How it was opened, for the configuration of a run; absent where a provider does not say. */
  opened?: {
    /** Absent: for inference. */
    trainable?: Trainable
    quantize: Quantize
    precision: Precision
    /** What an adapter's first weights derive from. */
    seed: number
  }
}

/** A language model with a policy that may be trained and a frozen base. All token work is batched by the provider. */
export interface LanguageModel {
  readonly info: ModelInfo
  readonly tokenizer: Tokenizer

  /** [request][seed]. The prompt of a request is computed once for all its seeds. */
  sample(requests: readonly SampleRequest[], options: SampleOptions): Promise<Completion[][]>
  /** [request][continuation][token]: log probability of every token of the continuation after the prefix. */
  score(requests: readonly ScoreRequest[], options?: ScoreOptions): Promise<Float32Array[][]>
  /** [prompt][label]: next-token logits restricted to the label ids. */
  labelLogits(prompts: readonly TokenIds[], labels: TokenIds, options?: CallOptions): Promise<Float32Array[]>

  /** Adds the gradient of the loss to the accumulated gradient. The policy is not changed. */
  forwardBackward(
    groups: readonly TrainGroup[],
    loss: TokenLoss,
    options?: TrainCallOptions,
  ): Promise<ForwardBackwardResult>
  /**
   * One AdamW step with the accumulated gradient, which is then cleared. `gradNorm` is the norm before clipping, null
   * where the provider does not say.
   */
  optimStep(adam: AdamParams): Promise<{ gradNorm: number | null }>
  /**
   * Policy and optimiser state into a folder; the policy's part is in a standard format (PEFT, or a Hugging Face
   * folder).
   */
  saveState(folder: string): Promise<void>
  /** What saveState wrote. Afterwards the model continues exactly as the saved one would have. */
  loadState(folder: string): Promise<void>
  /** The policy alone: a PEFT adapter (adapter_config.json, adapter_model.safetensors) or full weights. */
  savePolicy(folder: string): Promise<void>
  /** What savePolicy wrote. */
  loadPolicy(folder: string): Promise<void>
  /** Frees the model. Calls under way end with a CancelledError. */
  close(): Promise<void>
}
